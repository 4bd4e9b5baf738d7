"""Rows as a map, laid out by t-SNE so that neighbours stay neighbours.

Distances between far-away groups, and the sizes of groups, mean nothing on such a map; who stands beside whom does.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERPLEXITY = 30.0
STEPS = 400
ANGLE = 0.8


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
