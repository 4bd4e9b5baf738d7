"""The latent space as a map: what the bottleneck says of rows, laid out so that neighbours stay neighbours (t-SNE).

Distances between far-away groups, and the sizes of groups, mean nothing on such a map; who stands beside whom does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eddy.model.training.diagnostics import Evidence

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

ROWS = {2: 1_500, 3: 600}
"""Most rows on a map, by dimensions: t-SNE takes some two seconds for either."""
STRANGEST = 50
ANOMALOUS_SHARE = 0.25
PERPLEXITY = 30.0
STEPS = 400
ANGLE = 0.8


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Rows on a map: `places` [n, 2 or 3], `score` [n], and whether a label calls them anomalies, `anomalous` [n]."""

    places: Floats
    score: Floats
    anomalous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


def draw_map(evidence: Evidence, dimensions: int, seed: int = 0) -> LatentMap:
    """Lays out a sample of the held-out rows and of the labelled anomalies in 2 or 3 dimensions.

    In the sample are the strangest held-out rows, for whom the map is drawn, and others at random.
    """
    rng = np.random.default_rng(seed)
    anomalies = _some(len(evidence.anomaly_latent), round(ANOMALOUS_SHARE * ROWS[dimensions]), rng)
    held_out = _with_strangest(evidence.scores.score, ROWS[dimensions] - len(anomalies), rng)
    latent = np.concatenate([evidence.latent[held_out], evidence.anomaly_latent[anomalies]]).astype(np.float64)
    score = np.concatenate([evidence.scores.score[held_out], evidence.anomaly_scores.score[anomalies]])
    anomalous = np.arange(len(score)) >= len(held_out)
    return LatentMap(embed(latent, dimensions, seed), score, anomalous)


def embed(latent: Floats, dimensions: int, seed: int = 0) -> Floats:
    """t-SNE of rows [n, z], n >= 4, z >= 1, to [n, dimensions]; every number of the bottleneck counts alike."""
    spread = latent.std(axis=0)
    standard = (latent - latent.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    return lay_out(standard, dimensions, seed)


def lay_out(standard: Floats, dimensions: int, seed: int = 0) -> Floats:
    """t-SNE of rows [n, z], n >= 4, z >= 1, about zero and on comparable scales, to [n, dimensions]."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    layout = TSNE(
        dimensions,
        perplexity=min(PERPLEXITY, (len(standard) - 1) / 3),
        init=_start(standard, dimensions, seed),
        max_iter=STEPS,
        angle=ANGLE,
        random_state=seed,
    )
    with threadpool_limits(1):  # on a busy machine its threads wait for each other, three times as long as one works
        return np.asarray(layout.fit_transform(standard), np.float64)


def _start(standard: Floats, dimensions: int, seed: int) -> NDArray[np.float32]:
    """The principal components, small; a little noise, for t-SNE never leaves a line or a plane that it starts on."""
    directions = np.linalg.svd(standard, full_matrices=False)[2][:dimensions]
    start = np.zeros((len(standard), dimensions))
    start[:, : len(directions)] = standard @ directions.T
    widest = start[:, 0].std() or 1.0
    noise = np.random.default_rng(seed).standard_normal(start.shape)
    return np.asarray(1e-4 * (start / widest + 0.1 * noise), np.float32)


def _some(rows: int, most: int, rng: np.random.Generator) -> Places:
    return np.sort(rng.permutation(rows)[:most])


def _with_strangest(score: Floats, most: int, rng: np.random.Generator) -> Places:
    order = np.argsort(-score, kind="stable")
    others = rng.permutation(order[STRANGEST:])[: max(most - STRANGEST, 0)]
    return np.sort(np.concatenate([order[: min(STRANGEST, most)], others]))
