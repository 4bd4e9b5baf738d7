"""The default score: three ways to be anomalous, each in units of how much usual rows differ in it.

    tails      the sum of tail scores                                 a field far out
    network    the length of what the networks missed, whitened       fields that do not go together
    distance   to the nearest prototype of training rows              between all that is usual

    t = (part - median) / (98 % quantile - median)      on rows held out: 0 for a usual row, 1 for one of fifty
    score = 10 sum over parts of weight log(1 + exp(6 t)) / 6

A part says next to nothing as long as it is usual, so none drowns another, however many features it sums up.
"""

from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Floats
from eddy.model.components.prototypes import Prototypes

UNIT, STEEPNESS = 10.0, 6.0
WEIGHTS = np.array([1.25, 1.0, 1.0])
UNUSUAL = 0.98
LEAST_SPREAD = 0.05
"""Of a part, in its own unit and per root of the number of features: a table of few distinct rows has no spread."""
LEAST_SHARE = 0.1
"""Of a spread in the median: of very many features a part is the same for all rows, but for noise."""
LEAST_SCALE = 1.0


@dataclass(frozen=True, eq=False)
class Combination:
    """What the three parts are compared with.

    Args:
        scales: standard deviation of what the networks missed, by feature [d], 1 at least.
        medians, spreads: of tails, network and distance [3].
    """

    prototypes: Prototypes
    scales: Floats
    medians: Floats
    spreads: Floats

    def terms(self, parts: Floats) -> Floats:
        """What tails, network and distance [n, 3] add to the score [n, 3]."""
        return np.asarray(UNIT * WEIGHTS * np.logaddexp(0.0, STEEPNESS * self.units(parts)) / STEEPNESS)

    def units(self, parts: Floats) -> Floats:
        return (parts - self.medians) / self.spreads

    def by_feature(self, tails: Floats, sizes: Floats, squares: Floats) -> tuple[Floats, Floats, Floats]:
        """The three terms of the score, shared out over features [n, d].

        Args:
            tails: tail scores [n, d]. sizes: what the networks missed, in units of `scales` [n, d].
            squares: of the distance [n, d].
        """
        parts = np.column_stack([tails.sum(axis=1), root(sizes**2), root(squares)])
        shared = zip(self.terms(parts).T, (tails, sizes**2, squares), strict=True)
        of_tails, of_network, of_distance = (term[:, None] * shares(each) for term, each in shared)
        return of_tails, of_network, of_distance


EVEN = 1e-6
"""What each feature has in a part besides its own, so that there is something to share by."""


def shares(values: Floats) -> Floats:
    """The share of each feature in its row's sum of values [n, d]."""
    return np.asarray((values + EVEN) / (values + EVEN).sum(axis=1, keepdims=True))


def root(squares: Floats) -> Floats:
    """Lengths [n] of squares [n, d]."""
    return np.asarray(np.sqrt(squares.sum(axis=1)))


def units_of(parts: Floats, features: int) -> tuple[Floats, Floats]:
    """Median and spread of parts [n, k] of usual rows."""
    medians = np.median(parts, axis=0)
    spreads = np.quantile(parts, UNUSUAL, axis=0) - medians
    least = np.maximum(LEAST_SHARE * medians, LEAST_SPREAD * np.sqrt(features))
    return medians, np.maximum(spreads, least)
