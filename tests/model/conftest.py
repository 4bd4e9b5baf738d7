"""A small table of transactions, and a scoring model of it whose network was never trained.

The weights are random, so tests of graph, scorer, detector and artifact need no TensorFlow and take milliseconds.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from eddy.model.components import category_pairs, gaussian_clusters, prototypes, tail_scores, whitening
from eddy.model.components.autoencoder import Layer
from eddy.model.components.combination import Combination
from eddy.model.components.score_model import ScoreModel, to_network_input
from eddy.model.config import NetworkInput, Parts
from eddy.model.data.conversion import columns_of
from eddy.model.features import fit
from eddy.model.onnx_export import graph
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.serving.artifact import GRAPH, ArtifactStore, Manifest, Probe
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scorer
from eddy.model.training.fit_calibration import calibrate

MakeTable = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    """Makes a table of `rows` transactions, one a minute, at seeded random."""

    def make(rows: int = 3_000, seed: int = 0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        shop = rng.choice(["grocery", "fuel", "travel"], rows, p=[0.7, 0.25, 0.05])
        usual = pd.Series({"grocery": 3.0, "fuel": 4.0, "travel": 5.5})
        amount = np.exp(usual[shop].to_numpy() + 0.5 * rng.standard_normal(rows))
        distance = rng.exponential(5.0, rows)
        distance[rng.random(rows) < 0.02] = np.nan
        return pd.DataFrame(
            {
                "transaction_id": [f"t-{n}" for n in range(rows)],
                "card_id": [f"c-{n}" for n in rng.integers(0, 100, rows)],
                "event_time": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(60 * np.arange(rows), unit="s"),
                "amount": amount.round(2),
                "distance_km": distance,
                "temperature": rng.normal(10.0, 5.0, rows),
                "shop": shop,
                "country": rng.choice(["DE", "FR", None], rows, p=[0.8, 0.15, 0.05]),
            }
        )

    return make


@pytest.fixture(scope="session")
def schema() -> TransactionSchema:
    return TransactionSchema(
        (
            Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
            Field("card_id", Kind.IDENTIFIER, role="card"),
            Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
            Field("amount", Kind.NUMERIC, role="amount", unit="EUR"),
            Field("distance_km", Kind.NUMERIC, nullable=True),
            Field("temperature", Kind.NUMERIC),
            Field("shop", Kind.CATEGORICAL),
            Field("country", Kind.CATEGORICAL, nullable=True),
        )
    )


@pytest.fixture(scope="session")
def columns(make_table: MakeTable, schema: TransactionSchema) -> Columns:
    return columns_of(make_table(), schema)


@pytest.fixture(scope="session")
def score_model(columns: Columns, schema: TransactionSchema) -> ScoreModel:
    return random_model(columns, schema)


@pytest.fixture(scope="session")
def graph_bytes(schema: TransactionSchema, score_model: ScoreModel) -> bytes:
    return graph.build(schema, score_model)


@pytest.fixture(scope="session")
def scorer(graph_bytes: bytes, schema: TransactionSchema) -> Scorer:
    return Scorer(graph_bytes, schema.scored)


@pytest.fixture(scope="session")
def draft(scorer: Scorer, columns: Columns, schema: TransactionSchema) -> Manifest:
    """A manifest that has not been stored."""
    score = scorer.score(columns).score
    calibration = calibrate(score)
    probe = columns[np.arange(8)]
    return Manifest(
        created_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
        fields=schema.fields,
        threshold=calibration.threshold(0.01),
        calibration=calibration,
        probe=Probe.of(probe, score[:8]),
        training={"rows": 3_000, "rows_held_out": 0},
        libraries={"onnxruntime": "1"},
    )


@pytest.fixture
def store(tmp_path: Path, draft: Manifest, graph_bytes: bytes) -> ArtifactStore:
    """A store with one artifact, the test's own."""
    made = ArtifactStore(tmp_path / "artifacts")
    made.add(draft, {GRAPH: graph_bytes, "autoencoder.keras": b"not read when serving"})
    return made


@pytest.fixture
def detector(store: ArtifactStore) -> Detector:
    return store.detector(store.active())


@pytest.fixture(scope="session", name="random_model")
def random_model_fixture() -> Callable[..., ScoreModel]:
    return random_model


@pytest.fixture(scope="session", name="reconstructions")
def reconstructions_fixture() -> Callable[..., NDArray[np.float32]]:
    return reconstructions


def random_model(
    columns: Columns,
    schema: TransactionSchema,
    seed: int = 0,
    parts: Parts = "balanced",
    network_input: NetworkInput = "whitened",
    mse: bool = False,
    members: int = 2,
    count: int = 0,
    paired: bool = False,
    hinge: bool = False,
    groups: tuple[str, ...] | None = None,
) -> ScoreModel:
    """Encoder and whitening fitted to the columns; networks that do something, but have learned nothing."""
    encoder = fit.fit(columns, schema, groups, hinge)
    x = encoder.encode(columns)
    inputs = whitening.fit(x, np.ones(x.shape[1]))
    u = to_network_input(x, inputs.apply(x), network_input)
    rng = np.random.default_rng(seed)
    networks = () if count or paired else tuple(_random_layers(u.shape[1], rng) for _ in range(members))
    missed = [(u - forward(layers, u)).astype(np.float64) for layers in networks]
    spread = u.std(axis=0, dtype=np.float64)
    tails, far = tail_scores.fit(x, encoder.upper), parts == "combined"
    points = prototypes.fit(x, seed)
    points = replace(points, doubts=np.where(np.arange(len(points.centers)) % 9, 0.0, 1.0))
    width = x.shape[1]
    combined = Combination(points, np.full(width, 1.5), np.array([4.0, 2.0, 0.8]), np.array([5.0, 3.0, 1.0]))
    return ScoreModel(
        encoder=encoder,
        inputs=inputs,
        tail_scores=tail_scores.with_alarm(tails, x, encoder.upper, encoder.bounded, 100.0) if far else tails,
        members=networks,
        residuals=None if mse else tuple(whitening.fit(each, spread) for each in missed),
        clusters=gaussian_clusters.fit(inputs.apply(x), count, seed) if count else None,
        pairs=category_pairs.fit(columns.categorical, encoder.categories) if paired else None,
        lowest=u.min(axis=0),
        highest=u.max(axis=0),
        parts=parts,
        network_input=network_input,
        combination=combined if parts == "combined" and networks and not mse else None,
    )


def reconstructions(model: ScoreModel, u: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each network of a model makes of u [n, d], in NumPy: [members, n, d]."""
    return np.array([forward(layers, u) for layers in model.members])


def forward(layers: tuple[Layer, ...], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a network with these layers gives, in NumPy."""
    for layer in layers:
        values = values @ layer.weights + layer.bias
        if layer.activation == "tanh":
            values = np.tanh(values)
    return values


def _random_layers(width: int, rng: np.random.Generator) -> tuple[Layer, ...]:
    sizes = [width, 2 * width, width, 3, width, 2 * width, width]
    return tuple(
        Layer(
            rng.normal(0, inner**-0.5, (inner, outer)).astype(np.float32),
            rng.normal(0, 0.1, outer).astype(np.float32),
            "linear" if outer in (3, sizes[-1]) and place in (2, 5) else "tanh",
        )
        for place, (inner, outer) in enumerate(pairwise(sizes))
    )
