"""Ctrl-C: ends a command at once, with one line on what is left behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eddy.cli.console import INTERRUPTED, err, say
from eddy.monitoring import signals


@contextmanager
def interruptible(left: Callable[[], str]) -> Iterator[None]:
    """Ends the command with one line and the exit code 130 at Ctrl-C.

    Args:
        left: what the line says of what is left behind.
    """
    pressed: list[int] = []

    def interrupt(number: int, _: object) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    with signals.handled(interrupt, signal.SIGINT):
        try:
            yield
        except BaseException:
            # A library may turn KeyboardInterrupt into another exception: Optuna's file lock does.
            if not pressed:
                raise
            signals.ignore(signal.SIGINT)  # a second one has nothing left to stop
            say(f"stopped: {left()}", err)
            sys.exit(INTERRUPTED)
