"""`eddy`: one command line for everything. Each command lives in a module of its own and imports what it needs late."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

try:  # Imports take half a second; Ctrl-C must end them without a traceback too.
    import typer
    from typer.core import TyperGroup

    from eddy.cli.console import fail
    from eddy.cli.data import explore, produce, schema
    from eddy.cli.inspecting import messages, settings
    from eddy.cli.models import compare, evaluate, score, store, train, tune
    from eddy.cli.running import consume, serve
    from eddy.cli.start import broker, demo, topics
    from eddy.devbroker.node import BrokerStartError
    from eddy.messaging.messages import UnreadableMessage
    from eddy.messaging.ports import BrokerError
    from eddy.model.serving.artifact import ArtifactError
    from eddy.settings import SettingsError
except KeyboardInterrupt:
    sys.exit(130)  # cli.console.INTERRUPTED

FIXABLE = (ArtifactError, BrokerError, BrokerStartError, SettingsError, UnreadableMessage)

# In the order of use.
PANELS: dict[str, dict[str, Any]] = {
    "Getting started": {"demo": demo.demo, "broker": broker.broker, "topics": topics.app},
    "Data": {"produce": produce.app, "explore": explore.explore, "schema": schema.schema},
    "Models": {
        "train": train.train,
        "tune": tune.tune,
        "score": score.score,
        "evaluate": evaluate.evaluate,
        "models": store.app,
    },
    "Running": {"consume": consume.consume, "serve": serve.serve},
    "Inspecting": {
        "alerts": messages.alerts,
        "dead-letters": messages.dead_letters,
        "ledger": messages.ledger,
        "settings": settings.settings,
    },
}


class Contents(TyperGroup):
    """Lists commands in the order of use, instead of groups after single commands."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return [name for commands in PANELS.values() for name in commands]


app = typer.Typer(
    name="eddy",
    cls=Contents,
    help="Detects anomalous transactions: from a Kafka topic to explained alerts, exactly once.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"eddy {version('eddy-stream')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


store.app.command("compare")(compare.compare)
for panel, commands in PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def run() -> None:
    """The console script: errors that a user can fix are printed as one line, without a traceback."""
    try:
        app()
    except FIXABLE as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    run()
