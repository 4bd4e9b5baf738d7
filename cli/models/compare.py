"""`eddy models compare`: two models on the same rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import out, plain, print_json, say, written_to
from eddy.cli.models.evaluate import Budget, Label, Report, print_figures, summary, table_name
from eddy.cli.models.store import detector_of, store_of
from eddy.cli.tables import Artifacts, AsJson, Data, SampleRows, read
from eddy.model.serving.text import contributions_text, one_in

if TYPE_CHECKING:  # pandas and scikit-learn would cost every command seconds
    from pathlib import Path

    from eddy.model.evaluation.compare import Comparison, Opinion
    from eddy.model.evaluation.evaluate import Evaluation

First = Annotated[str, typer.Argument(help="First model version; `active` for the active one.", metavar="A")]
Second = Annotated[str, typer.Argument(help="Model version to compare it with.", metavar="B")]


def compare(
    first: First,
    second: Second,
    data: Data,
    out_file: Report = None,
    budget: Budget = 10.0,
    label: Label = None,
    rows: SampleRows = 200_000,
    artifacts: Artifacts = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models on the same rows: metrics, agreement, and the rows on which they disagree.

    Exit codes: 0 done, 1 a table or a model cannot be used, 2 wrong usage.

    Examples:

        eddy models compare active 20260401T090000Z-77ab01 april.csv

        eddy models compare active 20260401T090000Z-77ab01 april.csv --out comparison.html
    """
    from eddy.model.evaluation.compare import compare_models
    from eddy.model.evaluation.evaluate import prepare, run

    store = store_of(artifacts)
    detectors = [detector_of(store, version) for version in (first, second)]
    schema = detectors[0].schema
    evaluated, _, notes = prepare(read(data, rows, schema=schema, quiet=as_json), schema, label, with_baselines=False)
    evaluation = run(detectors, evaluated, budget, None, notes)
    found = compare_models(evaluation)
    if out_file is not None:
        from eddy.reports.evaluation.comparison import comparison_report

        with written_to(out_file):
            out_file.write_text(comparison_report(evaluation, found, table_name(data)), encoding="utf-8")
    if as_json:
        print_json({**summary(evaluation, out_file), **asdict(found)})
    else:
        _report(evaluation, found, out_file)


def _report(evaluation: Evaluation, found: Comparison, out_file: Path | None) -> None:
    first, second = evaluation.models
    for note in evaluation.notes:
        say(note)
    if evaluation.rows.anomalous is not None:
        print_figures(evaluation)
    say(
        f"Flagged by both: {found.both:,}; by {first.name} alone: {found.only_first:,}; by {second.name} alone: "
        f"{found.only_second:,}; by neither: {found.neither:,}."
    )
    say(
        f"Rank correlation of the scores: {found.rank_correlation:.3f}. Of the top-scoring 1 % of one model, "
        f"{found.top_scoring_shared:.0%} are in the top 1 % of the other."
    )
    if found.disagreements:
        _print_disagreements(evaluation, found)
    if out_file is not None:
        say(f"The report is in {out_file}.")


def _print_disagreements(evaluation: Evaluation, found: Comparison) -> None:
    from rich.table import Table

    first, second = evaluation.models
    table = Table("row", "label", f"by {first.name}", f"by {second.name}", box=None, padding=(0, 2, 0, 0))
    for apart in found.disagreements:
        label = "" if apart.label is None else "anomalous" if apart.label else "normal"
        cells = (f"{apart.row:,}", label, _opinion(apart.first), _opinion(apart.second))
        table.add_row(*map(plain, cells))
    say("The rows on which they disagree most:")
    out.print(table)


def _opinion(opinion: Opinion) -> str:
    verdict = "flagged" if opinion.anomalous else "passed"
    return f"{one_in(opinion.rarity)}, {verdict}: {contributions_text(opinion.contributions[:2])}"
