"""Detection metrics: scores compared with labels. Pure: arrays in, figures out.

Anomalies are rare, so every figure is taken at the rows' own share of them: what an analyst would meet. Higher scores
are more anomalous; rows with equal scores are taken together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from eddy.model.arrays import Bools, Floats, Texts
from eddy.model.errors import EddyError

DAY_S = 86_400.0
FALSE_POSITIVE_RATE = 0.001
DRAWS = 200
MOST_KINDS = 50


class EvaluationError(EddyError, ValueError):
    """Scores cannot be compared with these labels; the message says what was received and what to do."""


@dataclass(frozen=True)
class Interval:
    """A figure, and the bounds between which it lies with 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Confusion:
    """Rows by verdict and label."""

    caught: int
    missed: int
    false_alarms: int
    passed: int

    @property
    def precision(self) -> float:
        return _share(self.caught, self.caught + self.false_alarms)

    @property
    def recall(self) -> float:
        return _share(self.caught, self.caught + self.missed)

    @property
    def false_positive_rate(self) -> float:
        return _share(self.false_alarms, self.false_alarms + self.passed)

    @property
    def accuracy(self) -> float:
        return _share(self.caught + self.passed, self.caught + self.missed + self.false_alarms + self.passed)


@dataclass(frozen=True)
class KindFigures:
    """How well one kind of anomaly is found, among all normal rows and no other anomalies."""

    kind: str
    rows: int
    average_precision: float
    recall_at_false_positives: float
    recall_at_budget: float
    flagged: float | None


@dataclass(frozen=True)
class Figures:
    """The metrics of one method's scores on labelled rows; `confusion` only where there were verdicts."""

    rows: int
    anomalies: int
    average_precision: Interval
    recall_at_false_positives: float
    at_budget: Confusion
    roc_auc: float
    confusion: Confusion | None
    kinds: tuple[KindFigures, ...]


def figures(
    score: Floats,
    anomalous: Bools,
    budget: float,
    time_s: Floats | None = None,
    flagged: Bools | None = None,
    kinds: Texts | None = None,
    seed: int = 0,
) -> Figures:
    """All figures of scores [n] for rows [n] of which some are labelled anomalous.

    Args:
        budget: rows that can be reviewed, a day; without times of every 1,000.
        time_s: when the transactions happened [n], Unix seconds.
        flagged: the verdicts [n], if there are any.
        kinds: what kind of anomaly a row is [n]; read where it is one.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    reviewed = within_budget(score, budget, time_s)
    return Figures(
        len(score),
        int(anomalous.sum()),
        average_precision_interval(score, anomalous, seed=seed),
        recall_at(score, anomalous),
        confusion(reviewed, anomalous),
        roc_auc(score, anomalous),
        None if flagged is None else confusion(flagged, anomalous),
        () if kinds is None else _by_kind(score, anomalous, kinds, reviewed, flagged),
    )


def average_precision(score: Floats, anomalous: Bools) -> float:
    """The mean precision over the anomalies, each at its own score as the threshold; 0 to 1.

    >>> average_precision(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False]))
    0.8333333333333333

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    _check(anomalous)
    return float(average_precision_score(anomalous, score))


class Ranking:
    """Normal rows [n] and anomalies [m], ranked once: average precision for many weightings of them, fast."""

    def __init__(self, normal: Floats, anomalies: Floats) -> None:
        thresholds = np.unique(anomalies)  # a normal row counts from the highest of these that it reaches
        ranks = np.arange(len(thresholds) + 1)
        self._normal, self._anomalies = (np.searchsorted(thresholds, each, "right") for each in (normal, anomalies))
        self._ranks, self._labels = np.tile(ranks, 2), np.repeat([False, True], len(ranks))

    def average_precision(self, normal: Floats, anomalies: Floats) -> float:
        """With each row counted as often as its weight says: [n] and [m]."""
        rows = [(self._normal, normal), (self._anomalies, anomalies)]
        weights = [np.bincount(ranks, weight, len(self._ranks) // 2) for ranks, weight in rows]
        return float(average_precision_score(self._labels, self._ranks, sample_weight=np.concatenate(weights)))


def resampled(rows: int, rng: np.random.Generator) -> Floats:
    """How often each row [rows] comes when as many are drawn with replacement."""
    return np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(np.float64)


def interval(value: float, draws: Sequence[float] | Floats) -> Interval:
    """A figure with the 95 % interval of its bootstrap draws."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(value, float(low), float(high))


def average_precision_interval(score: Floats, anomalous: Bools, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Average precision with its 95 % interval from a bootstrap that keeps the share of anomalies.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    value = average_precision(score, anomalous)
    ranking, rng = Ranking(score[~anomalous], score[anomalous]), np.random.default_rng(seed)
    counts = int(anomalous.sum()), int((~anomalous).sum())
    drawn = ([resampled(count, rng) for count in counts] for _ in range(draws))
    return interval(value, [ranking.average_precision(normal, anomalies) for anomalies, normal in drawn])


def recall_at(score: Floats, anomalous: Bools, false_positive_rate: float = FALSE_POSITIVE_RATE) -> float:
    """The share of anomalies that score higher than all but this share of normal rows.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    _check(anomalous)
    false_positives, recalls, _ = roc_curve(anomalous, score, drop_intermediate=False)
    return float(recalls[false_positives <= false_positive_rate][-1])


def roc_auc(score: Floats, anomalous: Bools) -> float:
    """The chance that an anomaly scores higher than a normal row, half of it where they score the same.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    _check(anomalous)
    return float(roc_auc_score(anomalous, score))


def precision_recall(score: Floats, anomalous: Bools) -> tuple[Floats, Floats]:
    """Precision and recall at every score that some anomaly has, from the highest down.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    _check(anomalous)
    precision, recall, _ = precision_recall_curve(anomalous, score)
    found = np.flatnonzero(-np.diff(recall))[::-1]
    return precision[found], recall[found]


def within_budget(score: Floats, budget: float, time_s: Floats | None = None) -> Bools:
    """The rows [n] that are reviewed when there is time for `budget` a day (UTC): each day's top-scoring ones.

    Without times: `budget` of every 1,000, the top-scoring of all. At least one row is.
    """
    chosen = np.zeros(len(score), np.bool_)
    if time_s is None:
        chosen[np.argsort(-score, kind="stable")[: max(1, round(budget * len(score) / 1_000))]] = True
        return chosen
    day = np.floor(time_s / DAY_S)
    order = np.lexsort((-score, day))
    first = np.searchsorted(day[order], day[order])
    chosen[order[np.arange(len(score)) - first < max(1, round(budget))]] = True
    return chosen


def confusion(flagged: Bools, anomalous: Bools) -> Confusion:
    """Counts of verdicts [n] against labels [n]."""
    passed, false_alarms, missed, caught = confusion_matrix(anomalous, flagged, labels=[False, True]).ravel().tolist()
    return Confusion(caught, missed, false_alarms, passed)


@dataclass(frozen=True)
class CalibrationPoint:
    """A requested alert rate, and the share of normal rows that it flagged."""

    requested: float
    observed: Interval


def calibration(rarity: Floats, rates: Sequence[float]) -> tuple[CalibrationPoint, ...]:
    """Requested against observed rates on normal rows with these rarities [n], with Wilson's intervals."""
    return tuple(CalibrationPoint(rate, _wilson(int((rarity <= rate).sum()), len(rarity))) for rate in rates)


def _wilson(hits: int, rows: int) -> Interval:
    bounds = binomtest(hits, rows).proportion_ci(method="wilson")
    return Interval(hits / rows, float(bounds.low), float(bounds.high))


def _by_kind(
    score: Floats, anomalous: Bools, kinds: Texts, reviewed: Bools, flagged: Bools | None
) -> tuple[KindFigures, ...]:
    names, counts = np.unique(kinds[anomalous].astype(str), return_counts=True)
    most = names[np.argsort(-counts, kind="stable")][:MOST_KINDS]
    return tuple(_of_kind(name, kinds.astype(str) == name, score, anomalous, reviewed, flagged) for name in most)


def _of_kind(
    name: str, named: Bools, score: Floats, anomalous: Bools, reviewed: Bools, flagged: Bools | None
) -> KindFigures:
    these = named & anomalous
    rest = these | ~anomalous
    return KindFigures(
        name,
        int(these.sum()),
        average_precision(score[rest], these[rest]),
        recall_at(score[rest], these[rest]),
        float(reviewed[these].mean()),
        None if flagged is None else float(flagged[these].mean()),
    )


def _check(anomalous: Bools) -> None:
    if anomalous.all() or not anomalous.any():
        raise EvaluationError(
            f"{int(anomalous.sum())} of {len(anomalous)} rows are labelled anomalous: figures need rows of both sorts"
        )


def _share(part: int, whole: int) -> float:
    """Nothing of nothing is 0."""
    return part / whole if whole else 0.0
