"""Values far from the middle of their column, and rows that are unusual in several columns at once."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import iqr, norm

from eddy.model.arrays import Floats, Floats32
from eddy.model.data.sentinels import Sentinel, in_table
from eddy.model.exploration.distributions import Distribution
from eddy.model.exploration.typed_table import Levels, View

FAR = 6.0
"""From this distance on a value is an outlier: a bell curve has one in 500 million there."""
TAMED = 10.0
"""Beyond this, distances count by their logarithm: one mistyped number does not outweigh all else together."""
MOST_ROWS, REASONS = 12, 4
FEW_VALUES, LOOK_ROWS = 10, 10_000


@dataclass(frozen=True)
class Outliers:
    """Values of a column that are far from its middle.

    Args:
        share: of its numbers, those `FAR` robust standard deviations or more away.
        least, most: the outermost values; least_z, most_z: how far out they are.
        transformed: whether distances were taken on a logarithmic scale, since the column is skewed.
        sentinels: numbers that seem to stand for a missing value.
    """

    share: float
    least: float
    least_z: float
    most: float
    most_z: float
    transformed: bool
    sentinels: tuple[Sentinel, ...] = ()

    @property
    def farthest(self) -> float:
        return max(-self.least_z, self.most_z)


@dataclass(frozen=True)
class OutlierRow:
    """A row (of the source, from 1), its distance, and why: (column, value as text, distance), farthest first."""

    row: int
    distance: float
    anomalous: bool | None
    reasons: tuple[tuple[str, str, float], ...]


def outliers(view: View, spreads: dict[str, Distribution]) -> dict[str, Outliers]:
    """Of every numeric column that varies, those with most outliers first."""
    found = in_table(view.table, view.fields)
    made = {name: _outliers(view.numbers[name], spread, found.get(name, ())) for name, spread in spreads.items()}
    return dict(sorted(made.items(), key=lambda each: -each[1].share))


def _outliers(numbers: Floats, spread: Distribution, sentinels: tuple[Sentinel, ...]) -> Outliers:
    known = numbers[~np.isnan(numbers)]
    z = robust_z(known, spread)
    low, high = int(known.argmin()), int(known.argmax())
    return Outliers(
        float((np.abs(z) >= FAR).mean()),
        float(known[low]),
        float(z[low]),
        float(known[high]),
        float(z[high]),
        spread.scale != "linear",
        sentinels,
    )


def robust_z(numbers: Floats, spread: Distribution) -> Floats:
    """Distance from the median in robust standard deviations [n], on the scale on which it is drawn; NaN stays."""
    values = _transformed(numbers, spread)
    known = values[~np.isnan(values)]
    return np.asarray((values - np.median(known)) / (_deviation(known) or float(known.std()) or 1.0))


def _deviation(known: Floats) -> float:
    """The standard deviation of a bell curve with the same middle half, or the same middle 90 % if that is wider.

    Where there are few different values, no half is meant by the middle: then it is the plain one.
    """
    if len(np.unique(known[:: max(1, len(known) // LOOK_ROWS)])) <= FEW_VALUES:
        return float(known.std())
    return max(float(iqr(known, rng=(100 - p, p), scale=2 * norm.ppf(p / 100))) for p in (75, 95))


def _transformed(numbers: Floats, spread: Distribution) -> Floats:
    if spread.scale == "log":
        positive = numbers[numbers > 0]
        return np.asarray(np.log(np.maximum(numbers, positive.min() / 2)))
    if spread.scale == "symlog":
        return np.asarray(np.arcsinh((numbers - np.nanmedian(numbers)) / spread.linear_within))
    return numbers


def outlier_rows(view: View, spreads: dict[str, Distribution]) -> tuple[OutlierRow, ...]:
    """Rows with the largest distance from the middle over all columns; levels count by how rare they are."""
    names, distances = _distances(view, spreads)
    if not names:
        return ()
    overall = np.sqrt((np.log1p(distances / TAMED) ** 2).mean(axis=1)) * TAMED
    farthest = np.argsort(-overall, kind="stable")[:MOST_ROWS]
    return tuple(_outlier_row(view, int(row), float(overall[row]), names, distances[row]) for row in farthest)


def _distances(view: View, spreads: dict[str, Distribution]) -> tuple[list[str], Floats32]:
    """Names [k], and distances [n, k]; a missing value is at distance 0."""
    columns = {
        name: np.nan_to_num(np.abs(robust_z(view.numbers[name], spread))) for name, spread in spreads.items()
    } | {name: _surprise(levels) for name, levels in view.levels.items() if len(levels.names) > 1}
    made = np.empty((len(view), len(columns)), np.float32)
    for place, distance in enumerate(columns.values()):
        made[:, place] = distance
    return list(columns), made


def _surprise(levels: Levels) -> Floats:
    """-log p on the scale of a bell curve's distance, whose tail is exp(-z^2 / 2)."""
    share = levels.counts / len(levels.codes)
    distance = np.sqrt(-2.0 * np.log(share))
    return np.asarray(np.append(distance, 0.0)[levels.codes])


def _outlier_row(view: View, row: int, distance: float, names: list[str], distances: Floats32) -> OutlierRow:
    farthest = np.argsort(-distances, kind="stable")[:REASONS]
    reasons = tuple(
        (names[place], _value(view, names[place], row), float(distances[place]))
        for place in farthest
        if distances[place] >= 3.0
    )
    return OutlierRow(view.row(row), distance, None if view.anomalous is None else bool(view.anomalous[row]), reasons)


def _value(view: View, name: str, row: int) -> str:
    if name in view.hidden:
        return "(not shown)"
    if name in view.numbers:
        return f"{view.numbers[name][row]:,.6g}"
    return str(view.levels[name].names[view.levels[name].codes[row]])
