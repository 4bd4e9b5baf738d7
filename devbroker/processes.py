"""Starting processes that cannot outlive this one, however it ends: by itself, by a signal, by kill -9."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from eddy.devbroker.node import Guard
from eddy.monitoring import signals


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that ask for our end wait until what is begun in here is done.

    A handler that raises (Ctrl-C does) can strike anywhere in the main thread. Handlers are swapped rather than signals
    blocked: a child would inherit the block.
    """
    received: list[int] = []
    try:
        with signals.handled(lambda number, _: received.append(number), *signals.ENDS):
            yield
    finally:
        for late in received:
            signal.raise_signal(late)


def start(
    command: Sequence[str], at_death: str, *arguments: str, **options: Any
) -> tuple[subprocess.Popen[Any], Guard]:
    """Starts a command, and a guard that runs `at_death` should this process die first.

    The command waits on a pipe from this process until its guard is there. So it ends by itself if this process is
    killed, or interrupted, before that.

    Args:
        command: the program and its arguments. If it cannot be run, its exit code is 126 or 127.
        at_death: a shell command; "$1" is the process id of the command, "$2" and so on are `arguments`.
        options: for subprocess.Popen; standard input is empty.
    """
    process = subprocess.Popen(["/bin/sh", "-c", _WAIT, "sh", *command], stdin=subprocess.PIPE, **options)
    guard = Guard(at_death, (str(process.pid), *arguments))
    guard.start()
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it was killed already
        os.write(process.stdin.fileno(), b"guarded\n")
    process.stdin.close()
    process.stdin = None
    return process, guard


_WAIT = 'read -r guarded && exec "$@" </dev/null'


def run(command: Sequence[str], timeout_s: float | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, standard error among its output; an interruption ends the command too.

    Raises:
        subprocess.TimeoutExpired: it took too long, and was killed.
    """
    process, guard = start(command, 'kill -9 "$1"', stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=timeout_s)
    finally:
        process.kill()  # does nothing to one that has ended
        process.wait()
        guard.dismiss()
    return subprocess.CompletedProcess(command, process.returncode, output)
