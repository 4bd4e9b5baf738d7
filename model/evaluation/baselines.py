"""Baselines: other detectors on the same features and rows, with their libraries' defaults.

Every baseline sees Eddy's own features, standardised, so that detection is compared, not the encoding.
"""

import warnings
from collections.abc import Callable

import numpy as np

from eddy.model.arrays import Floats
from eddy.model.exploration.typed_table import sample_indices
from eddy.model.schema.columns import Columns

Method = Callable[[Floats, Floats, int], Floats]

NEIGHBOUR_ROWS = 20_000
"""Methods that look up neighbours learn from at most so many rows: their time grows with both tables."""

MSE_AUTOENCODER = "mse autoencoder"


def scores(name: str, train: Floats, test: Floats, seed: int = 0) -> Floats:
    """Scores [n] of rows `test` [n, d] by the baseline `name` trained on `train` [m, d]; higher is more anomalous.

    >>> train, test = np.random.default_rng(0).normal(size=(500, 2)), np.array([[0.0, 0.0], [9.0, 9.0]])
    >>> bool(np.diff(scores("isolation forest", train, test))[0] > 0)
    True

    Raises:
        KeyError: there is no baseline of that name (`NAMES`).
        TableError: the rows are too few for the autoencoder.
    """
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    return _BASELINES[name](scaler.transform(train), scaler.transform(test), seed)


def isolation_forest(train: Floats, test: Floats, seed: int) -> Floats:
    from sklearn.ensemble import IsolationForest

    return np.asarray(-IsolationForest(random_state=seed).fit(train).score_samples(test))


def local_outlier_factor(train: Floats, test: Floats, seed: int) -> Floats:
    from sklearn.neighbors import LocalOutlierFactor

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Duplicate values")  # its own way to say that it suits them badly
        return np.asarray(-LocalOutlierFactor(novelty=True).fit(_sample(train, seed)).score_samples(test))


def nearest_neighbours(train: Floats, test: Floats, seed: int) -> Floats:
    """Distance to the fifth nearest row."""
    from sklearn.neighbors import NearestNeighbors

    distance, _ = NearestNeighbors(n_neighbors=5).fit(_sample(train, seed)).kneighbors(test)
    return np.asarray(distance[:, -1])


def pca(train: Floats, test: Floats, seed: int) -> Floats:
    """Squared error of the reconstruction from as many components as Eddy's bottleneck has numbers by default."""
    from sklearn.decomposition import PCA

    fitted = PCA(max(1, round(0.3 * train.shape[1])), random_state=seed).fit(train)
    return np.asarray(((test - fitted.inverse_transform(fitted.transform(test))) ** 2).mean(axis=1))


def mse_autoencoder(train: Floats, test: Floats, seed: int) -> Floats:
    """The textbook: one Keras autoencoder, scored by its mean squared error."""
    from eddy.model.config import TrainingConfig
    from eddy.model.schema.schema import Field, Kind, TransactionSchema
    from eddy.model.training.fit import learn

    schema = TransactionSchema(tuple(Field(f"feature_{i}", Kind.NUMERIC) for i in range(train.shape[1])))
    config = TrainingConfig(
        score="mse", loss="mse", network_input="standardised", members=1, contamination=0.0, seed=seed
    )
    learned = learn(_as_columns(train), schema, config)
    return learned.detector().scorer.score(_as_columns(test)).score


def _as_columns(features: Floats) -> Columns:
    return Columns(features, np.empty((len(features), 0), np.object_), np.empty((len(features), 0)))


def _sample(rows: Floats, seed: int) -> Floats:
    return rows[sample_indices(len(rows), NEIGHBOUR_ROWS, seed)]


_BASELINES: dict[str, Method] = {
    "isolation forest": isolation_forest,
    "local outlier factor": local_outlier_factor,
    "k nearest neighbours": nearest_neighbours,
    "pca": pca,
    MSE_AUTOENCODER: mse_autoencoder,
}
NAMES = tuple(_BASELINES)
