"""`eddy train`: from a table of past transactions to a model that can run."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import err, fail, out
from cli.data import Artifacts, AsJson, Data, SchemaFile, schema_of

if TYPE_CHECKING:  # pandas and TensorFlow would cost every command seconds
    from model.artifact import ArtifactStore
    from model.schema import TransactionSchema
    from model.training import Trained

AlertRate = Annotated[float, typer.Option(help="Share of normal transactions that may be flagged.", min=1e-8, max=0.5)]
Seed = Annotated[int, typer.Option(help="The same table, schema and seed give the same scores.", min=0, max=2**31 - 1)]


def train(
    file: Data,
    artifacts: Artifacts = None,
    alert_rate: AlertRate = 0.001,
    seed: Seed = 0,
    schema: SchemaFile = None,
    as_json: AsJson = False,
) -> None:
    """Learn what normal transactions look like, from a table, and store the model.

    Rows that a label calls anomalous are left out. The table should cover a week or more: hours and days that the
    model has never seen are strange to it. Columns are told apart by names and values; to correct that, write the
    schema of a first model out (`eddy models show VERSION --schema`), edit it, and give it back.

    Examples:

        eddy train transactions.parquet

        eddy train transactions.csv --alert-rate 0.0005 --schema schema.toml
    """
    try:
        from model.artifact import ArtifactError, ArtifactStore
        from model.schema import SchemaError
        from model.tables import TableError
        from settings import load
    except ModuleNotFoundError as error:
        fail(f"training needs {error.name}, which is not installed: pip install 'eddy[train]'")

    store = ArtifactStore(load(artifacts=artifacts).artifacts)
    try:
        trained = _train(file, store, alert_rate, seed, schema_of(schema), quiet=as_json)
    except (ArtifactError, SchemaError, TableError) as error:
        fail(str(error))
    if as_json:
        out.print_json(json.dumps({**asdict(trained), "path": str(store.path / trained.version)}))
    else:
        _report(trained, store, alert_rate)


def _train(
    file: str, store: ArtifactStore, alert_rate: float, seed: int, schema: TransactionSchema | None, quiet: bool
) -> Trained:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=err, disable=quiet) as bar:
        task = bar.add_task(f"reading {Path(file).name}", total=1.0)
        from model.config import TrainingConfig
        from model.inference import infer
        from model.tables import read_table
        from model.training import train as learn

        table = read_table(file)
        return learn(
            table,
            schema or infer(table),
            store,
            datetime.now(UTC),
            TrainingConfig(alert_rate=alert_rate, seed=seed),
            lambda doing, share: bar.update(task, description=doing, completed=share),
        )


def _report(trained: Trained, store: ArtifactStore, alert_rate: float) -> None:
    left_out = f" ({trained.rows_left_out:,} labelled anomalous were left out)" if trained.rows_left_out else ""
    _say(f"Trained on {trained.rows:,} transactions{left_out}.")
    one_in, score = f"{1 / alert_rate:,.0f}", f"{trained.threshold:.4g}"
    _say(f"Model {trained.version} flags about 1 normal transaction in {one_in}: those that score {score} or more.")
    active = store.active()
    if active == trained.version:
        _say(f"It is the active model of {store.path}: consumer and API will run it.")
    else:
        _say(f"{active} was chosen to run; to run this one: eddy models use {trained.version}")


def _say(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False, soft_wrap=True)
