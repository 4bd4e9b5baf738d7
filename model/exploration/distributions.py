"""What each column holds: how much of it, how many different values, and how they are spread."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eddy.model.arrays import Bools, Floats
from eddy.model.data.schema_inference import Guess
from eddy.model.exploration.typed_table import Levels, View

Scale = Literal["linear", "log", "symlog"]

SKEWED = 10.0
"""From this ratio of a high quantile (99.9 %) to the middle on, an axis is logarithmic."""
WIDE = 15.0
"""From this many interquartile ranges between the middle and an outer quantile on, too."""
MOST_UNSEEN = 0.02
"""A log axis leaves out zeros: no more of them than this share."""
BINS, FEW_VALUES, TOP_LEVELS = 40, 40, 8
RARE_SHARE = 0.001
"""A level in fewer rows than this share is rare."""


@dataclass(frozen=True)
class ColumnFacts:
    """One column of n rows. `missing`, `top_share`: shares of rows; `top_share` is that of the most frequent value.

    `least`, `middle`, `most` are None where the column holds no numbers. `infinite`, `unreadable`: cells.
    """

    name: str
    kind: str
    role: str | None
    why: str
    missing: float
    distinct: int
    top_share: float
    infinite: int
    unreadable: int
    least: float | None = None
    middle: float | None = None
    most: float | None = None

    @property
    def constant(self) -> bool:
        """The same value in every row that has one."""
        return self.distinct == 1


@dataclass(frozen=True, eq=False)
class Distribution:
    """How the numbers of a column are spread.

    Args:
        scale: of the axis; "symlog" is logarithmic on both sides, linear within `linear_within`.
        edges: of b bins [b + 1].
        normal, anomalous: share of the rows of each kind in every bin [b]; `anomalous` is None without anomalies.
        unseen: share of the numbers that the axis leaves out: beyond its ends, or not positive on a log axis.
    """

    scale: Scale
    edges: Floats
    normal: Floats
    anomalous: Floats | None
    unseen: float
    linear_within: float = 1.0


@dataclass(frozen=True)
class LevelFacts:
    """The levels of a categorical column.

    Args:
        top: the most frequent ones: name, share of rows, share of them that are anomalous (None without labels).
        rare_levels, rare_rows: how many levels are rare, and the share of rows that have one of them.
    """

    levels: int
    top: tuple[tuple[str, float, float | None], ...]
    rare_levels: int
    rare_rows: float


def column_facts(view: View) -> tuple[ColumnFacts, ...]:
    """Facts about each column, in the order of the table."""
    return tuple(_facts(view, guess) for guess in view.guesses)


def _facts(view: View, guess: Guess) -> ColumnFacts:
    name, field = guess.field.name, guess.field
    numbers = view.numbers.get(name)
    missing, distinct, top = _counted(view, name)
    spread = _spread(numbers) if numbers is not None else (None, None, None)
    lost = view.infinite.get(name, 0), view.unreadable.get(name, 0)
    return ColumnFacts(name, field.kind.value, field.role, guess.why, missing, distinct, top, *lost, *spread)


def _counted(view: View, name: str) -> tuple[float, int, float]:
    """Share of missing cells, number of different values, share of the most frequent one."""
    counts = view.levels[name].counts if name in view.levels else _value_counts(view.table[name])
    return 1.0 - float(counts.sum()) / len(view), len(counts), float(counts.max(initial=0)) / len(view)


def _value_counts(column: "pd.Series[Any]") -> NDArray[Any]:
    try:
        return column.value_counts(sort=False).to_numpy(np.int64)
    except TypeError:  # lists, dictionaries
        return column.dropna().astype(str).value_counts(sort=False).to_numpy(np.int64)


def _spread(numbers: Floats) -> tuple[float | None, float | None, float | None]:
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return None, None, None
    least, middle, most = np.quantile(known, (0.0, 0.5, 1.0))
    return float(least), float(middle), float(most)


def distributions(view: View) -> dict[str, Distribution]:
    """Of every numeric column that holds two different numbers or more."""
    made = {name: distribution(numbers, view.anomalous) for name, numbers in view.numbers.items()}
    return {name: spread for name, spread in made.items() if spread is not None}


def distribution(numbers: Floats, anomalous: Bools | None = None) -> Distribution | None:
    """How numbers [n] are spread; None where there are fewer than two different ones."""
    known = ~np.isnan(numbers)
    values = numbers[known]
    if not len(values) or values.min() == values.max():
        return None
    scale, within = _scale(values)
    edges = _edges(values, scale, within)
    labelled = anomalous[known] if anomalous is not None else np.zeros(len(values), np.bool_)
    normal = _shares(values[~labelled], edges) if not labelled.all() else _shares(values, edges)
    anomalies = _shares(values[labelled], edges) if labelled.any() else None
    seen = (values >= edges[0]) & (values <= edges[-1])
    return Distribution(scale, edges, normal, anomalies, float(1.0 - seen.mean()), within)


def _scale(values: Floats) -> tuple[Scale, float]:
    """The scale, and for a symmetric logarithm within what it is linear."""
    low, quarter, middle, upper, high = np.quantile(values, (0.001, 0.25, 0.5, 0.75, 0.999))
    if values.min() >= 0:
        positive = values[values > 0]
        if high <= SKEWED * np.median(positive):
            return "linear", 1.0
        few_zeros = len(positive) >= (1 - MOST_UNSEEN) * len(values)
        return ("log", 1.0) if few_zeros else ("symlog", float(np.quantile(positive, 0.1)))
    width = float(upper - quarter)
    wide = width > 0 and max(high - middle, middle - low) > WIDE * width
    return ("symlog", width) if wide else ("linear", 1.0)


def _edges(values: Floats, scale: Scale, within: float) -> Floats:
    if scale == "log":
        positive = values[values > 0]
        return np.geomspace(positive.min(), positive.max() * (1 + 1e-9), BINS + 1)
    if scale == "symlog":
        low, high = np.arcsinh(values.min() / within), np.arcsinh(values.max() / within)
        return np.asarray(np.sinh(np.linspace(float(low), float(high), BINS + 1)) * within)
    least, most = _ends(values)
    if most - least <= FEW_VALUES and _whole(values):
        return np.arange(least - 0.5, most + 1.0)
    return np.linspace(least, most, BINS + 1)


def _ends(values: Floats) -> tuple[float, float]:
    """All values, or the middle 99.8 % where a few others would squeeze them into a corner."""
    low, high = np.quantile(values, (0.001, 0.999))
    least, most = values.min(), values.max()
    margin = 0.5 * (high - low)
    if margin == 0:
        return float(least), float(most)
    return float(max(least, low - margin)), float(min(most, high + margin))


def _whole(values: Floats) -> bool:
    return bool((values == np.round(values)).all())


def _shares(values: Floats, edges: Floats) -> Floats:
    return np.asarray(np.histogram(values, edges)[0] / max(1, len(values)), np.float64)


def level_facts(view: View) -> dict[str, LevelFacts]:
    """Of every categorical column."""
    return {name: _level_facts(levels, view.anomalous) for name, levels in view.levels.items()}


def _level_facts(levels: Levels, anomalous: Bools | None) -> LevelFacts:
    rows = len(levels.codes)
    rare = levels.counts < RARE_SHARE * rows
    top = tuple(
        (str(name), float(count) / rows, _rate(levels.codes == place, anomalous))
        for place, (name, count) in enumerate(zip(levels.names[:TOP_LEVELS], levels.counts[:TOP_LEVELS], strict=True))
    )
    return LevelFacts(len(levels.names), top, int(rare.sum()), float(levels.counts[rare].sum()) / rows)


def _rate(rows: Bools, anomalous: Bools | None) -> float | None:
    return None if anomalous is None else float(anomalous[rows].mean())
