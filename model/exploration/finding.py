"""A finding: one sentence that an analyst should read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Section = Literal[
    "columns", "missing", "distributions", "time", "levels", "correlations", "duplicates", "outliers", "labels", "drift"
]
NAMED = 4


class Severity(StrEnum):
    """Correct it before training; check it; know it. The most severe first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """One sentence, the section that shows it, and the columns that it is about."""

    severity: Severity
    section: Section
    text: str
    columns: tuple[str, ...] = ()


def listed(names: Sequence[str]) -> str:
    """`a`, `b` and 3 more."""
    shown = ", ".join(f"`{name}`" for name in names[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown


def counted(count: int, one: str, many: str) -> str:
    """1 row, 2 rows."""
    return f"{count:,} {one if count == 1 else many}"
