"""`eddy alerts`, `eddy dead-letters`, `eddy ledger check`: what the consumer has published so far."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from eddy.cli import tables
from eddy.cli.console import err, out, plain, print_json, say
from eddy.cli.inspecting.since import Since
from eddy.messaging.messages import Alert, DeadLetter, UnreadableMessage, read_alert, read_dead_letter
from eddy.messaging.ports import Reader, Record
from eddy.model.serving.text import contributions_text, one_in

ledger = typer.Typer(help="Audit the outcome counts in the ledger.", no_args_is_help=True)

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Keep reading new messages until Ctrl-C.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
FOLLOW_IDLE_S = 1.0
TABLE_ROWS = 1_000


def alerts(follow: Follow = False, as_json: AsJson = False, since: Since = None) -> None:
    """Show the published alerts.

    Example:

        eddy alerts --follow --json | jq .transaction_id
    """
    from eddy.settings import load

    settings = load()
    columns = ("detected", "transaction", "rarity", "score", "largest contributions")
    _show(settings.topic_alerts, read_alert, _alert_row, columns, follow, as_json, since)


def dead_letters(follow: Follow = False, as_json: AsJson = False, since: Since = None) -> None:
    """Show the refused messages, and why they were refused.

    Example:

        eddy dead-letters --json | jq -r .category | sort | uniq -c
    """
    from eddy.settings import load

    settings = load()
    columns = ("refused", "message", "category", "reason", "size")
    _show(settings.topic_dead_letters, read_dead_letter, _dead_letter_row, columns, follow, as_json, since)


@ledger.command("check")
def check(as_json: tables.AsJson = False, since: Since = None) -> None:
    """Check that every transaction has exactly one outcome: compare ledger, alerts, dead letters and committed offsets.

    The exit code is 1 if anything was lost or duplicated.

    Example:

        eddy ledger check
    """
    from eddy.consumer.audit import audit
    from eddy.messaging.kafka.broker import KafkaBroker
    from eddy.settings import load

    settings = load()
    with closing(KafkaBroker(settings).reader()) as reader:
        found = audit(reader, settings, since_ms=since)
    if as_json:
        print_json(found)
    else:
        say(found.verdict())
        say(f"{found.commits:,} commits in the ledger, {found.waiting:,} offsets not read yet", style="dim")
        for problem in found.problems:
            say(problem, err, "red")
    raise typer.Exit(0 if found.balanced else 1)


def _alert_row(alert: Alert) -> tuple[str, ...]:
    return (
        f"{alert.detected_at:%H:%M:%S}",
        alert.transaction_id or str(alert.input),
        one_in(alert.rarity),
        f"{alert.score:.2f}",
        contributions_text(alert.contributions[:2]),
    )


def _dead_letter_row(letter: DeadLetter) -> tuple[str, ...]:
    return f"{letter.refused_at:%H:%M:%S}", str(letter.input), letter.category, letter.reason, str(letter.size)


def _show(
    topic: str,
    read: Callable[[Record], Any],
    row: Callable[[Any], tuple[str, ...]],
    columns: tuple[str, ...],
    follow: bool,
    as_json: bool,
    since: int | None,
) -> None:
    from eddy.messaging.kafka.broker import KafkaBroker
    from eddy.settings import load

    with closing(KafkaBroker(load()).reader()) as reader:
        found = _readable(_records(reader, topic, follow, since), read)
        if as_json:
            for item in found:
                sys.stdout.write(msgspec.json.encode(item).decode() + "\n")
                sys.stdout.flush()
        elif follow:
            for item in found:
                say("  ".join(map(plain, row(item))))
        else:
            _tables(columns, map(row, found))


def _records(reader: Reader, topic: str, follow: bool, since: int | None) -> Iterator[Record]:
    starts = None if since is None else reader.offsets_at(topic, since)
    if not follow:
        yield from reader.read(topic, starts)
        return
    try:
        yield from filter(None, reader.follow(topic, from_start=True, idle_s=FOLLOW_IDLE_S, starts=starts))
    except KeyboardInterrupt:
        return


def _readable(records: Iterator[Record], read: Callable[[Record], Any]) -> Iterator[Any]:
    for record in records:
        try:
            yield read(record)
        except UnreadableMessage as error:
            say(f"skipped: {error}", err, "yellow")


def _tables(columns: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> None:
    """One table per thousand rows, because a topic may hold more than the memory does."""
    count = 0
    while (some := list(islice(rows, TABLE_ROWS))) or not count:
        table = Table(*columns, box=None, header_style="bold")
        for cells in some:
            table.add_row(*map(plain, cells))
        out.print(table)
        count += len(some)
        if len(some) < TABLE_ROWS:
            break
    out.print(f"{count:,} in total", style="dim")
