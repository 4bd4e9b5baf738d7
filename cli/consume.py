"""`eddy consume`: the workers."""

from typing import Annotated

import typer


def consume(
    workers: Annotated[int | None, typer.Option(help="Worker processes; EDDY_WORKERS otherwise.")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group; EDDY_GROUP otherwise.")] = None,
) -> None:
    """Judge every transaction of the topic; publish alerts, dead letters and the ledger exactly once.

    Runs until SIGTERM or Ctrl-C, which end after the micro-batch at hand.

    Example: [bold]eddy consume --workers 2[/bold]
    """
    from eddy.consumer import workers as processes
    from eddy.settings import load

    raise typer.Exit(processes.consume(load(workers=workers, group=group)))
