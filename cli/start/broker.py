"""`eddy broker`: a throw-away Kafka broker in the foreground."""

import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from eddy.devbroker import brokers
from eddy.devbroker.brokers import BrokerStartError, EngineKind, RunningBroker
from eddy.monitoring import signals
from eddy.settings import load

PortOption = Annotated[int, typer.Option(help="Port that clients connect to; 0 for any free port.", min=0, max=65535)]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="Directory that keeps the topics; without it they are deleted when the broker stops.", file_okay=False
    ),
]


def broker(port: PortOption = 9092, data: DataOption = None) -> None:
    """Run a throw-away Kafka broker until Ctrl-C.

    It runs in Docker if a Docker engine is available, otherwise as a local Apache Kafka, which needs Java 17 or newer
    and, for the download, Maven.

    Example:

        eddy broker --port 9092 --data ./kafka-data
    """
    # From the first moment: an end while the broker starts must be as clean as a later one.
    signals.install(_end, *signals.ENDS)
    try:
        _run(port, data)
    except KeyboardInterrupt:
        typer.echo("Stopped.")


def _end(_: int, __: FrameType | None) -> None:
    # A second Ctrl-C must not disturb the first one's work.
    signals.ignore(*signals.ENDS)
    raise KeyboardInterrupt


def _run(port: int, data: Path | None) -> None:
    engine = brokers.choose(load(), typer.echo)
    typer.echo(engine.why)
    if engine.kind is EngineKind.GIVEN:
        raise BrokerStartError(
            "EDDY_KAFKA_BOOTSTRAP_SERVERS names a broker, so none is started: unset it to get a throw-away one."
        )
    with brokers.start(engine, port=port, data=data, on_progress=typer.echo) as running:
        typer.echo(f"Ready at {running.address}; Ctrl-C stops it.")
        _watch(running)


def _watch(running: RunningBroker) -> None:
    """Returns never: it ends by a signal, or because the broker died."""
    while running.running:
        time.sleep(1.0)
    raise BrokerStartError(f"The broker stopped unexpectedly: see its log, {running.log}.")
