"""What scores are worth: their rarity, and thresholds.

A score means nothing outside its model. Its rarity does: the share of normal transactions expected to score at least
as high. So a threshold can be given as an alert rate ("flag 1 in 1,000") and survives a change of model.
"""

from functools import cached_property

import msgspec
import numpy as np

from eddy.model.arrays import Floats
from eddy.model.errors import EddyError

RAREST = 1e-15
"""No rarity is below this: what is rarer is not worth telling apart, and a rarity is never zero."""

TAIL_END = 1e-4

BINS_PER_DECADE = 4
HISTOGRAM_BINS = 8 * BINS_PER_DECADE + 1
"""Bins of a rarity histogram: quarters of a decade from 1 to 1e-8, and one for all that is rarer."""


class ThresholdError(EddyError, ValueError):
    """A threshold or a rate that cannot be; the message says what was received and what to do."""


def check_rate(rate: float) -> None:
    """Raises ThresholdError unless the rate is a share that a rarity can be."""
    if not RAREST <= rate <= 1.0:
        raise ThresholdError(
            f"an alert rate is a share between {RAREST:g} and 1, such as 0.001 for 1 in 1,000; received {rate}"
        )


class Threshold(msgspec.Struct, frozen=True):
    """A score at or above it is anomalous. `rate` is the alert rate it was made from, if it was."""

    score: float
    rate: float | None = None


class Calibration(msgspec.Struct, frozen=True, dict=True):
    """Score <-> rarity, as learned from scores of normal rows that the network was not trained on.

    Up to the last of the `scores` (ascending, with their `rarities`, descending from 1) it follows the data; beyond, a
    generalised Pareto tail with this `shape` and `scale`. A tail with negative shape has an end, but no score is
    impossible: where only TAIL_END of the tail is left it goes on exponentially. `rows` is how many scores it was
    learned from.
    """

    scores: tuple[float, ...]
    rarities: tuple[float, ...]
    shape: float
    scale: float
    rows: int

    def rarity(self, score: Floats) -> Floats:
        """For scores [n] the shares of normal rows [n] expected to score at least as high, RAREST <= share <= 1."""
        inside = np.interp(score, *self._knots)
        beyond = np.maximum(score - self.scores[-1], 0.0) / self.scale
        return np.maximum(np.exp(inside + self._log_tail(beyond)), RAREST)

    def score_at(self, rate: float) -> float:
        """The score that a share `rate` of normal rows is expected to reach; the inverse of `rarity`.

        Raises:
            ThresholdError: the rate is not a share.
        """
        check_rate(rate)
        if rate >= self.rarities[-1]:
            return float(np.interp(-np.log(rate), -np.log(self.rarities), self.scores))
        return float(self.scores[-1] + self.scale * self._beyond(-np.log(rate / self.rarities[-1])))

    def threshold(self, rate: float) -> Threshold:
        """The threshold that flags this share of normal transactions.

        Raises:
            ThresholdError: the rate is not a share.
        """
        return Threshold(self.score_at(rate), rate)

    @cached_property
    def _knots(self) -> tuple[Floats, Floats]:
        """Scores and logarithms of rarities as arrays: making them takes longer than one rarity."""
        return np.array(self.scores), np.log(self.rarities)

    def _log_tail(self, beyond: Floats) -> Floats:
        """Logarithm of the share of the tail that reaches this far [n], in units of the scale."""
        if not self.shape:
            return -beyond
        bend = self._bend
        inside = np.minimum(beyond, bend)
        return -np.log1p(self.shape * inside) / self.shape - (beyond - inside) / (1.0 + self.shape * min(bend, 1e300))

    def _beyond(self, depth: float) -> float:
        """Where the logarithm of the tail is -depth: the inverse of `_log_tail`."""
        if not self.shape:
            return depth
        if self.shape > 0 or depth <= -np.log(TAIL_END):
            return float(np.expm1(self.shape * depth) / self.shape)
        bend = self._bend
        return float(bend + (depth + np.log(TAIL_END)) * (1.0 + self.shape * bend))

    @property
    def _bend(self) -> float:
        """Where a tail with an end becomes exponential; the rate of its decay does not jump there."""
        return float((TAIL_END**-self.shape - 1.0) / self.shape) if self.shape < 0 else np.inf


def rarity_histogram(rarity: Floats) -> list[int]:
    """Counts of rarities by quarters of a decade.

    >>> counts = rarity_histogram(np.array([1.0, 0.2, 1e-12]))
    >>> counts[0], counts[2], counts[32]
    (1, 1, 1)
    """
    quarters = np.minimum(-np.log10(rarity) * BINS_PER_DECADE, HISTOGRAM_BINS - 1).astype(np.intp)
    return [int(count) for count in np.bincount(quarters, minlength=HISTOGRAM_BINS)]
