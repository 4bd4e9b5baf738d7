"""`eddy shadow`: a second model that scores everything and alerts nobody, to be compared with the one in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eddy.cli.console import out, print_json, say
from eddy.cli.inspecting.since import duration_s
from eddy.cli.running.changes import Who, Why, author, operating
from eddy.cli.tables import Artifacts, AsJson

if TYPE_CHECKING:
    from eddy.control.projection import Window

app = typer.Typer(help="Try a model on the stream without alerts.", no_args_is_help=True)


@app.command("set")
def set_shadow(
    version: Annotated[str, typer.Argument(help="Model version to run in shadow.")],
    why: Why,
    who: Who = None,
    artifacts: Artifacts = None,
) -> None:
    """Have every worker score by a second model, too. It alerts nobody; `eddy shadow show` compares the two.

    Example:

        eddy shadow set 20260301T101500Z-3f2a9c --why "candidate for April"
    """
    by = author(who, why)
    with operating(artifacts) as operator:
        offset = operator.set_shadow(version, by)
    say(
        f"{version} runs in shadow, control offset {offset}: scoring takes twice the time. `eddy shadow show` compares."
    )


@app.command()
def off(why: Why, who: Who = None, artifacts: Artifacts = None) -> None:
    """End the shadow.

    Example:

        eddy shadow off --why "compared for a week"
    """
    by = author(who, why)
    with operating(artifacts) as operator:
        ended, offset = operator.shadow(), operator.end_shadow(by)
    say(f"{ended} no longer runs in shadow, control offset {offset}.")


@app.command()
def show(
    windows: Annotated[
        list[str] | None,
        typer.Option("--window", help="How far back to look, such as 1h or 7d; may be repeated (default: 1h)."),
    ] = None,
    artifacts: Artifacts = None,
    as_json: AsJson = False,
) -> None:
    """Show what the model in force and the one in shadow would have alerted: both, or only one of them.

    Example:

        eddy shadow show --window 1d
    """
    spans = {given: duration_s(given) for given in windows or ["1h"]}
    with operating(artifacts) as operator:
        version, found = operator.shadow(), operator.scored(tuple(spans.values()))
    rows = [row for name, window in zip(spans, found, strict=True) for row in _rows(name, window)]
    if as_json:
        print_json({"shadow": version, "windows": rows})
        return
    say(f"{version} runs in shadow." if version else "No model runs in shadow: `eddy shadow set VERSION` starts one.")
    _show(rows)


def _rows(name: str, window: Window) -> list[dict[str, Any]]:
    import msgspec

    return [{"window": name, **msgspec.to_builtins(shadow)} for shadow in window.shadows]


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    if not rows:
        return
    table = Table("last", "shadow", "alerts of both", "only in force", "only in shadow", box=None, header_style="bold")
    for row in rows:
        counts = (f"{row[name]:,}" for name in ("both", "only_live", "only_shadow"))
        table.add_row(row["window"], row["model"], *counts)
    out.print(table)
