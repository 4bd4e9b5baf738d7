"""`eddy explore`: a profile of a table, before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import print_json, say, written_to
from eddy.cli.tables import AsJson, Data, SampleRows, SchemaFile, guesses_of, read, say_columns, schema_of
from eddy.monitoring.progress import sharing

if TYPE_CHECKING:  # pandas and matplotlib would cost every command seconds
    from eddy.model.exploration.profile import Exploration
    from eddy.model.schema.schema import TransactionSchema

Out = Annotated[
    Path, typer.Option("--out", help="Path of the report, one HTML file that opens offline.", dir_okay=False)
]
Seed = Annotated[
    int, typer.Option(help="Random seed; the same table and seed give the same report.", min=0, max=2**31 - 1)
]


def explore(
    data: Data,
    report: Out = Path("exploration.html"),
    schema: SchemaFile = None,
    sample_rows: SampleRows = 1_000_000,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Profile a table before training: column kinds, distributions and data problems.

    The report starts with errors and warnings. It shows the inferred kind of each column, missing values,
    distributions, changes over time, correlated columns, duplicates, outliers, label leakage and drift. It ends with
    rows to browse.

    Examples:

        eddy explore transactions.parquet

        eddy explore 'days/*.csv' --out days.html --schema schema.toml

    Exit codes: 0 done, 1 the table cannot be read or the report cannot be written, 2 wrong usage, 130 Ctrl-C.
    """
    from eddy.model.exploration.as_json import figures
    from eddy.reports.exploration.report import exploration_report

    found = _explore(data, schema_of(schema), sample_rows, seed, quiet=as_json)
    with sharing(quiet=as_json) as progress:
        progress("drawing", 0.0)
        page = exploration_report(found, data)
        progress("drawn", 1.0)
    with written_to(report):
        report.write_text(page, encoding="utf-8")
    if as_json:
        print_json({"report": report, **figures(found, data)})
    else:
        _print(found, data, report)


def _explore(data: str, schema: TransactionSchema | None, rows: int, seed: int, quiet: bool) -> Exploration:
    sample = read(data, rows, seed, schema, quiet)
    from eddy.model.exploration.profile import explore as look

    guesses = guesses_of(sample.table, schema)
    if not quiet:
        say_columns(guesses)
    with sharing(quiet) as progress:
        return look(sample.table, sample.rows, guesses, seed, progress)


def _print(found: Exploration, data: str, report: Path) -> None:
    from eddy.model.exploration.findings import findings, next_commands

    listed = findings(found)
    for finding in listed:
        say(f"{finding.severity:>10}  {finding.text}")
    say(f"Report: {report}")
    for command in next_commands(listed, data):
        say(f"Next: {command}")
