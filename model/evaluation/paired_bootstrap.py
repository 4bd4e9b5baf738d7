"""What one way of scoring finds more than another on the same rows, and how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eddy.model.evaluation.metrics import DRAWS, Interval

Floats = NDArray[np.float64]
Counts = NDArray[np.intp]
Scored = tuple[Floats, Mapping[str, Floats]]
"""Scores of normal rows [n]; scores of anomalies by kind, each held against all normal rows."""


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

    `normal`: rows that the anomalies were held against.
    """

    default: Interval
    tuned: Interval
    difference: Interval
    kinds: tuple[KindGain, ...]
    normal: int

    @property
    def sure(self) -> bool:
        """Whether the whole interval of the difference lies on one side of nothing."""
        return self.difference.low > 0 or self.difference.high < 0


def compared(default: Scored, tuned: Scored, seed: int = 0, draws: int = DRAWS) -> Gain:
    """Holds two ways of scoring the same rows against each other.

    The 95 % intervals are from a bootstrap that draws the same rows for both, so what makes rows hard for both does
    not blur the difference. How much the training's own seed matters is not in them.
    """
    rng = np.random.default_rng(seed)
    rankings = [_Rankings(*way) for way in (default, tuned)]
    sizes = {kind: len(scores) for kind, scores in default[1].items()}
    rows = len(default[0])
    once = [way.average_precisions(np.ones(rows), {k: np.ones(size) for k, size in sizes.items()}) for way in rankings]
    drawn = []
    for _ in range(draws):
        normal = _drawn(rows, rng)
        anomalies = {kind: _drawn(size, rng) for kind, size in sizes.items()}
        drawn.append([_mean(way.average_precisions(normal, anomalies)) for way in rankings])
    before, after = np.array(drawn).T
    return Gain(
        _interval(_mean(once[0]), before),
        _interval(_mean(once[1]), after),
        _interval(_mean(once[1]) - _mean(once[0]), after - before),
        tuple(KindGain(kind, size, once[0][kind], once[1][kind]) for kind, size in sizes.items()),
        rows,
    )


class _Rankings:
    """Rows in order of their scores, once; then any weights of rows have their average precision fast."""

    def __init__(self, normal: Floats, anomalies: Mapping[str, Floats]) -> None:
        self._places: dict[str, tuple[Counts, Counts]] = {}
        for kind, scores in anomalies.items():
            _, places = np.unique(-np.concatenate([normal, scores]), return_inverse=True)
            self._places[kind] = (places[: len(normal)], places[len(normal) :])

    def average_precisions(self, normal: Floats, anomalies: Mapping[str, Floats]) -> dict[str, float]:
        """By kind, each row counted as often as its weight says; rows that score the same are taken together."""
        return {kind: _average_precision(*self._places[kind], normal, anomalies[kind]) for kind in self._places}


def _average_precision(normal: Counts, strange: Counts, normal_weights: Floats, strange_weights: Floats) -> float:
    count = int(max(normal.max(), strange.max())) + 1
    hits = np.bincount(strange, strange_weights, count)
    found = np.cumsum(hits)
    alerts = found + np.cumsum(np.bincount(normal, normal_weights, count))
    return float((hits * found / np.maximum(alerts, 1)).sum() / found[-1])


def _drawn(rows: int, rng: np.random.Generator) -> Floats:
    """How often each row comes when as many are drawn with replacement."""
    return np.bincount(rng.integers(rows, size=rows), minlength=rows).astype(np.float64)


def _interval(value: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(value, float(low), float(high))


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values())))
