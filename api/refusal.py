"""Refusals of the codec as problems."""

from eddy.api import problem_types
from eddy.api.problems import Problem
from eddy.messaging.refusals import Category, Refused

_NOT_JSON = frozenset(
    {
        Category.NULL_VALUE,
        Category.EMPTY,
        Category.WHITESPACE,
        Category.NOT_UTF8,
        Category.BYTE_ORDER_MARK,
        Category.TRUNCATED,
        Category.TRAILING_BYTES,
        Category.MALFORMED,
        Category.NOT_FINITE,
        Category.TOO_DEEP,
    }
)


def of_refused(refused: Refused) -> Problem:
    what = problem_types.NOT_JSON if refused.category in _NOT_JSON else problem_types.REFUSED
    return Problem(what, refused.reason[:1].upper() + refused.reason[1:], refused.category)
