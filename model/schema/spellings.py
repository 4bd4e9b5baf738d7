"""Other ways to write a value than the plain one, such as a number as text: tables and messages accept the same."""

import re
from contextlib import suppress
from datetime import datetime
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
_WHOLE = re.compile(r"[+-]?\d{1,40}(\.0*)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) *([Zz]|[+-]\d\d(?::?\d\d)?)?)?")


class SpellingError(ValueError):
    """What a value is not, as the end of a sentence; it quotes no value."""


def number(value: Any) -> float:
    """A number, or text that is one: 12.5, "12.50", " 1e3 ".

    Raises:
        SpellingError: it is neither.
        OverflowError: it is too large.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise SpellingError("is no number: send 12.50, without currency and thousands separators")


def whole(value: Any) -> int:
    """A whole number, or text that is one: 5411, "0742", 5411.0."""
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return int(value)
    raise SpellingError("is no whole number")


def boolean(value: Any) -> bool:
    """true or false, also as text, or as 1 and 0."""
    found = value.strip().lower() if isinstance(value, str) else value
    if found in (True, "true", "1"):
        return True
    if found in (False, "false", "0"):
        return False
    raise SpellingError("is neither true nor false")


def text(value: Any) -> str:
    """Text, or a number or truth value as text. Whole numbers have no decimal point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if value == value // 1 else str(value)
    raise SpellingError("is no text")


def time(value: Any, form: str | None = None) -> datetime:
    """A time in ISO 8601: with or without seconds and offset (UTC then); a day alone is its begin.

    Args:
        form: another format, as of `datetime.strptime`.
    """
    if form and isinstance(value, str):
        with suppress(ValueError):
            return datetime.strptime(value.strip(), form)
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        day, clock, offset = found.groups("") if found else ("", "", "")
        return datetime.fromisoformat(f"{day}T{clock.replace(',', '.')}{offset.upper()}" if clock else day)
    except ValueError:
        raise SpellingError("is no time in ISO 8601, such as 2026-03-01T12:00:00Z") from None
