"""Starting processes so that none is lost: no signal may come between a process and the note of who ends it.

A handler that raises (Ctrl-C does) can strike anywhere in the main thread, also while a process has been made and
nobody knows its number yet. Such a process would outlive us.
"""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence

from eddy.devbroker.node import Guard
from eddy.monitoring import signals


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that ask for our end wait until what is begun in here is done.

    Handlers are swapped rather than signals blocked: a child would inherit the block. In other threads than the main
    one no handler can strike.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    with _blocked():
        before = signals.install(lambda number, _: received.append(number), *signals.ENDS)
    try:
        yield
    finally:
        with _blocked():
            signals.restore(before)
        for late in received:
            signal.raise_signal(late)


def run(command: Sequence[str], timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, standard error among its output; an interruption ends the command too.

    Raises:
        OSError: it cannot be run.
        subprocess.TimeoutExpired: it took too long, and was killed.
    """
    with contextlib.ExitStack() as cleanup:
        with undisturbed():
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            guard = Guard("kill -9 $1", (str(process.pid),))
            guard.start()
            cleanup.callback(guard.dismiss)
            cleanup.callback(process.wait)
            cleanup.callback(process.kill)  # does nothing to one that has ended
        output, _ = process.communicate(timeout=timeout_s)
    return subprocess.CompletedProcess(command, process.returncode, output)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
