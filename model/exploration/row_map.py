"""A map of some rows in two dimensions (t-SNE): rows that are alike are close together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from eddy.model.exploration.correlations import some
from eddy.model.exploration.distributions import Distribution
from eddy.model.exploration.outliers import robust_z
from eddy.model.exploration.tsne import lay_out
from eddy.model.exploration.typed_table import Floats, Levels, Places, View

ROWS, ANOMALIES = 2_000, 300
FEWEST = 30
CAP, LEVELS, COMPONENTS = 5.0, 10, 20


@dataclass(frozen=True, eq=False)
class Projection:
    """The map.

    Args:
        points: float64 [m, 2]; anomalous: which of them a label calls anomalies [m], None without labels.
        drawn: (anomalous, normal) rows on the map; the anomalies are more than their share where they are rare.
    """

    points: Floats
    anomalous: NDArray[np.bool_] | None
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
    strange = view.anomalous[rows] if view.anomalous is not None else None
    count = int(strange.sum()) if strange is not None else 0
    return Projection(points, strange, (count, len(rows) - count))


def _drawn(view: View, seed: int) -> Places:
    if view.anomalous is None or not view.anomalous.any():
        return some(len(view), ROWS, seed)
    strange, usual = np.flatnonzero(view.anomalous), np.flatnonzero(~view.anomalous)
    share = max(ANOMALIES, int(ROWS * len(strange) / len(view)))
    strange = strange[some(len(strange), share, seed)]
    usual = usual[some(len(usual), ROWS - len(strange), seed)]
    return np.sort(np.concatenate([strange, usual]))


def _inputs(view: View, spreads: dict[str, Distribution], rows: Places) -> Floats | None:
    """Numbers in robust standard deviations, a missing one in the middle; the frequent levels as 0 and 1."""
    numbers = [np.nan_to_num(robust_z(view.numbers[name], spread)[rows]) for name, spread in spreads.items()]
    parts = [np.clip(np.column_stack(numbers), -CAP, CAP)] if numbers else []
    parts += [_indicators(levels, rows) for levels in view.levels.values() if len(levels.names) > 1]
    return np.column_stack(parts) if parts else None


def _indicators(levels: Levels, rows: Places) -> Floats:
    kept = np.arange(min(LEVELS, len(levels.names)))
    return np.asarray(levels.codes[rows][:, None] == kept, np.float64)
