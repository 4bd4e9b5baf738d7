"""Rows as a map, laid out by t-SNE: rows that are alike are close together.

Distances between far-away groups, and the sizes of groups, mean nothing on such a map.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from eddy.model.arrays import Bools, Floats, Floats32, Indices
from eddy.model.exploration.distributions import Distribution
from eddy.model.exploration.outliers import robust_z
from eddy.model.exploration.typed_table import Levels, View, sample_indices

ROWS, ANOMALIES = 2_000, 300
FEWEST = 30
CAP, LEVELS, COMPONENTS = 5.0, 10, 20
PERPLEXITY, STEPS, ANGLE = 30.0, 400, 0.8


@dataclass(frozen=True, eq=False)
class Projection:
    """The map.

    Args:
        points: float64 [m, 2]; anomalous: which of them a label calls anomalies [m], None without labels.
        drawn: (anomalous, normal) rows on the map; the anomalies are more than their share where they are rare.
    """

    points: Floats
    anomalous: Bools | None
    drawn: tuple[int, int]


def projection(view: View, spreads: dict[str, Distribution], seed: int = 0) -> Projection | None:
    """None where there are too few different rows for a map."""
    rows = _drawn(view, seed)
    inputs = _inputs(view, spreads, rows)
    if inputs is None or len(np.unique(inputs, axis=0)) < FEWEST:
        return None
    if inputs.shape[1] > COMPONENTS:
        inputs = PCA(COMPONENTS, random_state=seed).fit_transform(inputs)
    # Equal rows would sit on top of each other: a hair's breadth apart they show how many they are.
    inputs = inputs - inputs.mean(axis=0) + np.random.default_rng(seed).normal(0, 1e-3, inputs.shape)
    points = lay_out(inputs, 2, seed)
    anomalies = view.anomalous[rows] if view.anomalous is not None else None
    count = int(anomalies.sum()) if anomalies is not None else 0
    return Projection(points, anomalies, (count, len(rows) - count))


def _drawn(view: View, seed: int) -> Indices:
    if view.anomalous is None or not view.anomalous.any():
        return sample_indices(len(view), ROWS, seed)
    anomalies, normal = np.flatnonzero(view.anomalous), np.flatnonzero(~view.anomalous)
    share = max(ANOMALIES, int(ROWS * len(anomalies) / len(view)))
    anomalies = anomalies[sample_indices(len(anomalies), share, seed)]
    normal = normal[sample_indices(len(normal), ROWS - len(anomalies), seed)]
    return np.sort(np.concatenate([anomalies, normal]))


def _inputs(view: View, spreads: dict[str, Distribution], rows: Indices) -> Floats | None:
    """Numbers in robust standard deviations, a missing one in the middle; the frequent levels as 0 and 1."""
    numbers = [np.nan_to_num(robust_z(view.numbers[name], spread)[rows]) for name, spread in spreads.items()]
    parts = [np.clip(np.column_stack(numbers), -CAP, CAP)] if numbers else []
    parts += [_indicators(levels, rows) for levels in view.levels.values() if len(levels.names) > 1]
    return np.column_stack(parts) if parts else None


def _indicators(levels: Levels, rows: Indices) -> Floats:
    kept = np.arange(min(LEVELS, len(levels.names)))
    return np.asarray(levels.codes[rows][:, None] == kept, np.float64)


def embed(latent: Floats, dimensions: int, seed: int = 0) -> Floats:
    """t-SNE of rows [n, z], n >= 4, z >= 1, to [n, dimensions]; every number of the bottleneck counts alike."""
    return lay_out(StandardScaler().fit_transform(latent), dimensions, seed)


def lay_out(standard: Floats, dimensions: int, seed: int = 0) -> Floats:
    """t-SNE of rows [n, z], n >= 4, z >= 1, about zero and on comparable scales, to [n, dimensions]."""
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


def _start(standard: Floats, dimensions: int, seed: int) -> Floats32:
    """The principal components, small; a little noise, for t-SNE never leaves a line or a plane that it starts on."""
    directions = np.linalg.svd(standard, full_matrices=False)[2][:dimensions]
    start = np.zeros((len(standard), dimensions))
    start[:, : len(directions)] = standard @ directions.T
    widest = start[:, 0].std() or 1.0
    noise = np.random.default_rng(seed).standard_normal(start.shape)
    return np.asarray(1e-4 * (start / widest + 0.1 * noise), np.float32)
