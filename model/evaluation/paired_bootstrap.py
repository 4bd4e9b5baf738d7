"""How much more one way of scoring finds than another on the same rows, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Floats
from eddy.model.evaluation.metrics import DRAWS, Interval, Ranking, interval, resampled

ScoresByKind = tuple[Floats, Mapping[str, Floats]]
"""Scores of normal rows [n]; scores of anomalies by kind, each compared with all normal rows."""


@dataclass(frozen=True)
class KindGain:
    """One kind of anomaly: how many rows, and average precision with the defaults and with the other settings."""

    kind: str
    rows: int
    default: float
    tuned: float


@dataclass(frozen=True)
class Gain:
    """Average precision (the mean over kinds) with the defaults and with other settings, and the difference.

    `normal`: rows that the anomalies were compared with.
    """

    default: Interval
    tuned: Interval
    difference: Interval
    kinds: tuple[KindGain, ...]
    normal: int

    @property
    def sure(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        return self.difference.low > 0 or self.difference.high < 0


def estimate_gain(default: ScoresByKind, tuned: ScoresByKind, seed: int = 0, draws: int = DRAWS) -> Gain:
    """Compares two ways of scoring the same rows.

    The 95 % intervals are from a bootstrap that draws the same rows for both, so what makes rows hard for both does
    not blur the difference. How much the training's own seed matters is not in them.
    """
    rng = np.random.default_rng(seed)
    rankings = [[Ranking(normal, each) for each in anomalies.values()] for normal, anomalies in (default, tuned)]
    rows, sizes = len(default[0]), [len(scores) for scores in default[1].values()]
    once = _average_precisions(rankings, np.ones(rows), [np.ones(size) for size in sizes])
    drawn = [
        _average_precisions(rankings, resampled(rows, rng), [resampled(size, rng) for size in sizes]).mean(axis=1)
        for _ in range(draws)
    ]
    (before, after), (default_mean, tuned_mean) = np.transpose(drawn), once.mean(axis=1).tolist()
    return Gain(
        interval(default_mean, before),
        interval(tuned_mean, after),
        interval(tuned_mean - default_mean, after - before),
        tuple(KindGain(*each) for each in zip(default[1], sizes, *once.tolist(), strict=True)),
        rows,
    )


def _average_precisions(rankings: Sequence[Sequence[Ranking]], normal: Floats, anomalies: Sequence[Floats]) -> Floats:
    """Of each way of scoring and kind of anomaly [ways, kinds], rows counted as often as their weights say."""
    return np.array(
        [
            [each.average_precision(normal, weights) for each, weights in zip(way, anomalies, strict=True)]
            for way in rankings
        ]
    )
