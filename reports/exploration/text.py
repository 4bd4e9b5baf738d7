"""Words that the sections of an exploration share."""

from datetime import UTC, datetime


def when(seconds: float) -> str:
    """2026-03-01 12:00."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"


def percent(share: float) -> str:
    """Nothing, a share that can be read, or `< 0.01 %`."""
    if share == 0:
        return "0"
    return f"{share:.2%}" if share >= 0.0001 else "< 0.01%"
