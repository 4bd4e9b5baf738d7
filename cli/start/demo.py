"""`eddy demo`: everything at once, for a minute."""

from typing import Annotated

import typer

from eddy.cli.console import out
from eddy.devbroker.processes import undisturbed

Seconds = Annotated[
    float | None, typer.Option(help="How long to send transactions, in seconds (default: EDDY_DEMO_SECONDS).", min=0.1)
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep everything running afterwards, until Ctrl-C.")]


def demo(seconds: Seconds = None, keep: Keep = False) -> None:
    """Run everything for a minute: a broker, a small model, workers, the API, and synthetic payments with frauds.

    Needs only this installation. It starts a real Kafka with Docker, or with
    Java and Maven; otherwise it uses an in-memory broker. Ctrl-C stops it at
    any time and cleans up. The exit code is 1 if the ledger does not balance
    or no alert was published.

    Examples:

        eddy demo

        eddy demo --seconds 20 --keep
    """
    with undisturbed():  # some libraries do not bear being interrupted in the middle of their import
        from eddy.demo.run import demonstrate
    raise typer.Exit(demonstrate(seconds, keep=keep, console=out))
