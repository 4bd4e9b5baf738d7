"""The option `--since`: a duration before now, or a time."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def since_ms(given: str, now: datetime | None = None) -> int:
    """Milliseconds since 1970 of a duration such as `2h`, or of an ISO 8601 time (without an offset: UTC).

    Raises:
        BadParameter: it is neither.
    """
    try:
        return int(_time(given.strip(), now or datetime.now(UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"give a duration such as 90s, 30m, 2h or 7d, or a time such as 2026-03-01T12:00; received {given}"
        ) from None


def duration_s(given: str) -> float:
    """Seconds of a duration such as `2h`.

    Raises:
        BadParameter: it is none.
    """
    if (found := _duration(given.strip())) is None or not found:
        raise typer.BadParameter(f"give a duration such as 90s, 30m, 2h or 7d; received {given}")
    return found.total_seconds()


def _duration(given: str) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,6})([smhd])", given)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _time(given: str, now: datetime) -> datetime:
    if (duration := _duration(given)) is not None:
        return now - duration
    time = datetime.fromisoformat(given)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


Since = Annotated[
    int | None,
    typer.Option(
        metavar="TIME", parser=since_ms, help="Show only what came after: a duration ago (2h), or an ISO time."
    ),
]
