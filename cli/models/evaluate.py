"""`eddy evaluate`: the detection quality of models on a table, compared with baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import out, plain, print_json, say, written_to
from eddy.cli.models.store import detector_of, store_of
from eddy.cli.tables import Artifacts, AsJson, Data, SampleRows, read
from eddy.monitoring.progress import sharing

if TYPE_CHECKING:  # pandas and scikit-learn would cost every command seconds
    from eddy.model.evaluation.evaluate import Evaluation
    from eddy.model.evaluation.metrics import Confusion, Figures

Versions = Annotated[
    list[str],
    typer.Argument(help="Model versions, one or several; `active` for the active one.", metavar="VERSION"),
]
Budget = Annotated[
    float,
    typer.Option(
        help="Number of alerts that people can review per day, or per 1,000 rows if the table has no time.", min=0.001
    ),
]
Train = Annotated[
    str | None,
    typer.Option("--train", help="Table that the baselines are trained on (default: half of DATA).", metavar="TABLE"),
]
Label = Annotated[str | None, typer.Option(help="Label column (default: the schema's, or a likely one).")]
NoBaselines = Annotated[bool, typer.Option("--no-baselines", help="Evaluate only the models, on all rows of DATA.")]
Report = Annotated[Path | None, typer.Option("--out", help="Write a report, one HTML file.", dir_okay=False)]


def evaluate(
    versions: Versions,
    data: Data,
    out_file: Report = None,
    budget: Budget = 10.0,
    train: Train = None,
    label: Label = None,
    no_baselines: NoBaselines = False,
    rows: SampleRows = 200_000,
    artifacts: Artifacts = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate models against labels, and compare them with baselines on the same rows and features.

    The baselines are isolation forest, local outlier factor, nearest neighbours, PCA and a plain autoencoder. They are
    trained on the normal rows of --train, or of the first half of DATA (by time; at random if there is no time). All
    methods are evaluated on the rest. Use rows that the models were not trained on. Without labels there are no
    detection metrics, but still alert rates, calibration, contributions and the top-scoring rows.

    Exit codes: 0 done, 1 a table or a model cannot be used, 2 wrong usage.

    Examples:

        eddy evaluate active march.parquet --out report.html

        eddy evaluate active march.parquet --budget 50 --train february.parquet

        eddy evaluate 20260301T101500Z-3f2a9c 20260401T090000Z-77ab01 april.csv --no-baselines --json
    """
    from eddy.model.evaluation.evaluate import prepare, run

    store = store_of(artifacts)
    detectors = [detector_of(store, version) for version in dict.fromkeys(versions)]
    schema = detectors[0].schema
    sample = read(data, rows, schema=schema, quiet=as_json)
    training = None if train is None or no_baselines else read(train, rows, schema=schema, quiet=as_json)
    evaluated, learned, notes = prepare(sample, schema, label, training, not no_baselines)
    with sharing(as_json) as progress:
        evaluation = run(detectors, evaluated, budget, learned, notes, progress)
    if out_file is not None:
        from eddy.reports.evaluation.report import evaluation_report

        with written_to(out_file):
            out_file.write_text(evaluation_report(evaluation, table_name(data)), encoding="utf-8")
    if as_json:
        print_json(summary(evaluation, out_file))
    else:
        _report(evaluation, out_file)


def table_name(data: str) -> str:
    return "standard input" if data == "-" else Path(data).name


def summary(evaluation: Evaluation, out_file: Path | None) -> dict[str, Any]:
    """All metrics, for scripts."""
    from eddy.reports.evaluation.tables import calibration_points

    labels = evaluation.rows.anomalous
    return {
        "rows": len(evaluation.rows),
        "anomalies": None if labels is None else int(labels.sum()),
        "labels": evaluation.rows.labels,
        "budget": evaluation.budget,
        "budget_per": "1,000 rows" if evaluation.rows.time_s is None else "day",
        "models": [
            {
                "version": result.name,
                "threshold": result.verdicts.threshold,
                "alert_rate": result.detector.threshold.rate,
                "flagged": int(result.verdicts.anomalous.sum()),
                "calibration": calibration_points(evaluation, result),
                "figures": figures_json(result.figures),
            }
            for result in evaluation.models
        ],
        "baselines": [{"name": other.name, "figures": figures_json(other.figures)} for other in evaluation.baselines],
        "notes": evaluation.notes,
        "report": out_file,
    }


def figures_json(found: Figures | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {**asdict(found), "at_budget": _counts(found.at_budget), "confusion": _counts(found.confusion)}


def _counts(found: Confusion | None) -> dict[str, float] | None:
    if found is None:
        return None
    return {**asdict(found), "precision": found.precision, "recall": found.recall, "accuracy": found.accuracy}


def _report(evaluation: Evaluation, out_file: Path | None) -> None:
    for note in evaluation.notes:
        say(note)
    for result in evaluation.models:
        flagged, rate = int(result.verdicts.anomalous.sum()), result.detector.threshold.rate
        expected = f"; {rate * len(evaluation.rows):,.3g} are expected among as many normal rows" if rate else ""
        say(f"{result.name} flags {flagged:,} of {len(evaluation.rows):,}{expected}.")
    if evaluation.rows.anomalous is not None:
        print_figures(evaluation)
    if out_file is not None:
        say(f"The report is in {out_file}.")


def print_figures(evaluation: Evaluation) -> None:
    """The metrics of all methods, and of each model by kind of anomaly."""
    from eddy.reports.evaluation.tables import (
        FIGURES,
        KIND_FIGURES,
        budget_sentence,
        kind_row,
        method_rows,
        textbook_sentence,
    )

    _print_table("", FIGURES, method_rows(evaluation))
    for result in evaluation.models:
        if result.figures is not None and result.figures.kinds:
            rows = [(f"{found.kind} ({found.rows:,})", *kind_row(found)) for found in result.figures.kinds]
            _print_table(f"kind, by {result.name}", KIND_FIGURES, rows)
    say(budget_sentence(evaluation))
    say(textbook_sentence(evaluation))


def _print_table(first: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first, no_wrap=True, overflow="fold")
    for name in columns:
        table.add_column(name, justify="right")
    for label, *cells in rows:
        table.add_row(plain(str(label)), *("" if cell is None else _narrow(str(cell)) for cell in cells))
    out.print(table, highlight=False)


def _narrow(figure: str) -> str:
    """The interval below its figure: a terminal is 80 columns wide."""
    return figure.replace("\N{NO-BREAK SPACE}(", "\n(").replace("\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}", "–")
