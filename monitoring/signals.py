"""Signal handlers: the one place that installs them, and puts back what was there before."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What asks a process to end: Ctrl-C, a supervisor, a closed terminal."""

Handler = Callable[[int, FrameType | None], Any] | int | None


def install(handler: Handler, *numbers: int) -> dict[int, Handler]:
    """Installs `handler` for these signals; returns the handlers before it, for `restore`. Main thread only."""
    return {number: signal.signal(number, handler) for number in numbers}


def ignore(*numbers: int) -> dict[int, Handler]:
    """From now on these signals do nothing."""
    return install(signal.SIG_IGN, *numbers)


def restore(before: Mapping[Any, Handler]) -> None:
    """Puts back what `install` replaced."""
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def handled(handler: Handler, *numbers: int) -> Iterator[None]:
    """Has `handler` for these signals meanwhile. Only the main thread receives signals; in others nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _blocked(numbers):
        before = install(handler, *numbers)
    try:
        yield
    finally:
        with _blocked(numbers):
            restore(before)


@contextmanager
def _blocked(numbers: tuple[int, ...]) -> Iterator[None]:
    """No signal strikes while only some handlers are swapped."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
