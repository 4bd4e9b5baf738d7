"""Whether the last fifth of the rows looks like the first: a model learned from the past is used on what comes."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import ks_2samp

from eddy.model.arrays import Floats, Indices
from eddy.model.exploration.typed_table import Levels, View, sample_indices

ROWS = 50_000
FEWEST = 50
"""Rows of a fifth without which nothing is said."""
BINS, LEVELS = 10, 30
MOVED, DIFFERENT = 0.1, 0.25
"""The usual rule of thumb for a population stability index."""

Verdict = Literal["same", "moved", "different"]


@dataclass(frozen=True)
class ColumnDrift:
    """A column in the first fifth of the rows and in the last.

    Args:
        psi: population stability index, missing values counted as a level; 0 is equal.
        ks: largest distance of the two cumulative distributions; None where there are no numbers.
        noise: the index that equal fifths of this size rarely exceed.
        first, last: the medians of numbers, or the shares of the level that changed most.
        level: that level, None for numbers.
    """

    column: str
    psi: float
    ks: float | None
    noise: float
    first: float
    last: float
    level: str | None = None

    @property
    def verdict(self) -> Verdict:
        if self.psi < MOVED or self.psi <= self.noise:
            return "same"
        return "different" if self.psi >= DIFFERENT else "moved"


@dataclass(frozen=True, eq=False)
class Drift:
    """All columns, the most different first.

    Args:
        by_time: whether the fifths are of time; otherwise of the rows' order.
        first, last: places of the rows that were compared.
        label_rates: share of anomalies in each; None without labels.
        label_noise: the difference of these shares that chance rarely exceeds.
    """

    by_time: bool
    first: Indices
    last: Indices
    columns: tuple[ColumnDrift, ...]
    label_rates: tuple[float, float] | None
    label_noise: float


def drift(view: View, seed: int = 0) -> Drift | None:
    """None where a fifth has fewer than `FEWEST` rows."""
    first, last = _fifths(view)
    if min(len(first), len(last)) < FEWEST:
        return None
    rates, noise = _label_rates(view, first, last)
    first, last = (rows[sample_indices(len(rows), ROWS, seed)] for rows in (first, last))
    made = [_of_numbers(name, values[first], values[last]) for name, values in view.numbers.items()]
    made += [_of_levels(name, levels, first, last) for name, levels in view.levels.items()]
    ranked = sorted((each for each in made if each is not None), key=lambda each: -each.psi)
    return Drift(view.time is not None, first, last, tuple(ranked), rates, noise)


def _fifths(view: View) -> tuple[Indices, Indices]:
    """Of the time that passed, not of the rows: with a time, both ends may hold different numbers of rows."""
    order = view.by_time
    if view.time is None or not len(order):
        fifth = len(order) // 5
        return order[:fifth], order[len(order) - fifth :]
    seconds = view.time[order]
    step = (seconds[-1] - seconds[0]) / 5
    return order[seconds < seconds[0] + step], order[seconds > seconds[-1] - step]


def _label_rates(view: View, first: Indices, last: Indices) -> tuple[tuple[float, float] | None, float]:
    if view.anomalous is None:
        return None, 0.0
    both = float(view.anomalous[np.concatenate([first, last])].mean())
    noise = 3 * float(np.sqrt(both * (1 - both) * (1 / len(first) + 1 / len(last))))
    return (float(view.anomalous[first].mean()), float(view.anomalous[last].mean())), noise


def _of_numbers(name: str, first: Floats, last: Floats) -> ColumnDrift | None:
    here, there = first[~np.isnan(first)], last[~np.isnan(last)]
    if not len(here) and not len(there):
        return None
    edges = _edges(here if len(here) else there)
    index, noise = _stability(_counts(first, edges), _counts(last, edges))
    distance = float(ks_2samp(here, there, method="asymp").statistic) if len(here) and len(there) else None
    medians = [float(np.median(each)) if len(each) else float("nan") for each in (here, there)]
    return ColumnDrift(name, index, distance, noise, medians[0], medians[1])


def _edges(values: Floats) -> Floats:
    """Inner edges of bins that hold a tenth of the rows each; a value that many rows share gets a bin of its own."""
    deciles = np.quantile(values, np.linspace(0, 1, BINS + 1))
    shared = deciles[:-1][np.diff(deciles) == 0]
    return np.unique(np.concatenate([deciles[1:-1], shared, np.nextafter(shared, np.inf)]))


def _counts(values: Floats, edges: Floats) -> Indices:
    """Rows in each bin, and last of all those without a number."""
    missing = np.isnan(values)
    inside = np.bincount(np.searchsorted(edges, values[~missing], "right"), minlength=len(edges) + 1)
    return np.append(inside, missing.sum())


def _of_levels(name: str, levels: Levels, first: Indices, last: Indices) -> ColumnDrift | None:
    if not len(levels.names):
        return None
    count = len(levels.names)
    tallies = [np.bincount(levels.codes[rows] + 1, minlength=count + 1) for rows in (first, last)]
    common = np.zeros(count, np.bool_)
    common[np.argsort(-(tallies[0] + tallies[1])[1:], kind="stable")[:LEVELS]] = True
    lumped = [np.concatenate([each[1:][common], [each[1:][~common].sum(), each[0]]]) for each in tallies]
    index, noise = _stability(*lumped)
    names = [*levels.names[common], "(rare levels)", "(missing)"]
    shares = [each / each.sum() for each in lumped]
    most = int(np.abs(shares[1] - shares[0]).argmax())
    return ColumnDrift(name, index, None, noise, float(shares[0][most]), float(shares[1][most]), str(names[most]))


def _stability(first: Indices, last: Indices) -> tuple[float, float]:
    """The index of two tallies [b], and what chance alone rarely exceeds (three standard deviations)."""
    used = (first + last) > 0
    bins = int(used.sum())
    p, q = ((each[used] + 0.5) / (each.sum() + 0.5 * bins) for each in (first, last))
    spread = 1 / first.sum() + 1 / last.sum()
    noise = (bins - 1 + 3 * np.sqrt(2 * max(bins - 1, 0))) * spread
    return float(((q - p) * np.log(q / p)).sum()), float(noise)
