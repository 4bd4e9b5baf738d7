"""`eddy`: one command line for everything. Each command lives in a module of its own and imports what it needs late."""

import sys

import typer

from cli import broker, consume, demo, models, produce, readers, serve, show_settings, topics, train
from cli.console import fail
from messaging.ports import BrokerError
from settings import SettingsError

app = typer.Typer(
    name="eddy",
    help="Finds the transactions that run against the current: from a Kafka topic to explained alerts, exactly once.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)

START, DATA, MODEL, RUN, LOOK = "Start here", "Transactions", "Models", "Running", "Looking"

app.command("demo", rich_help_panel=START)(demo.demo)
app.command("broker", rich_help_panel=START)(broker.broker)
app.add_typer(topics.app, name="topics", rich_help_panel=START)
app.add_typer(produce.app, name="produce", rich_help_panel=DATA)
app.command("train", rich_help_panel=MODEL)(train.train)
app.add_typer(models.app, name="models", rich_help_panel=MODEL)
app.command("consume", rich_help_panel=RUN)(consume.consume)
app.command("serve", rich_help_panel=RUN)(serve.serve)
app.command("alerts", rich_help_panel=LOOK)(readers.alerts)
app.command("dead-letters", rich_help_panel=LOOK)(readers.dead_letters)
app.add_typer(readers.ledger, name="ledger", rich_help_panel=LOOK)
app.command("settings", rich_help_panel=LOOK)(show_settings.settings)


def run() -> None:
    """The console script: errors that a user can mend end in one line, without a traceback."""
    try:
        app()
    except (BrokerError, SettingsError) as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    run()
