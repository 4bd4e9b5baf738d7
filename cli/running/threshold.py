"""`eddy threshold`: which scores are anomalous, changed while everything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import err, fail, out, print_json, say
from eddy.cli.inspecting.since import duration_s
from eddy.cli.running.changes import Force, Who, Why, author, operating
from eddy.cli.tables import Artifacts, AsJson

if TYPE_CHECKING:
    from eddy.control.change import ThresholdBody
    from eddy.control.operator import Operator, ThresholdInForce
    from eddy.control.projection import Window

Rate = Annotated[
    float | None, typer.Option(help="Share of normal transactions to flag, such as 0.001; holds for every model.")
]
ScoreOption = Annotated[
    float | None, typer.Option(help="Score from which on transactions are anomalous; for the model in force only.")
]
ModelsOwnOption = Annotated[bool, typer.Option("--models-own", help="Back to the threshold of training.")]

app = typer.Typer(help="Show and change the threshold while everything runs.", no_args_is_help=True)


@app.command()
def show(artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """Show the threshold in force, and the change that made it.

    Example:

        eddy threshold show --json | jq .alert_rate
    """
    with operating(artifacts) as operator:
        found = operator.threshold()
    if as_json:
        print_json(_as_json(found))
        return
    _describe(found)


@app.command("set")
def set_threshold(
    why: Why,
    alert_rate: Rate = None,
    score: ScoreOption = None,
    models_own: ModelsOwnOption = False,
    force: Force = False,
    who: Who = None,
    artifacts: Artifacts = None,
) -> None:
    """Change the threshold. Every worker follows within two seconds.

    The alert rate must lie within EDDY_ALERT_RATE_FLOOR and EDDY_ALERT_RATE_CEILING. A change by more than a
    factor of 10 needs --force.

    Example:

        eddy threshold set --alert-rate 0.0005 --why "too many alerts since Monday"
    """
    by = author(who, why)
    with operating(artifacts) as operator:
        before = operator.threshold()
        operator.set_threshold(_body(before.model, alert_rate, score, models_own), by, force=force)
        _say_change(before, operator)


@app.command()
def preview(
    alert_rate: Rate = None,
    score: ScoreOption = None,
    models_own: ModelsOwnOption = False,
    windows: Annotated[
        list[str] | None,
        typer.Option("--window", help="How far back to look, such as 1h or 7d; may be repeated (default: 1h)."),
    ] = None,
    artifacts: Artifacts = None,
    as_json: AsJson = False,
) -> None:
    """Show how many of the latest transactions a threshold would have flagged. Changes nothing.

    It reads the rarity histograms of the ledger, all of them in the longest window: a week may take minutes.

    Example:

        eddy threshold preview --alert-rate 0.0005 --window 1h --window 1d
    """
    spans = {given: duration_s(given) for given in windows or ["1h"]}
    with operating(artifacts) as operator:
        now = operator.threshold()
        proposed = operator.proposed(_body(now.model, alert_rate, score, models_own))
        found = operator.scored(tuple(spans.values()))
    rows = [_preview_row(name, window, now, proposed) for name, window in zip(spans, found, strict=True)]
    if as_json:
        print_json({"alert_rate": proposed.alert_rate, "score": proposed.threshold.score, "windows": rows})
    else:
        _show_preview(rows, now, proposed)


@app.command()
def undo(why: Why, who: Who = None, artifacts: Artifacts = None) -> None:
    """Take back the last change of the threshold; repeated, go back further.

    Example:

        eddy threshold undo --why "missed a known fraud"
    """
    from eddy.control.change import THRESHOLD

    by = author(who, why)
    with operating(artifacts) as operator:
        before = operator.threshold()
        operator.undo(THRESHOLD, by)
        _say_change(before, operator)


def _body(model: str, alert_rate: float | None, score: float | None, models_own: bool) -> ThresholdBody:
    from eddy.control.change import AlertRate, ModelsOwn, Score

    given: list[ThresholdBody] = []
    if alert_rate is not None:
        given.append(AlertRate(alert_rate))
    if score is not None:
        given.append(Score(score, model))
    if models_own:
        given.append(ModelsOwn())
    if len(given) != 1:
        fail(f"give one of --alert-rate, --score and --models-own; received {len(given)} of them")
    return given[0]


def _say_change(before: ThresholdInForce, operator: Operator) -> None:
    from eddy.model.serving.text import one_in

    now = operator.threshold()
    offset = now.change.offset if now.change else None
    say(
        f"Before: {one_in(before.alert_rate)} (score {before.threshold.score:.6g}). "
        f"Now: {one_in(now.alert_rate)} (score {now.threshold.score:.6g}), for model {now.model}; "
        f"control offset {offset}."
    )
    if now.problem:
        say(now.problem, err, "yellow")


def _preview_row(name: str, window: Window, now: ThresholdInForce, proposed: ThresholdInForce) -> dict[str, Any]:
    import msgspec

    return {
        "window": name,
        "scored": window.scored,
        "alerts": window.alerted,
        "now": msgspec.to_builtins(window.flagged(now.alert_rate)),
        "proposed": msgspec.to_builtins(window.flagged(proposed.alert_rate)),
        "models": sorted(window.models),
    }


def _show_preview(rows: list[dict[str, Any]], now: ThresholdInForce, proposed: ThresholdInForce) -> None:
    from rich.table import Table

    from eddy.control.projection import BIN_FACTOR
    from eddy.model.serving.text import one_in

    headers = ("last", "scored", "alerts", f"now, {one_in(now.alert_rate)}", f"proposed, {one_in(proposed.alert_rate)}")
    table = Table(*headers, box=None, header_style="bold")
    for row in rows:
        cells = (
            row["window"],
            f"{row['scored']:,}",
            f"{row['alerts']:,}",
            _flagged(row["now"]),
            _flagged(row["proposed"]),
        )
        table.add_row(*cells)
    out.print(table)
    say(
        f"Estimated from the ledger's bins, each a factor of {BIN_FACTOR:.2f} in rarity wide; in brackets, the bounds.",
        style="dim",
    )


def _flagged(found: dict[str, float]) -> str:
    bounds = "" if found["low"] == found["high"] else f" ({found['low']:,} to {found['high']:,})"
    return f"{found['likely']:,.0f}{bounds}"


def _describe(found: ThresholdInForce) -> None:
    from eddy.model.serving.text import one_in

    say(f"Flags {one_in(found.alert_rate)} normal transactions (alert rate {found.alert_rate:.3g}).")
    say(f"That is a score of {found.threshold.score:.6g} for model {found.model}.")
    if found.change is None:
        say("It is the model's own threshold: there was no change.")
    else:
        change = found.change.change
        at = f"{change.at:%Y-%m-%d %H:%M:%S} UTC, control offset {found.change.offset}"
        say(f"Set by {change.who} at {at}: {change.why}")
    if found.problem:
        say(found.problem, err, "yellow")


def _as_json(found: ThresholdInForce) -> dict[str, Any]:
    import msgspec

    shown = {
        "alert_rate": found.alert_rate,
        "score": found.threshold.score,
        "model": found.model,
        "control_offset": None if found.change is None else found.change.offset,
        "problem": found.problem,
    }
    return shown | {"change": None if found.change is None else msgspec.to_builtins(found.change.change)}
