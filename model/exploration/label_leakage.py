"""How well each single column separates labelled anomalies from the rest, on rows that nothing was chosen by."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from eddy.model.arrays import Bools, Floats, Indices
from eddy.model.exploration.typed_table import View, sample_indices

ANOMALIES, NORMAL_ROWS = 50_000, 100_000
FEWEST = 10
"""Anomalies without which nothing is said about columns."""
PRIOR_ROWS = 5.0
SUSPECT_AUC, LEAK_AUC, LEAK_AP = 0.97, 0.99, 0.9
SECOND_LABEL_AUC, SECOND_LABEL_AP, SECOND_LABEL_VALUES = 0.9, 0.5, 10
SHOWN_VALUES = 8


@dataclass(frozen=True)
class Separation:
    """What one column alone says about the label.

    Args:
        auc: area under the ROC curve; 0.5 is chance.
        ap: average precision at the true share of anomalies; chance is that share.
        how: where the anomalies are: "high", "low", "at both ends", "where it is missing", "in some levels".
        distinct: different values of the column.
    """

    column: str
    auc: float
    ap: float
    how: str
    distinct: int

    @property
    def second_label(self) -> bool:
        """Few values, and nearly the label's own."""
        few = self.distinct <= SECOND_LABEL_VALUES
        return few and self.auc >= SECOND_LABEL_AUC and self.ap >= SECOND_LABEL_AP

    @property
    def leak(self) -> bool:
        """So good that the column must have been filled in after the label was known."""
        return self.auc >= LEAK_AUC and self.ap >= LEAK_AP

    @property
    def suspect(self) -> bool:
        """So good that one should know why."""
        return self.auc >= SUSPECT_AUC or self.ap >= LEAK_AP


@dataclass(frozen=True)
class Labels:
    """What the labels say.

    Args:
        columns: the label columns, each with its most frequent values: (value, rows).
        anomalous: rows that any of them calls an anomaly.
        missing: share of rows without a value in any of them.
        separations: per column, the best first; none with fewer than `FEWEST` rows of either kind.
        tested: anomalies and normal rows on which the figures were measured.
    """

    columns: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    anomalous: int
    share: float
    missing: float
    separations: tuple[Separation, ...]
    tested: tuple[int, int]


def labels(view: View, label_columns: tuple[str, ...], distinct: dict[str, int], seed: int = 0) -> Labels | None:
    """None without a label."""
    if view.anomalous is None:
        return None
    found = int(view.anomalous.sum())
    counts = tuple((name, _values(view, name)) for name in label_columns)
    missing = float(view.table[list(label_columns)].isna().all(axis=1).mean())
    separations: tuple[Separation, ...] = ()
    tested = (0, 0)
    if min(found, len(view) - found) >= FEWEST:
        halves = _halves(view.anomalous, seed)
        separations = _separations(view, halves, distinct)
        tested = int(halves.anomalous[~halves.first].sum()), int((~halves.anomalous[~halves.first]).sum())
    return Labels(counts, found, found / len(view), missing, separations, tested)


def _values(view: View, name: str) -> tuple[tuple[str, int], ...]:
    counts = view.table[name].astype("object").where(view.table[name].notna(), "(missing)").value_counts()
    return tuple((str(value), int(count)) for value, count in counts.head(SHOWN_VALUES).items())


@dataclass(frozen=True, eq=False)
class _Halves:
    """Rows [m], whether each is anomalous, its weight (so that shares are true), whether it is in the first half."""

    rows: Indices
    anomalous: Bools
    weight: Floats
    first: Bools


def _halves(anomalous: Bools, seed: int) -> _Halves:
    kinds = np.flatnonzero(anomalous), np.flatnonzero(~anomalous)
    drawn = [
        places[sample_indices(len(places), most, seed)]
        for places, most in zip(kinds, (ANOMALIES, NORMAL_ROWS), strict=True)
    ]
    rows = np.concatenate(drawn)
    weight = np.repeat([len(each) / len(some_) for each, some_ in zip(kinds, drawn, strict=True)], [*map(len, drawn)])
    first = np.concatenate([_half(len(each), seed) for each in drawn])
    return _Halves(rows, anomalous[rows], weight, first)


def _half(rows: int, seed: int) -> Bools:
    return np.asarray(np.random.default_rng(seed).permutation(rows) < rows // 2)


def _separations(view: View, halves: _Halves, distinct: dict[str, int]) -> tuple[Separation, ...]:
    numbers = {**view.numbers, **view.times}
    made = [_of_numbers(name, values[halves.rows], halves, distinct[name]) for name, values in numbers.items()]
    made += [
        _of_levels(name, levels.codes[halves.rows], len(levels.names), halves, distinct[name])
        for name, levels in view.levels.items()
    ]
    found = [each for each in made if each is not None]
    return tuple(sorted(found, key=lambda each: (-each.auc, -each.ap)))


def _of_numbers(name: str, values: Floats, halves: _Halves, distinct: int) -> Separation | None:
    """The direction is chosen on the first half, the figures are those of the second."""
    missing = np.isnan(values)
    if missing.all() or (distinct == 1 and not missing.any()):
        return None
    middle = float(np.median(values[~missing]))
    filled = np.where(missing, middle, values)
    ways = {
        "high": filled,
        "low": -filled,
        "at both ends": np.abs(filled - middle),
        "where it is missing": missing.astype(np.float64),
    }
    chosen = max(ways, key=lambda way: _auc(ways[way], halves, halves.first))
    return _measured(name, ways[chosen], chosen, halves, distinct)


def _of_levels(name: str, codes: Indices, levels: int, halves: _Halves, distinct: int) -> Separation | None:
    """The rate of each level is learned on the first half; missing is a level of its own."""
    if levels == 0 or (levels == 1 and (codes >= 0).all()):
        return None
    learned = halves.first
    rows = np.bincount(codes[learned] + 1, halves.weight[learned], levels + 1)
    anomalous = np.bincount(codes[learned] + 1, (halves.weight * halves.anomalous)[learned], levels + 1)
    share = float(anomalous.sum() / rows.sum())
    rate = (anomalous + PRIOR_ROWS * share) / (rows + PRIOR_ROWS)
    return _measured(name, rate[codes + 1], "in some levels", halves, distinct)


def _measured(name: str, score: Floats, how: str, halves: _Halves, distinct: int) -> Separation:
    held_out = ~halves.first
    anomalous, weight = halves.anomalous[held_out], halves.weight[held_out]
    precision = float(average_precision_score(anomalous, score[held_out], sample_weight=weight))
    return Separation(name, _auc(score, halves, held_out), precision, how, distinct)


def _auc(score: Floats, halves: _Halves, which: Bools) -> float:
    return float(roc_auc_score(halves.anomalous[which], score[which]))
