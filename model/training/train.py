"""From a table to an artifact, as one readable sequence."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.progress import ProgressCallback
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.training.fit import Learned, learn, save
from eddy.model.training.prepare import Prepared, prepare

BuildReport = Callable[[Learned, Prepared, ProgressCallback], str]
"""Draws the report (HTML) that is stored with the model."""


@dataclass(frozen=True)
class Trained:
    """What came out: the version in the store; rows used; rows left out because a label calls them anomalies; notes."""

    version: str
    rows: int
    rows_left_out: int
    loss: float | None
    threshold: float
    notes: tuple[str, ...] = ()


def train(
    table: pd.DataFrame,
    schema: TransactionSchema,
    store: ArtifactStore,
    created_at: datetime,
    config: TrainingConfig = DEFAULTS,
    on_progress: ProgressCallback = lambda *_: None,
    report: BuildReport | None = None,
) -> Trained:
    """Trains a model of normal transactions and stores it.

    Args:
        report: draws the artifact's report (`reports.training.build.build`), which takes longer than a small model
            to train; without it, the artifact has none.

    Raises:
        TableError: the table cannot be learned from.
        ConfigError: the settings make nothing of this table.
        ArtifactError: the store cannot be written to.
    """
    on_progress("reading the columns", 0.0)
    prepared = prepare(table, schema, config)
    share = 0.7 if report else 0.95
    model = learn(
        prepared.columns,
        prepared.schema,
        config,
        lambda what, done: on_progress(what, share * done),
        prepared.anomalies,
    )
    page = report(model, prepared, lambda what, done: on_progress(what, share + 0.26 * done)) if report else None
    on_progress("storing the model", 0.97)
    version = save(model, store, created_at, page)
    on_progress("done", 1.0)
    threshold = model.calibration.score_at(config.alert_rate)
    notes = (*prepared.notes, *model.notes)
    return Trained(version, len(prepared.columns), prepared.left_out, model.loss, threshold, notes)
