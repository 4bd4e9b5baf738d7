"""`eddy audit`: who changed what while everything ran, and why."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import msgspec
from rich.table import Table

from eddy.cli.console import out, plain
from eddy.cli.inspecting.messages import AsJson
from eddy.cli.inspecting.since import Since
from eddy.control.change import AlertRate, Body, ModelsOwn, NoShadow, Score, UseModel
from eddy.control.history import Entry, entries
from eddy.messaging.ports import Reader
from eddy.model.serving.text import one_in


def audit(since: Since = None, as_json: AsJson = False) -> None:
    """Show every change of threshold and model, and what became of it.

    Example:

        eddy audit --since 7d
    """
    from eddy.messaging.kafka.broker import KafkaBroker
    from eddy.settings import load

    settings = load()
    with closing(KafkaBroker(settings).reader()) as reader:
        found = list(_entries(reader, settings.topic_control, since))
    if as_json:
        for entry in found:
            sys.stdout.write(msgspec.json.encode(entry.as_json()).decode() + "\n")
        return
    table = Table("offset", "time (UTC)", "what", "change", "outcome", "who", "why", box=None, header_style="bold")
    for entry in found:
        table.add_row(*(plain(cell) for cell in _row(entry)))
    out.print(table)
    out.print(f"{len(found):,} in total", style="dim")


def _entries(reader: Reader, topic: str, since: int | None) -> Iterator[Entry]:
    """Read from the start: what became of a change depends on those before it."""
    return (entry for entry in entries(reader.read(topic)) if since is None or entry.stored_ms >= since)


def _row(entry: Entry) -> tuple[str, ...]:
    time = f"{datetime.fromtimestamp(entry.stored_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    change = entry.change
    if change is None:
        return str(entry.offset), time, entry.key or "", "", entry.outcome.value, "", ""
    undoes = "" if change.undoes is None else f" (undoes {change.undoes})"
    return (
        str(entry.offset),
        time,
        change.key,
        _change(change.body) + undoes,
        entry.outcome.value,
        change.who,
        change.why,
    )


def _change(body: Body) -> str:
    """What a change says, for people."""
    if isinstance(body, AlertRate):
        return f"flag {one_in(body.alert_rate)}"
    if isinstance(body, Score):
        return f"score {body.score:.6g} of {body.model}"
    if isinstance(body, UseModel):
        return f"use {body.version}"
    if isinstance(body, NoShadow):
        return "no shadow"
    return "the model's own" if isinstance(body, ModelsOwn) else "the store's active model"
