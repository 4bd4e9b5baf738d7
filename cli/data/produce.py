"""`eddy produce`: publishes transactions, synthetic or from a table."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import err, fail, say
from eddy.cli.tables import SchemaFile, schema_of
from eddy.monitoring.progress import counting

if TYPE_CHECKING:  # numpy would cost every command a fifth of a second
    from collections.abc import Iterable

    from eddy.messaging.ports import Broker
    from eddy.producer.messages import Outgoing
    from eddy.producer.publish import Pace, Report
    from eddy.producer.synthetic import SyntheticStream
    from eddy.settings import Settings

app = typer.Typer(help="Publish transactions, synthetic or from a table.", no_args_is_help=True)

CHUNK = 1_000  # of a live stream; small, so that encoding never holds the pace up
CHUNK_AT_ONCE = 10_000

Rate = Annotated[float | None, typer.Option(help="Transactions per second (default: as fast as possible).", min=0.001)]
Topic = Annotated[str | None, typer.Option(help="Topic to publish to (default: EDDY_TOPIC_TRANSACTIONS).")]


@app.command()
def synthetic(
    rate: Rate = None,
    count: Annotated[int | None, typer.Option(help="Number of transactions.", min=1)] = None,
    seconds: Annotated[float | None, typer.Option(help="How long to publish, in seconds.", min=0.001)] = None,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same transactions.", min=0)] = 0,
    fraud: Annotated[float, typer.Option(help="Average share of frauds.", min=0, max=0.5)] = 0.002,
    cards: Annotated[int, typer.Option(help="Number of cardholders; each pays about twice a day.", min=1)] = 2_000,
    start: Annotated[datetime, typer.Option(help="Event time of the first transaction (UTC).")] = datetime(2026, 1, 1),
    to: Annotated[
        Path | None, typer.Option(help="Write a Parquet, CSV or JSON-lines file with labels, instead of publishing.")
    ] = None,
    topic: Topic = None,
) -> None:
    """Publish synthetic payments with frauds: card testing, sprees, odd hours, drained accounts.

    Event times start at --start and do not depend on the publishing rate: 2,000 cards make about 4,300 transactions
    per day of event time. Ctrl-C stops cleanly.

    Examples:

        eddy produce synthetic --rate 500 --seconds 60

        eddy produce synthetic --count 50000 --seed 7 --to transactions.parquet
    """
    from eddy.producer.messages import outgoing
    from eddy.producer.publish import RATE_TOLERANCE, Pace
    from eddy.producer.synthetic import SyntheticStream

    stream = SyntheticStream(seed, cards, fraud, start.replace(tzinfo=UTC))
    if rate is not None and seconds is not None:
        count = min(count or round(rate * seconds), round(rate * seconds))
        seconds *= 1 + RATE_TOLERANCE
    if to is not None:
        _write(to, stream, count)
        return
    chunks = stream.chunks(count, CHUNK_AT_ONCE if rate is None else CHUNK)
    _end(_publish(outgoing(chunks), Pace(rate), topic, count, seconds))


@app.command()
def file(
    path: Annotated[
        str, typer.Argument(help="A CSV, Parquet, JSON-lines or npz file, or a pattern such as 'days/*.parquet'.")
    ],
    rate: Rate = None,
    speedup: Annotated[
        float | None, typer.Option(help="Replay by event time, this many times faster.", min=1e-6)
    ] = None,
    schema: SchemaFile = None,
    topic: Topic = None,
) -> None:
    """Publish the rows of a table in event-time order, with their original event times. Labels are not sent.

    The message key is the card field of the schema.

    Examples:

        eddy produce file transactions.parquet --speedup 3600

        eddy produce file transactions.csv --schema schema.toml --rate 1000
    """
    from eddy.producer.publish import Pace

    if rate is not None and speedup is not None:
        fail("--rate and --speedup exclude each other: give one of them", code=2)
    from eddy.producer.replay import Replay

    replay = Replay(path, schema_of(schema))
    if not replay.in_order:
        say(f"{path} is not sorted by event time: reading and sorting it first", err, "yellow")
    report = _publish(replay.batches(), Pace(rate, speedup), topic, None, None)
    if replay.bad.count:
        say(f"{replay.bad.count:,} rows were not sent. Examples:", err, "yellow")
        for row, reason in replay.bad.examples:
            say(f"  row {row}: {reason}", err, "yellow")
    _end(report)


def connect(settings: Settings) -> Broker:
    """The broker that is published to."""
    from eddy.messaging.kafka.broker import KafkaBroker

    return KafkaBroker(settings)


def _write(path: Path, stream: SyntheticStream, count: int | None) -> None:
    if count is None:
        fail("--to needs --count, the number of transactions to write", code=2)
    from eddy.model.data.files.writers import writing

    written = 0
    with writing(path) as write, counting("writing", count, "transactions") as advance:
        for chunk in stream.chunks(count):
            write(chunk.table())
            written += len(chunk)
            advance(written)
    say(f"{written:,} transactions written to {path}")


def _publish(
    batches: Iterable[Outgoing], pace: Pace, topic: str | None, count: int | None, seconds: float | None
) -> Report:
    from eddy.producer.publish import publish, stop_on_signals
    from eddy.settings import load

    settings = load(topic_transactions=topic)
    broker = connect(settings)
    _check_topic(broker, settings)
    with (
        stop_on_signals() as stop,
        closing(broker.publisher()) as publisher,
        counting("sending", count, "transactions") as advance,
    ):
        report = publish(
            batches,
            publisher,
            settings.topic_transactions,
            pace=pace,
            seconds=seconds,
            stop=stop,
            on_progress=advance,
            settle_s=settings.delivery_timeout_ms / 1000 + 5,
        )
    say(_summary(report, settings.topic_transactions))
    return report


def _check_topic(broker: Broker, settings: Settings) -> None:
    """A missing topic would only be noticed after a time-out that names nothing."""
    topic = settings.topic_transactions
    with closing(broker.topic_admin()) as admin:
        if topic not in admin.describe([topic]):
            fail(
                f"there is no topic {topic} at {settings.kafka_bootstrap_servers}: create it with `eddy topics create`"
            )


def _summary(report: Report, topic: str) -> str:
    frauds = f", {len(report.frauds):,} of them frauds" if report.frauds else ""
    return (
        f"{report.delivered:,} transactions delivered to {topic}{frauds}, "
        f"in {report.seconds:.1f} s ({report.rate:,.0f}/s)"
    )


def _end(report: Report) -> None:
    """Says what was not as wanted; ends with 1 where messages were lost."""
    if report.rate_missed is not None and report.error is None:
        say(
            f"the rate of {report.wanted_rate:,.0f}/s was not held: {report.rate_missed:.0%} less; "
            "the broker or this machine is slower than that",
            err,
            "yellow",
        )
    if report.error is not None:
        lost = (
            f"{report.failed:,} of {report.sent:,} transactions are not known to be stored: " if report.failed else ""
        )
        fail(lost + report.error)
