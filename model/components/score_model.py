"""The score: the sum, over features, of how anomalous each is by itself, in its company, and to the networks.

    x      features, standardised                     (model.features)
    t      tail scores of x                           how far out in its tail a feature is
    w_in   W_in(x)                                    how unusual the features are together     (model.whitening)
    u      sign(w_in) log(1 + |w_in|)                 the networks' input: far out stays far out, nothing explodes
    w_ae   mean over networks of |W_i(u - net_i(u'))| what the networks could not reconstruct   (model.autoencoder)
           u' is u, within the bounds of usual rows

What is summed up is the setting `parts` (`WEIGHTS`); where all features are surprisals of categories, the default is
another sum (`model.components.category_pairs`). Terms of what is whitened are traced back to the features that brought
them about (`model.components.attribution`); with its tail score that is a feature's contribution. A field's is the sum
over its features; contributions add up to the score.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eddy.model.arrays import Floats, Floats32
from eddy.model.components.attribution import traced
from eddy.model.components.autoencoder import Layer
from eddy.model.components.category_pairs import Pairs
from eddy.model.components.combination import Combination
from eddy.model.components.gaussian_clusters import Clusters
from eddy.model.components.tail_scores import TailScores
from eddy.model.components.whitening import Whitening, compress
from eddy.model.config import NetworkInput, Parts
from eddy.model.features.encoder import Encoder
from eddy.model.schema.columns import Columns

Reconstruct = Callable[[Floats32], Floats32]
"""From the networks' input u [n, d] to what each makes of it [members, n, d]."""


class Weights(NamedTuple):
    """What a part counts. Of inputs and network not w counts, but bound log(1 + w / bound) where there is a bound: up
    to about there nearly w, far beyond it much less, so that no single feature decides alone."""

    inputs: float
    network: float
    tail_scores: float
    bound: float | None

    def bounded(self, sizes: Floats) -> Floats:
        return self.bound * np.log1p(sizes / self.bound) if self.bound else sizes


TINY = 1e-30

WEIGHTS: dict[Parts, Weights] = {
    "combined": Weights(0.0, 1.0, 1.0, bound=None),
    "balanced": Weights(0.0, 1.0, 1.0, bound=8.0),
    "both": Weights(1.0, 1.0, 0.0, bound=None),
    "network": Weights(0.0, 1.0, 0.0, bound=None),
    "inputs": Weights(1.0, 0.0, 0.0, bound=None),
}


@dataclass(frozen=True, eq=False)
class ScoreModel:
    """All that was learned.

    Args:
        inputs: W_in. residuals: W_i of each network, None for the textbook's mean squared error.
        clusters: take the place of networks and whitening where there are some.
        pairs: of categories, take the place of all but the encoder where there are some.
        lowest, highest: bounds of u [d] among the rows that the networks learned from; their input is clipped to them.
            What they make of a row beyond would be wrong in every feature, and hide the one that is anomalous.
    """

    encoder: Encoder
    inputs: Whitening
    tail_scores: TailScores
    members: tuple[tuple[Layer, ...], ...]
    residuals: tuple[Whitening, ...] | None
    clusters: Clusters | None
    pairs: Pairs | None
    lowest: Floats32
    highest: Floats32
    parts: Parts
    network_input: NetworkInput
    combination: Combination | None = None

    def contributions(self, columns: Columns, reconstruct: Reconstruct) -> Floats:
        """Contributions [n, d] of n transactions by feature, with the networks themselves: what the scoring graph is
        held against."""
        if self.pairs is not None:
            return self.pairs.contributions(columns.categorical)
        far, lacking = self.encoder.standardised(columns), self.encoder.lacking(columns)
        x = self.encoder.clip(far)
        white, off_center = self.inputs.apply(x), x - self.inputs.center
        if self.clusters is not None:
            return np.asarray(lacking + traced(self.clusters.contributions(white), off_center, self.inputs.matrix))
        missed = self.missed(x, white, reconstruct)
        if self.residuals is None:
            return self._from_u((missed**2).mean(axis=0) / x.shape[1], off_center)
        if self.combination is not None:
            return self._combined(self.combination, x, self.tail_scores.apply(far) + lacking, missed)
        weights = WEIGHTS[self.parts]
        of_white = traced(weights.inputs * weights.bounded(np.abs(white)), off_center, self.inputs.matrix)
        sizes = self.whitened_errors(missed)
        of_network = self._network(weights.network * weights.bounded(sizes.mean(axis=0)), sizes, missed)
        of_tails = weights.tail_scores * self.tail_scores.apply(far) + lacking
        return np.asarray(self._from_u(of_network, off_center) + of_white + of_tails)

    def score(self, columns: Columns, reconstruct: Reconstruct) -> Floats:
        """Scores [n]."""
        return np.asarray(self.contributions(columns, reconstruct).sum(axis=1))

    def _from_u(self, values: Floats, off_center: Floats) -> Floats:
        """What u owes [n, d] to each feature [n, d]."""
        return traced(values, off_center, self.inputs.matrix) if self.network_input == "whitened" else values

    def _combined(self, by: Combination, x: Floats, tails: Floats, missed: Floats) -> Floats:
        sizes = self.whitened_errors(missed)
        parts = by.by_feature(tails, sizes.mean(axis=0) / by.scales, by.prototypes.squares(x))
        of_tails, of_network, of_distance = parts
        back = self._from_u(self._network(of_network, sizes, missed), x - self.inputs.center)
        return np.asarray(of_tails + back + of_distance)

    def missed(self, x: Floats, white: Floats, reconstruct: Reconstruct) -> Floats:
        """What each network misses of its input [members, n, d], for features x [n, d] and W_in(x) [n, d]."""
        u = to_network_input(x, white, self.network_input)
        return (u - reconstruct(np.clip(u, self.lowest, self.highest))).astype(np.float64)

    def whitened_errors(self, missed: Floats) -> Floats:
        """What each network missed [members, n, d], whitened, without its sign."""
        assert self.residuals is not None
        return np.array([np.abs(w.apply(m)) for w, m in zip(self.residuals, missed, strict=True)])

    def _network(self, values: Floats, sizes: Floats, missed: Floats) -> Floats:
        """What the networks' part of the score, values [n, d] of what is whitened, owes to each feature of u [n, d]."""
        assert self.residuals is not None
        of_one = values / np.maximum(sizes.sum(axis=0), TINY)
        each = zip(sizes, missed, self.residuals, strict=True)
        return np.asarray(sum(traced(of_one * size, m - w.center, w.matrix) for size, m, w in each))


def to_network_input(x: Floats, white: Floats, network_input: NetworkInput) -> Floats32:
    """The networks' input u [n, d] for features x [n, d] and W_in(x) [n, d]."""
    return (compress(white) if network_input == "whitened" else x).astype(np.float32)
