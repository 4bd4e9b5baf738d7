"""Numbers that stand for "missing" in a column, such as -999999999, or -1 where all else is positive.

Two things give them away: they lie outside all other values, and they come again and again. Either alone is no reason:
the outermost value may be a large payment, and a frequent one the usual price.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from eddy.model.arrays import Floats
from eddy.model.data import values
from eddy.model.schema import toml
from eddy.model.schema.field import Field, Kind

FEWEST_ROWS = 100
"""In fewer rows nothing comes again and again."""
MOST_SHARE, USUAL_SHARE = 0.5, 0.05
"""What is more frequent is what the column says. Beyond the usual share a value needs more to give it away."""
REPEATED = 3

_NINES = re.compile(r"9{2,}(\.9{1,2})?")
_LONG = re.compile(r"9{5,}")
_LIMITS = frozenset(2.0**bits - low for bits in (15, 31, 63) for low in (0, 1))
_ANY_SHARE, _ANY_VALUES = 0.005, 20
_FAR, _MUCH_FARTHER = 2.0, 10.0
_PILE = 3
_NINES_AMONG_OTHERS = 0.2
_FEW_LEVELS = 4
_FALL = 0.45
_NEXT_ROWS = 2.0
_LOPSIDED = 0.3


@dataclass(frozen=True)
class Sentinel:
    """A number that seems to stand for "missing", in `count` of so many rows."""

    value: float
    count: int
    rows: int

    @property
    def share(self) -> float:
        return self.count / self.rows


def find(numbers: Floats) -> tuple[Sentinel, ...]:
    """What seems to stand for "missing" in a column [n]; NaN and infinity are no values."""
    rest, found = numbers[np.isfinite(numbers)], []
    # What is far away goes first: the rest is what a number next to it has to be unusual in.
    for rule in (_is_apart, _is_only_negative):
        while len(rest) >= FEWEST_ROWS and (value := _outermost(rest, rule)) is not None:
            others = rest[rest != value]
            found.append(Sentinel(value, len(rest) - len(others), len(numbers)))
            rest = others
    return tuple(found)


def in_table(table: pd.DataFrame, fields: Iterable[Field]) -> dict[str, tuple[Sentinel, ...]]:
    """What seems to stand for "missing" in a table's numeric columns, by name, where the fields do not say."""
    asked = [field.name for field in fields if field.kind is Kind.NUMERIC and field.missing is None]
    found = {name: find(values.numbers(table[name])) for name in asked if name in table}
    return {name: seen for name, seen in found.items() if seen}


def described(column: str, seen: Sentinel) -> str:
    """What was seen, as a sentence without its end."""
    rows = f"{seen.count:,} of {seen.rows:,} rows ({100 * seen.share:.2g} %)"
    return f"{column} is {toml.number(seen.value)} in {rows}, outside all other values, as if that meant missing"


def remedy(field: Field, numbers: Iterable[float]) -> str:
    """What to write into the schema file, whether they do or not."""
    return f"If it does, say so in schema.toml: {_declared(field, numbers)}; if it does not: missing = []"


def suggestion(field: Field, seen: Iterable[Sentinel]) -> str:
    """What to write into the schema file if they do, as a line with a comment."""
    seen = tuple(seen)
    counts = " and ".join(f"{toml.number(each.value)} ({each.count:,} rows)" for each in seen)
    return f"{_declared(field, (each.value for each in seen))}  # if {counts} stands for a missing value"


def _declared(field: Field, numbers: Iterable[float]) -> str:
    return toml.line(replace(field, missing=tuple(sorted(numbers))))


Rule = Callable[[float, int, Floats], bool]
"""Whether a value that so many rows have, the least or the largest, stands for "missing" beside all others."""


def _outermost(numbers: Floats, rule: Rule) -> float | None:
    """The least or the largest of the numbers, where it stands for "missing"."""
    for value in (float(numbers.min()), float(numbers.max())):
        count = int((numbers == value).sum())
        if count <= MOST_SHARE * len(numbers) and rule(value, count, numbers[numbers != value]):
            return value
    return None


def _is_apart(value: float, count: int, others: Floats) -> bool:
    low, high = float(others.min()), float(others.max())
    if value == 0.0 or low == high:  # a payment of 0, or a column that says nothing else
        return False
    gap = max(low - value, value - high) / (high - low)
    if not _is_spelled(value):
        frequent = count >= _ANY_SHARE * (count + len(others))
        return frequent and gap > _FAR and len(np.unique(others)) >= _ANY_VALUES
    if gap <= _MUCH_FARTHER and _end_alike(value, others):
        return False
    if count < REPEATED:
        return gap > _MUCH_FARTHER and _is_plain(value)
    return gap > 1.0 or _is_pile(value, count, others)


def _is_plain(value: float) -> bool:
    """Whether one row is enough to tell."""
    return abs(value) in _LIMITS or _LONG.fullmatch(_digits(value)) is not None


def _is_spelled(value: float) -> bool:
    """Whether people choose it to say "missing": -1, nines, and the limits of integers."""
    return value == -1.0 or abs(value) in _LIMITS or _NINES.fullmatch(_digits(value)) is not None


def _digits(value: float) -> str:
    return f"{abs(value):.15g}"


def _end_alike(value: float, others: Floats) -> bool:
    """Whether many others end in nine, too: prices do."""
    size = np.abs(others[np.sign(others) == np.sign(value)])
    step = 1.0 if value == int(value) else 0.1 if round(10 * value, 6) == int(round(10 * value, 6)) else 0.01
    last = np.round(size / step, 3) % 10.0
    return abs(value) != 1.0 and float((last == 9.0).sum()) > _NINES_AMONG_OTHERS * len(others)


def _is_only_negative(value: float, count: int, others: Floats) -> bool:
    """Whether no other is negative, and they are more than a few codes, or a tail that happens to end here."""
    if value >= 0 or not _is_spelled(value) or count < REPEATED or float(others.min()) < 0:
        return False
    levels, counts = np.unique(others, return_counts=True)
    rare = count <= USUAL_SHARE * (count + len(others))
    if len(levels) < (_FEW_LEVELS if rare else _ANY_VALUES):
        return False
    steps = np.diff(levels[:3])
    next_step = value + steps[0] == levels[0] and steps[0] == steps[1]
    falling = next_step and count < counts[0] < _FALL * counts[1]
    ends_early = count * count / counts[0] >= _NEXT_ROWS and abs(_skewness(others)) >= _LOPSIDED
    return ends_early or not falling


def _skewness(numbers: Floats) -> float:
    centered = numbers - numbers.mean()
    return float((centered**3).mean() / max(float((centered**2).mean()) ** 1.5, 1e-300))


def _is_pile(value: float, count: int, others: Floats) -> bool:
    """Whether far more rows have it than all of the outer half of what lies inside: no tail ends like that."""
    if len(_digits(value).replace(".", "")) < 4 or count > USUAL_SHARE * (count + len(others)):
        return False
    sign, middle = np.sign(value), float(np.median(others))
    outer = int((sign * others > sign * (value + middle) / 2).sum())
    return count > _PILE * outer
