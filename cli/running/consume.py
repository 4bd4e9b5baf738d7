"""`eddy consume`: the workers."""

from typing import Annotated

import typer


def consume(
    workers: Annotated[int | None, typer.Option(help="Number of worker processes (default: EDDY_WORKERS).")] = None,
    group: Annotated[str | None, typer.Option(help="Consumer group (default: EDDY_GROUP).")] = None,
) -> None:
    """Score every transaction of the topic; publish alerts, dead letters and ledger records exactly once.

    Runs until SIGTERM or Ctrl-C, and finishes the current micro-batch first.

    Example:

        eddy consume --workers 2
    """
    from eddy.consumer import workers as processes
    from eddy.settings import load

    raise typer.Exit(processes.consume(load(workers=workers, group=group)))
