"""Gaussian clusters, for clean data of many kinds: what no cluster explains is anomalous.

They take the place of the networks by a setting, and are off unless asked for: frauds among the training rows get a
cluster of their own, and then fraud scores as low as the rest.
"""

from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Floats, Indices

ROUNDS = 2
POOLED_ROWS = 50.0
"""The weight that the pooled covariance has in that of each cluster, in rows."""
LEAST_VARIANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Clusters:
    """K clusters of whitened features: `centers` [k, d], `matrices` [k, d, d], `offsets` [k] >= 0.

    The score is the smallest over clusters of |(w - center) matrix|^2 / 2 + offset: the negative log likelihood of the
    best cluster, but for a constant.
    """

    centers: Floats
    matrices: Floats
    offsets: Floats

    def contributions(self, white: Floats) -> Floats:
        """By feature [n, d]; a cluster's offset is shared out evenly."""
        parts, nearest = self._parts(white)
        return np.asarray(parts + self.offsets[nearest][:, None] / white.shape[1])

    def nearest(self, white: Floats) -> Indices:
        """The cluster that explains each row best [n]."""
        return self._parts(white)[1]

    def _parts(self, white: Floats) -> tuple[Floats, Indices]:
        halves = np.array([((white - c) @ m) ** 2 / 2 for c, m in zip(self.centers, self.matrices, strict=True)])
        nearest = (halves.sum(axis=2) + self.offsets[:, None]).argmin(axis=0)
        return halves[nearest, np.arange(len(white))], nearest


def fit(white: Floats, count: int, seed: int) -> Clusters:
    """Learns clusters of whitened features [n, d]: k-means, then rows go where their likelihood is largest."""
    from sklearn.cluster import KMeans

    count = min(count, max(1, len(white) // (white.shape[1] + 2)))
    labels = KMeans(count, random_state=seed, n_init=1).fit_predict(white)
    pooled = np.atleast_2d(np.cov((white - _centers(white, labels)[labels]).T))
    fitted = _gaussians(white, labels, pooled)
    for _ in range(ROUNDS):
        fitted = _gaussians(white, fitted.nearest(white), pooled)
    return fitted


def _centers(white: Floats, labels: Indices) -> Floats:
    return np.array([white[labels == k].mean(axis=0) for k in range(labels.max() + 1)])


def _gaussians(white: Floats, labels: Indices, pooled: Floats) -> Clusters:
    centers, matrices, offsets = [], [], []
    for k in np.unique(labels):
        rows = white[labels == k]
        center = rows.mean(axis=0)
        covariance = ((rows - center).T @ (rows - center) + POOLED_ROWS * pooled) / (len(rows) + POOLED_ROWS)
        values, vectors = np.linalg.eigh(covariance)
        values = np.maximum(values, LEAST_VARIANCE)
        centers.append(center)
        matrices.append((vectors / np.sqrt(values)) @ vectors.T)
        offsets.append(0.5 * np.log(values).sum() - np.log(len(rows) / len(white)))
    offset = np.array(offsets)
    return Clusters(np.array(centers), np.array(matrices), offset - offset.min())
