"""`eddy`: one command line for everything. Each command lives in a module of its own and imports what it needs late."""

import sys
from importlib.metadata import version
from typing import Annotated, Any

try:  # Imports take half a second; Ctrl-C must end them without a traceback too.
    import typer
    from typer.core import TyperGroup

    from eddy.cli.console import fail
    from eddy.cli.data import explore, produce, schema
    from eddy.cli.inspecting import audit, messages, settings, status
    from eddy.cli.models import compare, evaluate, score, store, train, tune, use
    from eddy.cli.running import budget, check, consume, serve, shadow, threshold
    from eddy.cli.start import broker, demo, topics
    from eddy.model.errors import EddyError
except KeyboardInterrupt:
    sys.exit(130)  # cli.console.INTERRUPTED

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
    "Running": {
        "consume": consume.consume,
        "serve": serve.serve,
        "check": check.check,
        "threshold": threshold.app,
        "budget": budget.budget,
        "shadow": shadow.app,
    },
    "Inspecting": {
        "alerts": messages.alerts,
        "dead-letters": messages.dead_letters,
        "ledger": messages.ledger,
        "status": status.status,
        "audit": audit.audit,
        "settings": settings.settings,
    },
}


NEED_ONLY_TABLES = ("produce", "schema", "score")  # of the libraries that a base installation lacks


class Commands(TyperGroup):
    """Lists commands in the order of use. Errors that a user can fix are printed as one line, without a traceback."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return [name for commands in PANELS.values() for name in commands]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EddyError as error:
            fail(str(error))
        except ModuleNotFoundError as error:
            extra = "tables" if ctx.invoked_subcommand in NEED_ONLY_TABLES else "train"
            fail(f"this command needs {error.name}, which is not installed: pip install 'eddy-stream[{extra}]'")


app = typer.Typer(
    name="eddy",
    cls=Commands,
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


store.app.command("use")(use.use)
store.app.command("undo")(use.undo)
store.app.command("compare")(compare.compare)
for panel, commands in PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)


def run() -> None:
    """The console script."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    run()
