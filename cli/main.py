"""`eddy`: one command line for everything. Each command lives in a module of its own and imports what it needs late."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

try:  # Imports take half a second; Ctrl-C must end them without a traceback too.
    import typer
    from typer.core import TyperGroup

    from eddy.cli import (
        broker,
        compare,
        consume,
        demo,
        evaluate,
        explore,
        models,
        produce,
        readers,
        schema,
        score,
        serve,
        show_settings,
        topics,
        train,
        tune,
    )
    from eddy.cli.console import fail
    from eddy.devbroker.node import BrokerStartError
    from eddy.messaging.messages import UnreadableMessage
    from eddy.messaging.ports import BrokerError
    from eddy.model.serving.artifact import ArtifactError
    from eddy.settings import SettingsError
except KeyboardInterrupt:
    sys.exit(130)  # cli.console.INTERRUPTED

MENDABLE = (ArtifactError, BrokerError, BrokerStartError, SettingsError, UnreadableMessage)

# In the order of use.
ORDER = (
    *("demo", "broker", "topics", "produce", "explore", "schema", "train", "tune", "score", "evaluate", "models"),
    *("consume", "serve", "alerts", "dead-letters", "ledger", "settings"),
)


class Contents(TyperGroup):
    """Lists commands in the order of use, instead of groups after single commands."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return sorted(self.commands, key=ORDER.index)


app = typer.Typer(
    name="eddy",
    cls=Contents,
    help="Detects anomalous transactions: from a Kafka topic to explained alerts, exactly once.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"eddy {version('eddy-stream')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    pass


START, DATA, MODEL, RUN, LOOK = "Getting started", "Data", "Models", "Running", "Inspecting"

app.command("demo", rich_help_panel=START)(demo.demo)
app.command("broker", rich_help_panel=START)(broker.broker)
app.add_typer(topics.app, name="topics", rich_help_panel=START)
app.add_typer(produce.app, name="produce", rich_help_panel=DATA)
app.command("explore", rich_help_panel=DATA)(explore.explore)
app.command("schema", rich_help_panel=MODEL)(schema.schema)
app.command("train", rich_help_panel=MODEL)(train.train)
app.command("tune", rich_help_panel=MODEL)(tune.tune)
app.command("score", rich_help_panel=MODEL)(score.score)
app.command("evaluate", rich_help_panel=MODEL)(evaluate.evaluate)
models.app.command("compare")(compare.compare)
app.add_typer(models.app, name="models", rich_help_panel=MODEL)
app.command("consume", rich_help_panel=RUN)(consume.consume)
app.command("serve", rich_help_panel=RUN)(serve.serve)
app.command("alerts", rich_help_panel=LOOK)(readers.alerts)
app.command("dead-letters", rich_help_panel=LOOK)(readers.dead_letters)
app.add_typer(readers.ledger, name="ledger", rich_help_panel=LOOK)
app.command("settings", rich_help_panel=LOOK)(show_settings.settings)


def run() -> None:
    """The console script: errors that a user can fix are printed as one line, without a traceback."""
    try:
        app()
    except MENDABLE as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    run()
