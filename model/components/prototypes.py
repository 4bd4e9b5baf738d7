"""How far from all that is usual: the distance to the nearest of many prototypes of training rows.

Whitening and networks know which values go together over the whole table; where normal rows are of many kinds, or lie
on a ring, what is between the kinds is far from every row, and only a distance shows it. Features are compressed,
sign(x) log(1 + |x|), so that one wild number does not decide alone. Frauds among the training rows have prototypes,
too: those whose rows the other parts of the score call anomalous are taken for doubtful, and who is near one is as far
away as its doubt.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from eddy.model.arrays import Floats, Indices
from eddy.model.components.whitening import compress

MOST, ROWS_EACH, FEWEST_ROWS = 1_024, 4, 2
"""Prototypes at most, rows for each at least on average; one with fewer rows of its own is left out."""
ROUNDS = 8
NEAREST = 0.05
"""Distances below this, per feature and standard deviation, are alike: float32 does not tell them apart."""
DOUBTED = 10.0
"""Up to so many times the contamination of the rows may belong to doubtful prototypes."""
LEAST_DOUBT = 0.5
DOUBT = 0.8
CHUNK = 4_096


@dataclass(frozen=True, eq=False)
class Prototypes:
    """`centers` [k, d] of compressed features; `doubts` [k]: the least distance from each."""

    centers: Floats
    doubts: Floats

    def squares(self, x: Floats) -> Floats:
        """Squared distances from the nearest prototype by feature x [n, d]; doubt and least distance shared evenly."""
        rows = compress(x)
        nearest = self.nearest(rows)
        return np.asarray(
            (rows - self.centers[nearest]) ** 2 + self.doubts[nearest, None] ** 2 / x.shape[1] + NEAREST**2
        )

    def nearest(self, rows: Floats) -> Indices:
        """The prototype [n] that is nearest to compressed rows [n, d], with its doubt."""
        offsets, towards = self.offsets, -2 * self.centers.T
        chunks = (rows[start : start + CHUNK] for start in range(0, max(len(rows), 1), CHUNK))
        return np.concatenate([(offsets + chunk @ towards).argmin(axis=1) for chunk in chunks])

    @property
    def offsets(self) -> Floats:
        """Squared distance less |row|^2 and twice the product of row and centre [k]."""
        return np.asarray((self.centers**2).sum(axis=1) + self.doubts**2)


def fit(x: Floats, seed: int) -> Prototypes:
    """Learns prototypes of features x [n, d], none of which is doubtful yet."""
    from sklearn.cluster import KMeans

    rows = compress(x)
    count = int(np.clip(len(rows) // ROWS_EACH, 1, MOST))
    with warnings.catch_warnings(), threadpool_limits(1):  # several threads would add up in another order each time
        warnings.simplefilter("ignore")  # where there are fewer distinct rows than prototypes
        found = KMeans(count, init="random", n_init=1, max_iter=ROUNDS, random_state=seed).fit(rows)
    kept = np.bincount(found.labels_, minlength=count) >= FEWEST_ROWS
    centers = found.cluster_centers_[kept] if kept.any() else found.cluster_centers_
    return Prototypes(centers, np.zeros(len(centers)))


def doubted(
    fitted: Prototypes, x: Floats, anomaly: Floats, usual: tuple[float, float], contamination: float
) -> Prototypes:
    """The same prototypes, the most anomalous of them doubtful.

    Args:
        anomaly: how anomalous the other parts of the score call the rows x [n]: 1 for one in fifty.
        usual: median and spread of the distances of usual rows.
        contamination: the share of the rows that may be frauds; 0: there is no doubt.
    """
    nearest = fitted.nearest(compress(x))
    rows = np.bincount(nearest, minlength=len(fitted.centers))
    mean = np.bincount(nearest, anomaly, len(rows)) / np.maximum(rows, 1)
    order = np.argsort(-mean, kind="stable")
    most = np.cumsum(rows[order]) <= DOUBTED * contamination * len(x)
    doubtful = np.zeros(len(rows), np.bool_)
    doubtful[order[most]] = mean[order[most]] > LEAST_DOUBT
    median, spread = usual
    return Prototypes(fitted.centers, np.where(doubtful, median + DOUBT * spread * mean, 0.0))
