"""From a table to an artifact, as one readable sequence."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as installed_version

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features, graph, whitening
from model.artifact import GRAPH, NETWORK, ArtifactStore, Manifest, Probe
from model.autoencoder import Autoencoder
from model.calibration import calibrate
from model.cleaning import FEWEST_ROWS, prepare
from model.config import DEFAULTS, TrainingConfig
from model.detector import Detector
from model.schema import Columns, TransactionSchema
from model.score import ScoreModel, compress
from model.scorer import Scorer
from model.tables import TableError
from model.threshold import Calibration

PROBE_ROWS = 32
LIBRARIES = ("eddy", "numpy", "scikit-learn", "scipy", "keras", "tensorflow", "onnx", "onnxruntime")

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of all work that is done."""


@dataclass(frozen=True, eq=False)
class Learned:
    """A model before it is stored: what goes into the artifact, and what reports are drawn from.

    `learned` and `held_out` are places in the columns that it was learned from.
    """

    schema: TransactionSchema
    config: TrainingConfig
    graph: bytes
    keras: bytes
    calibration: Calibration
    probe: Probe
    loss: float
    learned: NDArray[np.intp]
    held_out: NDArray[np.intp]

    def detector(self, version: str = "not stored") -> Detector:
        """Judges by this model, under the threshold of its own alert rate."""
        scorer = Scorer(self.graph, self.schema.scored)
        threshold = self.calibration.threshold(self.config.alert_rate)
        return Detector(version, self.schema, scorer, self.calibration, threshold)


@dataclass(frozen=True)
class Trained:
    """What came out: the version in the store; rows used; rows left out because a label calls them anomalies; notes."""

    version: str
    rows: int
    rows_left_out: int
    loss: float
    threshold: float
    notes: tuple[str, ...] = ()


def train(
    table: pd.DataFrame,
    schema: TransactionSchema,
    store: ArtifactStore,
    created_at: datetime,
    config: TrainingConfig = DEFAULTS,
    progress: Progress = lambda *_: None,
) -> Trained:
    """Trains a model of normal transactions and stores it.

    Raises:
        TableError: the table cannot be learned from.
        ArtifactError: the store cannot be written to.
    """
    progress("reading the columns", 0.0)
    clean = prepare(table, schema, config)
    model = learn(clean.columns, clean.schema, config, progress, clean.left_out)
    progress("storing the model", 0.95)
    version = save(model, store, created_at)
    progress("done", 1.0)
    threshold = model.calibration.score_at(config.alert_rate)
    return Trained(version, len(clean.columns), clean.left_out, model.loss, threshold, clean.notes)


def learn(
    columns: Columns,
    schema: TransactionSchema,
    config: TrainingConfig = DEFAULTS,
    progress: Progress = lambda *_: None,
    left_out: int = 0,
) -> Learned:
    """Learns a model from the columns of n normal transactions.

    Args:
        left_out: rows that were not passed on because a label calls them anomalies; for the error message.

    Raises:
        TableError: the rows cannot be learned from.
    """
    _check(columns, schema, left_out)
    learned, held_out = _split(len(columns), config)

    progress("learning the encoding", 0.05)
    encoder = features.fit(columns[learned], schema)
    z = encoder.encode(columns)
    inputs = whitening.fit(z[learned], _spread(z[learned]))
    u = compress(inputs.apply(z)).astype(np.float32)

    progress("starting TensorFlow", 0.1)
    network = Autoencoder(u.shape[1], config.bottleneck, config.seed)
    loss = network.fit(
        u[learned],
        config.steps,
        config.batch,
        lambda done, of, loss: progress(f"training, loss {loss:.4f}", 0.3 + 0.54 * done / of),
    )

    progress("calibrating", 0.85)
    missed = (u[held_out] - network.reconstruct(u[held_out])).astype(np.float64)
    residuals = whitening.fit(missed, _spread(u[learned].astype(np.float64)))
    lowest, highest = u[learned].min(axis=0), u[learned].max(axis=0)
    model = ScoreModel(encoder, inputs, network.layers(), residuals, lowest, highest)
    scoring = graph.build(schema, model)
    scorer = Scorer(scoring, schema.scored)
    calibration = calibrate(scorer.score(columns[held_out]).score)

    progress("checking the scoring graph", 0.9)
    probe = _probe_rows(columns[held_out])
    probe_score = scorer.score(probe).score
    graph.check_parity(model.score(probe, network.reconstruct), probe_score)
    return Learned(
        schema,
        config,
        scoring,
        network.to_bytes(),
        calibration,
        Probe.of(probe, probe_score),
        loss,
        learned,
        held_out,
    )


def save(model: Learned, store: ArtifactStore, created_at: datetime) -> str:
    """Stores a model as an artifact; gives its version.

    Raises:
        ArtifactError: the store cannot be written to.
    """
    draft = Manifest(
        created_at=created_at,
        fields=model.schema.fields,
        threshold=model.calibration.threshold(model.config.alert_rate),
        calibration=model.calibration,
        probe=model.probe,
        training={
            **asdict(model.config),
            "rows": len(model.learned),
            "rows_held_out": len(model.held_out),
            "loss": model.loss,
        },
        libraries={name: installed_version(name) for name in LIBRARIES},
    )
    return store.add(draft, {GRAPH: model.graph, NETWORK: model.keras})


def _check(columns: Columns, schema: TransactionSchema, left_out: int) -> None:
    rows = len(columns)
    if rows < FEWEST_ROWS:
        but = f" ({left_out} more are labelled anomalous)" if left_out else ""
        raise TableError(f"{rows} rows{but} are too few: give at least {FEWEST_ROWS} normal transactions")
    for name, values in zip(schema.numeric, columns.numeric.T, strict=True):
        if np.isnan(values).all():
            raise TableError(f"column {name} has no value in any row: set it to ignored in the schema")
    varying = any(_varies(table) for table in (columns.numeric, columns.categorical, columns.timestamp))
    if not varying:
        raise TableError(f"all {rows} rows are the same: there is nothing to learn; give real transactions")


def _varies(values: NDArray[np.generic]) -> bool:
    return any(len(pd.unique(column)) > 1 for column in values.T)


def _split(rows: int, config: TrainingConfig) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from and rows held out, at random."""
    order = np.random.default_rng(config.seed).permutation(rows)
    count = min(int(config.held_out * rows), config.held_out_rows)
    return np.sort(order[count:]), np.sort(order[:count])


def _probe_rows(columns: Columns) -> Columns:
    """Some rows, and some that no table has: missing values, zero, negative, extreme, a level never seen."""
    some = columns[np.arange(PROBE_ROWS)]
    numeric, categorical = some.numeric.copy(), some.categorical.copy()
    for row, value in enumerate((np.nan, 0.0, -1.0, -1e15, 1e15)):
        numeric[row] = value
    categorical[5], categorical[6] = "\N{SNOWMAN} never seen", ""
    return Columns(numeric, categorical, some.timestamp)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = values.std(axis=0)
    return np.where(deviation > 1e-9, deviation, 1.0)
