"""What the commands that change things while everything runs share: who and why, and the operator."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import fail

if TYPE_CHECKING:
    from eddy.control.operator import Operator
    from eddy.control.publisher import Author

Why = Annotated[str, typer.Option("--why", help="The reason, for the audit.")]
Who = Annotated[str | None, typer.Option("--who", help="Who makes the change (default: user@host).")]
Force = Annotated[bool, typer.Option("--force", help="Make the change although it is a large one.")]
TEXT_MOST = 500


@contextmanager
def operating(artifacts: Path | None = None) -> Iterator[Operator]:
    """An operator on the broker of the settings."""
    from eddy.control.operator import operator
    from eddy.messaging.kafka.broker import KafkaBroker
    from eddy.monitoring import logs
    from eddy.settings import load

    settings = load(artifacts=artifacts)
    logs.configure("console", "ERROR")  # what goes wrong is said once, by the command
    with operator(KafkaBroker(settings), settings) as found:
        yield found


def author(who: str | None, why: str) -> Author:
    """Who and why, as they are recorded."""
    from eddy.control.publisher import Author

    if not why.strip():
        fail("--why is empty: give the reason, which others will read in `eddy audit`")
    for name, given in (("--who", who or ""), ("--why", why)):
        if len(given) > TEXT_MOST:
            fail(f"{name} has {len(given)} characters: give at most {TEXT_MOST}")
    return Author(who or f"{_user()}@{socket.gethostname()}", why.strip())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
