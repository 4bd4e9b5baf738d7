"""`eddy demo`: everything at once, for a minute."""

from typing import Annotated

import typer

from eddy.cli.console import fail, out
from eddy.devbroker.processes import undisturbed

Seconds = Annotated[
    float | None, typer.Option(help="For how long transactions are sent; EDDY_DEMO_SECONDS otherwise.", min=0.1)
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave everything running afterwards, until Ctrl-C.")]


def demo(seconds: Seconds = None, keep: Keep = False) -> None:
    """See it work: a broker, a small model, workers, the API, and a minute of cardholders with thieves among them.

    Needs nothing but this installation: a real Kafka is found or fetched (by
    Docker, or Java with Maven), else one in memory stands in. Ctrl-C ends it
    at any moment and leaves nothing behind. Ends with 1 when the ledger does
    not balance or no alert came.

    Examples:

        eddy demo

        eddy demo --seconds 20 --keep
    """
    with undisturbed():  # some libraries do not bear being interrupted in the middle of their import
        from eddy.demo.run import DemoError, demonstrate
    try:
        raise typer.Exit(demonstrate(seconds, keep=keep, console=out))
    except DemoError as error:
        fail(str(error))
