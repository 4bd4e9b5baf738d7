"""`eddy status`: what is in force, and how far each partition is."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from eddy.cli.console import err, out, print_json, say
from eddy.cli.running.changes import operating
from eddy.cli.tables import Artifacts, AsJson

if TYPE_CHECKING:
    from eddy.consumer.status import PartitionStatus


def status(artifacts: Artifacts = None, as_json: AsJson = False) -> None:
    """Show what is in force, and for each partition the lag, the last commit, and by what it was scored.

    The exit code is 1 if a partition is scored without knowing the last change.

    Example:

        eddy status --json | jq '.partitions[].lag'
    """
    import msgspec

    from eddy.consumer.status import status as partitions_of
    from eddy.messaging.kafka.broker import KafkaBroker
    from eddy.model.serving.text import one_in
    from eddy.settings import load

    settings = load(artifacts=artifacts)
    with operating(artifacts) as operator, closing(KafkaBroker(settings).reader()) as reader:
        now, shadow = operator.threshold(), operator.shadow()
        found = partitions_of(reader, settings, operator.state, operator.changed_ms())
    if as_json:
        print_json(
            {
                "model": now.model,
                "alert_rate": now.alert_rate,
                "score": now.threshold.score,
                "shadow": shadow,
                "partitions": msgspec.to_builtins(found),
            }
        )
    else:
        say(
            f"In force: model {now.model}, flags {one_in(now.alert_rate)}" + (f"; {shadow} in shadow" if shadow else "")
        )
        _show(found)
    raise typer.Exit(1 if any(part.behind for part in found) else 0)


def _show(found: list[PartitionStatus]) -> None:
    table = Table("partition", "lag", "last commit", "model", "control offset", box=None, header_style="bold")
    for part in found:
        ago = "-" if part.committed_ms is None else f"{max(0.0, time.time() - part.committed_ms / 1000):,.0f} s ago"
        offset = "-" if part.control_offset is None else str(part.control_offset)
        table.add_row(str(part.partition), f"{part.lag:,}", ago, part.model or "-", offset)
    out.print(table)
    for part in found:
        if part.behind:
            say(
                f"partition {part.partition} was scored without the last change: see the log and the health file of "
                "its worker (EDDY_HEALTH_DIR)",
                err,
                "red",
            )
