"""Ctrl-C: ends a command at once, but not in the middle of what must be whole."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from eddy.cli.console import INTERRUPTED, err, say
from eddy.monitoring import signals


class Interruption:
    """Whether Ctrl-C was pressed, and whether it has to wait."""

    def __init__(self) -> None:
        self._pending = False
        self._waiting = False

    @property
    def due(self) -> bool:
        return self._pending and not self._waiting

    def watching(self, on_progress: Callable[[str, float], None]) -> Callable[[str, float], None]:
        """Passes the progress of training on; from storing on, it holds interruptions back."""

        def progress(doing: str, share: float) -> None:
            on_progress(doing, share)
            if doing.startswith("storing"):  # to the end, or it is half a model
                self.hold_back()

        return progress

    def hold_back(self) -> None:
        """From now on Ctrl-C waits: what follows must be done to its end."""
        self._waiting = True

    def let_through(self) -> None:
        """Raises KeyboardInterrupt if there was one, now or later."""
        self._waiting = False
        if self.due:
            raise KeyboardInterrupt

    def handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._pending = True
        if self.due:
            raise KeyboardInterrupt


@contextmanager
def interruptible(left: Callable[[], str]) -> Iterator[Interruption]:
    """Ends the command with one line and the exit code 130 at Ctrl-C.

    Args:
        left: what the line says of what is left behind.
    """
    interruption = Interruption()
    with signals.handled(interruption.handle, signal.SIGINT):
        try:
            yield interruption
        except BaseException:
            # A library may turn KeyboardInterrupt into another exception: Optuna's file lock does.
            if not interruption.due:
                raise
            signals.ignore(signal.SIGINT)  # a second one has nothing left to stop
            say(f"stopped: {left()}", err)
            sys.exit(INTERRUPTED)
