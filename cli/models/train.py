"""`eddy train`: trains a model on a table of past transactions."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eddy.cli.console import print_json, say
from eddy.cli.interruption import interruptible
from eddy.cli.models import training_options as options
from eddy.cli.models.store import store_of
from eddy.cli.tables import (
    Artifacts,
    AsJson,
    Data,
    SchemaFile,
    checked_schema,
    guesses_of,
    read,
    rehearsed,
    say_columns,
    schema_of,
)
from eddy.model.config import CALIBRATION_ROWS, DEFAULTS, TrainingConfig
from eddy.monitoring.progress import sharing

if TYPE_CHECKING:  # pandas and TensorFlow would cost every command seconds
    from eddy.model.data.sampling import Sample
    from eddy.model.schema.schema import TransactionSchema
    from eddy.model.serving.artifact import ArtifactStore
    from eddy.model.training.train import Trained


def train(
    data: Data,
    artifacts: Artifacts = None,
    schema: SchemaFile = None,
    report: options.Report = True,
    as_json: AsJson = False,
    alert_rate: options.AlertRate = DEFAULTS.alert_rate,
    sample_rows: options.SampleRows = DEFAULTS.sample_rows,
    keep_labelled: options.KeepLabelled = DEFAULTS.keep_labelled,
    contamination: options.Contamination = DEFAULTS.contamination,
    held_out: options.HeldOut = DEFAULTS.held_out,
    held_out_rows: options.HeldOutRows = DEFAULTS.held_out_rows,
    features: options.Features = None,
    hinge: options.Hinge = DEFAULTS.hinge,
    parts: options.Parts = DEFAULTS.parts,
    score: options.Score = DEFAULTS.score,
    network_input: options.NetworkInput = DEFAULTS.network_input,
    members: options.Members = DEFAULTS.members,
    hidden: options.Hidden = None,
    bottleneck: options.Bottleneck = DEFAULTS.bottleneck,
    clusters: options.Clusters = DEFAULTS.clusters,
    loss: options.Loss = DEFAULTS.loss,
    steps: options.Steps = DEFAULTS.steps,
    batch: options.Batch = DEFAULTS.batch,
    seed: options.Seed = DEFAULTS.seed,
) -> None:
    """Train a model of normal transactions on a table, and store it.

    Rows labelled as anomalies are left out. The table should cover at least a week, because hours that the model has
    never seen get high scores. The schema is inferred from names and values; to correct it, run `eddy schema DATA`,
    edit the file, and pass it with --schema. A table larger than --sample-rows is read in chunks and sampled. On one
    machine, the same table, schema, settings and seed give bit-identical scores.

    Examples:

        eddy train transactions.parquet

        eddy train 'days/*.csv' --alert-rate 0.0005 --schema schema.toml

        eddy train clean.parquet --contamination 0 --parts network --hidden 128,64 --json

    Exit codes: 0 stored; 1 the table, the schema or a setting cannot be used (nothing is stored); 2 wrong usage;
    130 Ctrl-C.
    """
    given = locals()
    config = TrainingConfig(**{field.name: given[field.name] for field in fields(TrainingConfig)})
    store = store_of(artifacts)
    before = set(store.versions())
    with interruptible(lambda: _left(store, before)):
        known = schema_of(schema)
        sample = read(data, _rows_to_read(config), config.seed, known, as_json)
        known = checked_schema(schema, known, sample.table)
        trained = _train(sample, known, store, config, as_json, report)
    if as_json:
        print_json({**asdict(trained), "rows_in_data": sample.rows, "path": store.path / trained.version})
    else:
        _report(trained, store, alert_rate)


def _rows_to_read(config: TrainingConfig) -> int:
    """What the networks learn from, what is held out, and more for the calibration; 0: all."""
    return config.sample_rows and config.sample_rows + config.held_out_rows + CALIBRATION_ROWS


def _train(
    sample: Sample,
    schema: TransactionSchema | None,
    store: ArtifactStore,
    config: TrainingConfig,
    quiet: bool,
    report: bool,
) -> Trained:
    from eddy.model.data.schema_inference import as_schema

    guesses = guesses_of(sample.table, schema)
    known = schema or as_schema(guesses)
    if not quiet:
        say_columns(guesses)
    rehearsed(sample.table, known)
    with sharing(quiet) as on_progress:
        on_progress("starting", 0.0)
        from eddy.model.training.train import train as train_model
        from eddy.reports.training.build import build

        build_report = build if report else None
        return train_model(sample.table, known, store, datetime.now(UTC), config, on_progress, build_report)


def _left(store: ArtifactStore, before: set[str]) -> str:
    stored = set(store.versions()) - before
    return f"model {', '.join(stored)} was stored already" if stored else "no model was stored"


def _report(trained: Trained, store: ArtifactStore, alert_rate: float) -> None:
    say(f"Trained on {trained.rows:,} transactions.")
    for note in trained.notes:
        say(note)
    one_in, score = f"{1 / alert_rate:,.0f}", f"{trained.threshold:.4g}"
    say(f"Model {trained.version} flags about 1 normal transaction in {one_in}: those with a score of {score} or more.")
    active = store.active()
    if active == trained.version:
        say(f"It is the active model of {store.path}: consumer and API load it at their next start.")
    else:
        say(f"{active} stays the active model; to activate this one: eddy models use {trained.version}")
    report = store.path / trained.version / "report.html"
    if report.is_file():
        say(f"Training report: {report}")
