"""A finding: one sentence that an analyst should read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Section = Literal[
    "columns", "missing", "distributions", "time", "levels", "correlations", "duplicates", "outliers", "labels", "drift"
]
NAMED = 4


class Weight(IntEnum):
    """How much a finding matters: mend it before training, look at it, know it."""

    STOP = 3
    WARNING = 2
    HINT = 1


@dataclass(frozen=True)
class Finding:
    """One sentence, the section that shows it, and the columns that it is about."""

    weight: Weight
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
