"""`eddy tune`: searches for the best training settings for a table, and trains a model with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import err, print_json, say, written_to
from eddy.cli.interruption import interruptible
from eddy.cli.models import training_options as options
from eddy.cli.models.store import store_of
from eddy.cli.tables import Artifacts, AsJson, Data, SchemaFile, checked_schema, read, schema_of
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.monitoring.progress import bars, sharing

if TYPE_CHECKING:  # pandas, Optuna and TensorFlow would cost every command seconds
    from pandas import DataFrame

    from eddy.model.data.sampling import Sample
    from eddy.model.schema.schema import TransactionSchema
    from eddy.model.serving.artifact import ArtifactStore
    from eddy.model.training.train import Trained
    from eddy.model.tuning.study import ProgressCallback
    from eddy.model.tuning.tune import Tuned

MOST_ROWS = 300_000

Trials = Annotated[int, typer.Option(help="Number of trials, including those of earlier sessions.", min=1, max=10_000)]
Minutes = Annotated[float | None, typer.Option(help="Start no new trial after this many minutes.", min=0.0)]
Out = Annotated[Path, typer.Option("--out", help="Path of the report, one HTML file.", dir_okay=False)]
StudyFile = Annotated[
    Path | None,
    typer.Option("--study", help="File that stores the trials (default: beside the model store).", dir_okay=False),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Discard the trials of earlier sessions.")]
Steps = Annotated[int, typer.Option(help="Training steps of the final model; trials use fewer.", min=1)]


def tune(
    data: Data,
    schema: SchemaFile = None,
    trials: Trials = 30,
    minutes: Minutes = None,
    report: Out = Path("tuning.html"),
    artifacts: Artifacts = None,
    study: StudyFile = None,
    fresh: Fresh = False,
    alert_rate: options.AlertRate = DEFAULTS.alert_rate,
    steps: Steps = DEFAULTS.steps,
    seed: options.Seed = DEFAULTS.seed,
    as_json: AsJson = False,
) -> None:
    """Search for the best training settings for a table, and train a model with them.

    Trials are scored on labelled anomalies if there are enough, otherwise on synthetic anomalies made from normal
    rows. The report gives the gain over the defaults on rows that the search has not seen, even if it is zero. After
    Ctrl-C, the same command continues the search.

    Examples:

        eddy tune transactions.parquet

        eddy tune transactions.csv --schema schema.toml --trials 100 --minutes 60 --out tuning.html

    Exit codes: 0 stored; 1 the table, the schema or a setting cannot be used; 2 wrong usage; 130 Ctrl-C.
    """
    from eddy.model.data.schema_inference import infer

    store = store_of(artifacts)
    kept = study or store.path.with_name(f"{store.path.name}-tuning.journal")
    left = f"the trials are stored in {kept}: run the same command again to continue"
    with interruptible(lambda: left), written_to(report):
        config = TrainingConfig(alert_rate=alert_rate, steps=steps, seed=seed)
        given = schema_of(schema)
        sample = read(data, MOST_ROWS, seed, given, as_json)
        known = checked_schema(schema, given, sample.table) or infer(sample.table)
        tuned = _search(sample.table, known, config, trials, kept, fresh, minutes, as_json)
        trained = _train(sample.table, known, store, tuned, as_json)
        _write(tuned, data, sample, report)
    if as_json:
        print_json(_as_json(tuned, trained, store, report))
    else:
        _report(tuned, trained, store, report)


def _search(
    table: DataFrame,
    schema: TransactionSchema,
    config: TrainingConfig,
    trials: int,
    file: Path,
    fresh: bool,
    minutes: float | None,
    quiet: bool,
) -> Tuned:
    from eddy.model.tuning.study import open_study, trials_of
    from eddy.model.tuning.tune import Limits, divide, study_name, tune

    limits = Limits(trials=trials)
    task = divide(table, schema, config.seed)
    study = open_study(file, study_name(table, schema, config, limits), config.seed, fresh)
    begun = len(trials_of(study))
    if begun and not quiet:
        say(f"Continuing with {begun} trials of an earlier session in {file}; --fresh discards them.", err)
    until = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    with _progress(quiet) as on_progress:
        return tune(task, study, config, limits, lambda: time.monotonic() < until, on_progress)


def _train(table: DataFrame, schema: TransactionSchema, store: ArtifactStore, tuned: Tuned, quiet: bool) -> Trained:
    from eddy.model.training.train import train
    from eddy.reports.training.build import build
    from eddy.reports.tuning.report import verdict

    with sharing(quiet) as on_progress:
        notes = [f"Its settings come from a search of {len(tuned.trials)} trials. {verdict(tuned)}"]
        report = partial(build, notes=notes)
        return train(table, schema, store, datetime.now(UTC), tuned.config, on_progress, report)


def _write(tuned: Tuned, data: str, sample: Sample, report: Path) -> None:
    from eddy.reports.tuning.report import tuning_report

    rows = len(sample.table)
    used = "all of them" if sample.whole else f"{rows:,} of them, sampled at random"
    report.parent.mkdir(parents=True, exist_ok=True)
    page = tuning_report(tuned, [f"{data} has {sample.rows:,} rows; the search used {used}."])
    report.write_text(page, encoding="utf-8")


def _as_json(tuned: Tuned, trained: Trained, store: ArtifactStore, report: Path) -> dict[str, Any]:
    return {
        **asdict(trained),
        "path": store.path / trained.version,
        "report": report,
        "labelled": tuned.task.labelled,
        "trials": len(tuned.trials),
        "settings": tuned.winner,
        "gain": tuned.gain,
    }


def _report(tuned: Tuned, trained: Trained, store: ArtifactStore, report: Path) -> None:
    from eddy.model.tuning.search_space import differing
    from eddy.reports.tuning.report import verdict

    best = differing(tuned.settings, tuned.winner)
    say(f"Best of {len(tuned.trials)} trials: {', '.join(f'{n}: {o}' for n, o in best.items()) or 'the defaults'}.")
    say(verdict(tuned))
    say(f"Model {trained.version} is in {store.path}; the report is {report}.")
    if (active := store.active()) != trained.version:
        say(f"{active} stays the active model; to activate this one: eddy models use {trained.version}")


@contextmanager
def _progress(quiet: bool) -> Iterator[ProgressCallback]:
    """A bar for each stage, with the best value so far."""
    with bars(quiet) as update:

        def on_progress(doing: str, done: int, of: int, best: float | None) -> None:
            found = "" if best is None else f", best so far {best:.3f}"
            update(doing, done, of, f"{done} of {of}{found}", stage=doing)

        yield on_progress
