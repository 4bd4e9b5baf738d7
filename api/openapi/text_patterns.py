"""Patterns of text that the codec reads as something else, such as a number or a time (`model.schema.spellings`).

They hold in every dialect of regular expressions that JSON Schema is used with. Where a pattern cannot say exactly what
is read, it says less: text that fits is always read, and what is read besides is hardly ever written.
"""

from eddy.model.schema.schema import NUMBER_MAX

_FRACTION = r"(?:\.[0-9]*)?"
_DIGITS = len(f"{NUMBER_MAX:.0f}") - 1
_HALF = _DIGITS // 2


def _alone(pattern: str) -> str:
    """With nothing but white space around."""
    return rf"^[ \t\r\n]*(?:{pattern})[ \t\r\n]*$"


TRUTH = _alone("[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[01]")
WHOLE = _alone(r"[+-]?[0-9]{1,40}(?:\.0*)?")

NUMBER = _alone(
    r"[+-]?(?:"
    rf"(?:0*[0-9]{{1,{_DIGITS}}}{_FRACTION}|\.[0-9]+)(?:[eE]-[0-9]{{1,4}})?"
    rf"|(?:0*[0-9]{{1,{_HALF}}}{_FRACTION}|\.[0-9]+)[eE]\+?0?(?:[0-9]|1[0-{_HALF % 10}])"
    rf"|(?:[0-9]{_FRACTION}|\.[0-9]+)[eE]\+?[0-{_DIGITS // 10 - 1}]?[0-9]"
    ")"
)
"""A number of at most `NUMBER_MAX`: many digits, or a large exponent, but not both."""

_DAY = (
    r"(?:(?:19[7-9][0-9]|2[01][0-9]{2})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:19(?:7[26]|8[048]|9[26])|20(?:[02468][048]|[13579][26])|21(?:0[48]|[2468][048]|[13579][26]))-02-29)"
)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]+)?)?"
_OFFSET = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
_BEYOND = r"(?!1970-01-01.*[+])(?!2199-12-31.*-)"
TIME = _alone(f"{_BEYOND}{_DAY}(?:[Tt ]{_CLOCK}(?: *{_OFFSET})?)?")
"""A time of 1970 to 2199; on the first and the last day none with an offset that may lead out of these years."""


def number_below(limit: int) -> str:
    """Numbers from 0 to below the limit, without exponent."""
    digits = str(limit)
    shorter = rf"[0-9]{{1,{len(digits) - 1}}}"
    smaller = [
        rf"{digits[:place]}[0-{int(digit) - 1}][0-9]{{{len(digits) - place - 1}}}"
        for place, digit in enumerate(digits)
        if digit != "0"
    ]
    return _alone(rf"[+]?(?:0*(?:{'|'.join([shorter, *smaller])}){_FRACTION}|\.[0-9]+)")
