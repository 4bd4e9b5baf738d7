"""How far out in its tail each feature is by itself: what is anomalous without any company.

Whitening asks what goes together, and pays for it: a feature that is plainly beyond its usual range counts no more than
one combination among many. The tail score of a value is -log of the share of rows that are at least as far out on its
side, doubled; 0 in the middle, 6.2 for the outermost of 1,000. Of some features only large values are anomalous, and
only that side counts. Beyond all rows it grows no further, unless it is asked to (`with_alarm`): then a value so far
out that not one row in all features should have it, by the tail's own fall, adds as much as an alert needs. The idea of
scoring by tail probabilities is that of ECOD (Li et al., 2022).
"""

from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Bools, Floats

TAILS = (0.5, 0.03, 0.001)
"""Shares beyond a knot, on either side; with the outermost values they make the knots. More of them find no more."""
LEAST_GAP = 0.01
"""Knots closer than this (features have standard deviation one) are one: float32 must be able to tell them apart."""

TAIL_SHARE, TAIL_ROWS, FEWEST_EXCESSES = 0.02, (20, 500), 5
"""The outermost rows tell how a tail falls: so large a share, at least and at most so many; fewer, nothing."""
MOST_SHAPE = 0.7
"""A tail that falls still more slowly is one of errors and frauds: their like must not pass for usual."""
ALARM_NATS = 3.0
LEAST_RISE = 0.05
"""Standard deviations over which an alarm rises, and from the outermost row to where it begins, at least."""
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class TailScores:
    """Piecewise linear by feature: `values` [d, k] at `knots` [d, k], in ascending order, the same beyond the ends.

    A feature with fewer knots repeats its last.
    """

    knots: Floats
    values: Floats

    def apply(self, x: Floats) -> Floats:
        """Tail scores [n, d] of features x [n, d], in nats."""
        out = np.empty(x.shape)
        for feature, (knots, values) in enumerate(zip(self.knots, self.values, strict=True)):
            out[:, feature] = np.interp(x[:, feature], knots, values)
        return out


def fit(x: Floats, upper: Bools) -> TailScores:
    """Learns the tail scores of features x [n, d].

    Args:
        upper: features [d] of which only large values are anomalous: a rare level, a large amount. Their tail score is
            -log of the share of rows that are at least as large.
    """
    fitted = [_of_feature(np.sort(column), bool(only)) for column, only in zip(x.T, upper, strict=True)]
    most = max(len(knots) for knots, _ in fitted)
    padded = [[np.pad(part, (0, most - len(part)), mode="edge") for part in pair] for pair in fitted]
    return TailScores(np.array([knots for knots, _ in padded]), np.array([values for _, values in padded]))


def _of_feature(ordered: Floats, upper: bool) -> tuple[Floats, Floats]:
    rows = len(ordered)
    outer = (np.array(TAILS) * (rows - 1)).astype(np.intp)
    knots = np.unique(ordered[np.r_[0, outer, rows - 1 - outer, rows - 1]])
    knots = knots[np.r_[True, np.diff(knots) > LEAST_GAP]]
    below = np.searchsorted(ordered, knots, "right")
    above = rows - np.searchsorted(ordered, knots, "left")
    reaching = above if upper else 2 * np.minimum(below, above)
    return knots, -np.log(np.minimum(1.0, (reaching + 0.5) / (rows + 1)))


def with_alarm(fitted: TailScores, x: Floats, upper: Bools, bounded: Bools, alarm: float) -> TailScores:
    """The same, but far beyond the rows x [n, d] a tail score grows by `alarm`.

    It begins to grow where the tail, continued, holds one of n rows divided by the number of tails of all features,
    and is done where it holds e^-3 of that: new rows get there once in n rows, whatever the number of features.

    Args:
        bounded: features [d] whose values have an end, such as surprisals: they are left as they are.
    """
    tails = int((~bounded).sum() + (~bounded & ~upper).sum())
    columns = zip(x.T, fitted.knots, fitted.values, upper, bounded, strict=True)
    extended = [_with_alarm(*column, tails, alarm) for column in columns]
    return TailScores(np.array([knots for knots, _ in extended]), np.array([values for _, values in extended]))


def _with_alarm(
    column: Floats, knots: Floats, values: Floats, upper: bool, bounded: bool, tails: int, alarm: float
) -> tuple[Floats, Floats]:
    above = knots[-1] + np.array([1.0, 2.0]) if bounded else _alarm_from(column, tails)
    below = knots[0] - np.array([1.0, 2.0]) if bounded or upper else -_alarm_from(-column, tails)
    rise_above, rise_below = (0.0 if bounded else alarm), (0.0 if bounded or upper else alarm)
    return (
        np.r_[below[::-1], knots, above],
        np.r_[values[0] + rise_below, values[0], values, values[-1], values[-1] + rise_above],
    )


def _alarm_from(column: Floats, tails: int) -> Floats:
    """Where the alarm begins and where it is full [2], above all values [n]."""
    ordered = np.sort(column)
    rows = int(np.clip(len(ordered) * TAIL_SHARE, *TAIL_ROWS))
    start = ordered[-min(rows, len(ordered) - 1) - 1]
    excess = ordered[ordered > start] - start
    if len(excess) < FEWEST_EXCESSES:
        start, excess = ordered[-1], np.array([max(float(column.std()) / 2, LEAST_GAP)])
    shape, scale = _tail(excess)
    depth = np.log(len(excess) * tails) + np.array([0.0, ALARM_NATS])
    reached = start + scale * (np.expm1(shape * depth) / shape if shape else depth)
    return np.asarray(np.maximum(reached, ordered[-1] + LEAST_RISE * np.array([1.0, 2.0])))


def _tail(excess: Floats) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto tail, by probability-weighted moments (Hosking and Wallis, 1987).

    The shape is not negative: that the tail has an end is nothing that a few rows can tell.
    """
    count, mean = len(excess), float(excess.mean())
    weighted = float((np.sort(excess) * (1 - (np.arange(count) + 0.65) / count)).mean())
    shape = float(np.clip(2 - mean / max(mean - 2 * weighted, TINY), 0.0, MOST_SHAPE))
    return shape, max(mean * (1 - shape), 2 * LEAST_GAP)
