"""What scores are worth, held against labels. Pure: arrays in, figures out.

Anomalies are rare, so every figure here is taken at the rows' own share of them: what an analyst would meet. All
rankings are from the strangest score down; rows that score the same are taken together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eddy.model.errors import EddyError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.intp]

DAY_S = 86_400.0
FALSE_POSITIVE_RATE = 0.001
DRAWS = 200
CONFIDENCE_Z = 1.96
MOST_KINDS = 50


class EvaluationError(EddyError, ValueError):
    """Scores cannot be held against these labels; the message says what was received and what to do."""


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
    """How one kind of anomaly is found, among all normal rows and no other anomalies."""

    kind: str
    rows: int
    average_precision: float
    recall_at_false_positives: float
    recall_at_budget: float
    flagged: float | None


@dataclass(frozen=True)
class Figures:
    """What one method's scores are worth on labelled rows; `confusion` only where there were verdicts."""

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
    kinds: NDArray[np.object_] | None = None,
    seed: int = 0,
) -> Figures:
    """All figures of scores [n] for rows [n] of which some are labelled anomalous.

    Args:
        budget: rows that can be looked into, a day; without times of every 1,000.
        time_s: when the transactions happened [n], Unix seconds.
        flagged: the verdicts [n], if there are any.
        kinds: what kind of anomaly a row is [n]; read where it is one.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    looked_into = within_budget(score, budget, time_s)
    return Figures(
        len(score),
        int(anomalous.sum()),
        average_precision_interval(score, anomalous, seed=seed),
        recall_at(score, anomalous),
        confusion(looked_into, anomalous),
        roc_auc(score, anomalous),
        None if flagged is None else confusion(flagged, anomalous),
        () if kinds is None else _by_kind(score, anomalous, kinds, looked_into, flagged),
    )


def average_precision(score: Floats, anomalous: Bools) -> float:
    """The mean precision at which anomalies are met on the way down from the strangest row; 0 to 1.

    >>> average_precision(np.array([4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, False]))
    0.8333333333333333

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    strange, normal, places = _ranking(score, anomalous)
    return _average_precision(np.bincount(strange, minlength=places), np.bincount(normal, minlength=places))


def average_precision_interval(score: Floats, anomalous: Bools, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Average precision with its 95 % interval from a bootstrap that keeps the share of anomalies.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    strange, normal, places = _ranking(score, anomalous)
    rng = np.random.default_rng(seed)
    replicates = [
        _average_precision(_drawn_again(strange, places, rng), _drawn_again(normal, places, rng)) for _ in range(draws)
    ]
    low, high = np.quantile(replicates, (0.025, 0.975))
    return Interval(average_precision(score, anomalous), float(low), float(high))


def recall_at(score: Floats, anomalous: Bools, false_positive_rate: float = FALSE_POSITIVE_RATE) -> float:
    """The share of anomalies that score higher than all but this share of normal rows.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    _check(score, anomalous)
    normal = np.sort(score[~anomalous])[::-1]
    line = normal[min(int(false_positive_rate * len(normal)), len(normal) - 1)]
    return float(np.mean(score[anomalous] > line))


def roc_auc(score: Floats, anomalous: Bools) -> float:
    """The chance that an anomaly scores higher than a normal row, half of it where they score the same.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    strange, normal, places = _ranking(score, anomalous)
    misses = np.bincount(normal, minlength=places)
    below = len(normal) - np.cumsum(misses) + 0.5 * misses
    return float(below[strange].mean() / len(normal))


def precision_recall(score: Floats, anomalous: Bools) -> tuple[Floats, Floats]:
    """Precision and recall at every score that some anomaly has, from the strangest down.

    Raises:
        EvaluationError: there is no anomaly, or nothing else.
    """
    strange, normal, places = _ranking(score, anomalous)
    hits = np.bincount(strange, minlength=places)
    found, alerts = np.cumsum(hits), np.cumsum(hits + np.bincount(normal, minlength=places))
    met = hits > 0
    return found[met] / alerts[met], found[met] / len(strange)


def within_budget(score: Floats, budget: float, time_s: Floats | None = None) -> Bools:
    """The rows [n] that are looked into when there is time for `budget` a day (UTC): each day's strangest.

    Without times: for `budget` of every 1,000, the strangest of all. At least one row is.
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
    caught, alerts, anomalies = int((flagged & anomalous).sum()), int(flagged.sum()), int(anomalous.sum())
    return Confusion(caught, anomalies - caught, alerts - caught, len(flagged) - alerts - anomalies + caught)


@dataclass(frozen=True)
class CalibrationPoint:
    """A requested alert rate, and the share of normal rows that it flagged."""

    requested: float
    observed: Interval


def calibration(rarity: Floats, rates: Sequence[float]) -> tuple[CalibrationPoint, ...]:
    """Requested against observed rates on normal rows with these rarities [n], with Wilson's intervals."""
    return tuple(CalibrationPoint(rate, _wilson(int((rarity <= rate).sum()), len(rarity))) for rate in rates)


def _wilson(hits: int, rows: int) -> Interval:
    z2 = CONFIDENCE_Z**2
    share = hits / rows
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = CONFIDENCE_Z * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return Interval(share, max(0.0, float(middle - reach)), min(1.0, float(middle + reach)))


def _by_kind(
    score: Floats, anomalous: Bools, kinds: NDArray[np.object_], looked_into: Bools, flagged: Bools | None
) -> tuple[KindFigures, ...]:
    names, counts = np.unique(kinds[anomalous].astype(str), return_counts=True)
    most = names[np.argsort(-counts, kind="stable")][:MOST_KINDS]
    return tuple(_of_kind(name, kinds.astype(str) == name, score, anomalous, looked_into, flagged) for name in most)


def _of_kind(
    name: str, named: Bools, score: Floats, anomalous: Bools, looked_into: Bools, flagged: Bools | None
) -> KindFigures:
    these = named & anomalous
    rest = these | ~anomalous
    return KindFigures(
        name,
        int(these.sum()),
        average_precision(score[rest], these[rest]),
        recall_at(score[rest], these[rest]),
        float(looked_into[these].mean()),
        None if flagged is None else float(flagged[these].mean()),
    )


def _ranking(score: Floats, anomalous: Bools) -> tuple[Counts, Counts, int]:
    """Places of the anomalies and of the normal rows in the ranking, and how many places there are."""
    _check(score, anomalous)
    distinct, place = np.unique(-score, return_inverse=True)
    return place[anomalous], place[~anomalous], len(distinct)


def _check(score: Floats, anomalous: Bools) -> None:
    anomalies = int(anomalous.sum())
    if not 0 < anomalies < len(score):
        raise EvaluationError(
            f"{anomalies} of {len(score)} rows are labelled anomalous: figures need rows of both sorts"
        )


def _average_precision(hits: Counts, misses: Counts) -> float:
    found = np.cumsum(hits)
    alerts = found + np.cumsum(misses)
    return float((hits * found / np.maximum(alerts, 1)).sum() / found[-1])


def _drawn_again(places: Counts, count: int, rng: np.random.Generator) -> Counts:
    return np.bincount(places[rng.integers(len(places), size=len(places))], minlength=count)


def _share(part: int, whole: int) -> float:
    """Nothing of nothing is 0."""
    return part / whole if whole else 0.0
