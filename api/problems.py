"""Every failure that a client sees is an RFC 9457 problem: `application/problem+json` with type, title, status, detail.

Details say what was wrong and what to do, and never quote what was sent: that may be personal data. Nothing that a
client sends makes a 5xx; a 500 is a mistake of ours, and is logged.
"""

import traceback
from dataclasses import dataclass, field

import msgspec
import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from eddy.api import problem_types
from eddy.api.problem_types import ProblemType

CONTENT_TYPE = "application/problem+json"
ERRORS_MOST = 20

log = structlog.stdlib.get_logger(__name__)


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a transaction.

    Attributes:
        pointer: where, as a JSON pointer into the body; the names are those of the schema.
        category: the word that a dead letter would carry.
        detail: what was wrong, without the value.
    """

    pointer: str
    category: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A failure, after RFC 9457.

    Attributes:
        type: which kind; a reference to its explanation.
        title: the kind in words, always the same.
        status: of the response.
        detail: what was wrong this time and what to do; quotes no value that was sent.
        category: why a transaction was refused, in the words of dead letters.
        errors: the fields that are wrong, the first 20 of them.
        errors_left_out: how many more there are.
        missing: what a server that is not ready lacks.
    """

    type: str
    title: str
    status: int
    detail: str
    category: str | None = None
    errors: tuple[FieldError, ...] = ()
    errors_left_out: int = 0
    missing: tuple[str, ...] = ()


@dataclass(eq=False)
class Problem(Exception):
    """Raised anywhere while a request is answered, it becomes the answer."""

    what: ProblemType
    detail: str
    category: str | None = None
    errors: tuple[FieldError, ...] = ()
    missing: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def document(self) -> ProblemDocument:
        what, errors = self.what, self.errors[:ERRORS_MOST]
        left_out, detail = len(self.errors) - len(errors), self.detail
        if left_out:
            detail += f" The first {ERRORS_MOST} of {len(self.errors)} errors are listed."
        return ProblemDocument(what.uri, what.title, what.status, detail, self.category, errors, left_out, self.missing)

    def response(self) -> Response:
        body = msgspec.json.encode(self.document())
        return Response(body, self.what.status, self.headers, content_type=CONTENT_TYPE)


def too_large(max_body_bytes: int) -> Problem:
    return Problem(problem_types.TOO_LARGE, f"At most {max_body_bytes} bytes are accepted.")


def malformed(detail: str = "The request is not valid HTTP/1.1.") -> Problem:
    return Problem(problem_types.MALFORMED, detail)


def internal() -> Problem:
    return Problem(problem_types.INTERNAL, "This is a mistake in Eddy; its log says more.")


def log_mistake(error: BaseException) -> None:
    """Logs what went wrong and where, but not the error's message: it may quote what was sent."""
    log.error("a request failed", error=type(error).__name__, at="".join(traceback.format_tb(error.__traceback__)))


def register(app: Flask) -> None:
    """Turns every exception that may be raised while a request is answered into a problem."""

    @app.errorhandler(Problem)
    def _(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(HTTPException)
    def _(error: HTTPException) -> Response:
        return _of_http(error).response()

    @app.errorhandler(Exception)
    def _(error: Exception) -> Response:
        log_mistake(error)
        return internal().response()


def _of_http(error: HTTPException) -> Problem:
    what = problem_types.of_status(error.code or 500)
    if what is problem_types.METHOD_NOT_ALLOWED:
        allowed = dict(error.get_headers()).get("Allow", "")
        return Problem(what, f"Allowed here: {allowed}.", headers={"Allow": allowed})
    if what is problem_types.MALFORMED:
        return malformed()
    return Problem(what, what.remedy)
