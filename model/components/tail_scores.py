"""How far out in its tail each feature is by itself: what is anomalous without any company.

Whitening asks what goes together, and pays for it: a feature that is plainly beyond its usual range counts no more than
one combination among many. The tail score of a value is -log of the share of rows that are at least as far out on its
side, doubled; 0 in the middle, 6.2 for the outermost of 1,000. Of some features only large values are anomalous, and
only that side counts. Beyond all rows it grows no further: one wild number must not decide alone. The idea of scoring
by tail probabilities is that of ECOD (Li et al., 2022).
"""

from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Bools, Floats

TAILS = (0.5, 0.03, 0.001)
"""Shares beyond a knot, on either side; with the outermost values they make the knots. More of them find no more."""
LEAST_GAP = 0.01
"""Knots closer than this (features have standard deviation one) are one: float32 must be able to tell them apart."""


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
