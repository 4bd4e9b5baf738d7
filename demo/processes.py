"""The demo's child processes. None outlives it, however it ends: by itself, by Ctrl-C, by kill -9.

Each child has a session of its own, so that Ctrl-C reaches only the demo, which then stops them cleanly. If the demo is
killed, a guard outside of it (`devbroker.node.Guard`) ends the child's whole session.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Self

from eddy.devbroker import processes
from eddy.devbroker.node import Guard, tail
from eddy.devbroker.processes import undisturbed
from eddy.model.errors import EddyError
from eddy.monitoring import signals
from eddy.settings import Settings, environment_for

STOP_WITHIN_S = 20.0
_AGAIN_S = 10.0
_GUARD = 'kill -TERM "-$1"; sleep 2; kill -KILL "-$1"'
_CLEARER = 'sleep 3; rm -rf "$1"'


class Interrupted(BaseException):
    """This signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Interruptions:
    """Turns Ctrl-C, SIGTERM and a closed terminal into `Interrupted`.

    The second signal ends the process immediately; the guards end what still runs.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._held = False

    def __enter__(self) -> Self:
        self._before = signals.install(self._receive, *signals.ENDS) | signals.install(self._remind, signal.SIGALRM)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signals.restore(self._before)

    def hold(self) -> None:
        """From now on a first signal changes nothing: the demo is ending anyway."""
        self._held = True
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _receive(self, number: int, _: FrameType | None) -> None:
        if self._received is not None:
            os._exit(128 + number)
        self._received = number
        if not self._held:
            # Python drops what is raised where nobody can catch it, as in a finalizer. Then it is raised again.
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            raise Interrupted(number)

    def _remind(self, _: int, __: FrameType | None) -> None:
        if self._received is not None and not self._held:
            raise Interrupted(self._received)


class ChildEnded(EddyError):
    """A child ended too early; the message quotes the end of its log."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process, leader of its session."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    guard: Guard

    def tail(self) -> str:
        return tail(self.log.read_text(errors="replace"))

    @property
    def output(self) -> IO[bytes]:
        """What it prints, if it was started with `read`."""
        assert self.process.stdout is not None
        return self.process.stdout


class Children:
    """All child processes, and the directory for their logs and temporary files."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        with undisturbed():
            self.directory = Path(tempfile.mkdtemp(prefix="eddy-demo-"))
            self._clearer = Guard(_CLEARER, (str(self.directory),))
            self._clearer.start()

    def start(self, name: str, module: str, *arguments: str, settings: Settings, read: bool = False) -> Child:
        """Starts `python -m module arguments` with these settings; `read`: its output can be read."""
        environment = environment_for(settings, TMPDIR=str(self.directory))
        log = self.directory / f"{name.replace(' ', '-')}.log"
        with undisturbed(), log.open("wb") as file:
            process, guard = processes.start(
                [sys.executable, "-P", "-m", module, *arguments],  # -P: import nothing from this directory
                _GUARD,
                env=environment,
                stdout=subprocess.PIPE if read else file,
                stderr=file,
                start_new_session=True,
            )
            child = Child(name, process, log, guard)
            self._children.append(child)
        return child

    def check(self) -> None:
        """Raises ChildEnded if one of them is gone."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise ChildEnded(f"{child.name} ended with exit code {code}; the end of its log:\n{child.tail()}")

    def dismiss(self, child: Child) -> int:
        """Waits for a child to finish, and returns its exit code."""
        code = child.process.wait()
        self._forget(child)
        return code

    def stop(self) -> None:
        """Ends all of them, cleanly if they are quick enough, and removes their directory."""
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in tuple(self._children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            self._forget(child)
        shutil.rmtree(self.directory, ignore_errors=True)
        self._clearer.dismiss()

    def _forget(self, child: Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        child.guard.dismiss()
        self._children.remove(child)
