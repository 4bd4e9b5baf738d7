"""A small table of transactions, and a scoring model of it whose network was never trained.

The weights are random, so tests of graph, scorer, detector and artifact need no TensorFlow and take milliseconds.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from model import features, graph, whitening
from model.artifact import GRAPH, ArtifactStore, Manifest, Probe
from model.autoencoder import Layer
from model.calibration import calibrate
from model.detector import Detector
from model.schema import Columns, Field, Kind, TransactionSchema
from model.score import ScoreModel, compress
from model.scorer import Scorer
from model.tables import columns_of

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


@pytest.fixture(scope="session", name="forward")
def forward_fixture() -> Callable[..., NDArray[np.float32]]:
    return forward


def random_model(columns: Columns, schema: TransactionSchema, seed: int = 0) -> ScoreModel:
    """Encoder and whitening fitted to the columns; a network that does something, but has learned nothing."""
    encoder = features.fit(columns, schema)
    z = encoder.encode(columns)
    inputs = whitening.fit(z, np.ones(z.shape[1]))
    u = compress(inputs.apply(z)).astype(np.float32)
    layers = _random_layers(u.shape[1], np.random.default_rng(seed))
    missed = (u - forward(layers, u)).astype(np.float64)
    residuals = whitening.fit(missed, u.std(axis=0).astype(np.float64))
    return ScoreModel(encoder, inputs, layers, residuals, u.min(axis=0), u.max(axis=0))


def forward(layers: tuple[Layer, ...], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a network with these layers gives, in NumPy."""
    for layer in layers:
        values = values @ layer.weights + layer.bias
        if layer.activation == "elu":
            values = np.where(values > 0, values, np.expm1(np.minimum(values, 0)))
    return values


def _random_layers(width: int, rng: np.random.Generator) -> tuple[Layer, ...]:
    sizes = [width, 2 * width, width, 3, width, 2 * width, width]
    return tuple(
        Layer(
            rng.normal(0, inner**-0.5, (inner, outer)).astype(np.float32),
            rng.normal(0, 0.1, outer).astype(np.float32),
            "linear" if outer in (3, sizes[-1]) and place in (2, 5) else "elu",
        )
        for place, (inner, outer) in enumerate(pairwise(sizes))
    )
