"""`eddy models use` and `undo`: which model runs, changed while everything runs."""

from __future__ import annotations

from typing import Annotated

import typer

from eddy.cli.console import say
from eddy.cli.models.store import store_of
from eddy.cli.running.changes import Force, Who, Why, author, operating
from eddy.cli.tables import Artifacts


def use(
    version: Annotated[str, typer.Argument(help="Model version to use.")],
    why: Why = "",
    store_only: Annotated[
        bool, typer.Option("--store-only", help="Only mark it as the store's active model; needs no broker.")
    ] = False,
    force: Force = False,
    who: Who = None,
    artifacts: Artifacts = None,
) -> None:
    """Have every worker swap to a model of the store, within two seconds and between two batches.

    The change is on record (`eddy audit`) and wins over the store's active model. With --store-only, the model
    becomes the store's active one instead: what commands, the API at its start, and workers without any change take.

    Examples:

        eddy models use 20260301T101500Z-3f2a9c --why "trained on March"

        eddy models use 20260301T101500Z-3f2a9c --store-only
    """
    if store_only:
        store = store_of(artifacts)
        store.choose(version)
        say(f"{version} is the active model of {store.path}.")
        return
    by = author(who, why)
    with operating(artifacts) as operator:
        offset = operator.use_model(version, by, force=force)
    say(f"{version} is the model in force, control offset {offset}.")


def undo(why: Why, who: Who = None, artifacts: Artifacts = None) -> None:
    """Take back the last `eddy models use`; repeated, go back further.

    Example:

        eddy models undo --why "misses small amounts"
    """
    from eddy.control.change import MODEL

    by = author(who, why)
    with operating(artifacts) as operator:
        operator.undo(MODEL, by)
        now = operator.threshold().model
    say(f"{now} is the model in force.")
