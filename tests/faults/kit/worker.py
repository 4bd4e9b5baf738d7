"""A worker process as tests of faults handle it: to be killed, frozen, stopped and waited for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.kit.child import Board, Place, Plan
from tests.places import ROOT


class Worker:
    """A worker process, or a supervisor with its workers."""

    def __init__(self, plan: Plan, directory: Path, name: str) -> None:
        path = directory / f"{name}.json"
        plan.write(path)
        self.slot = plan.slot
        self.trap = plan.trap
        self.log = directory / f"{name}.log"
        self._boards = plan.board
        self.board = self.board_of(plan.slot)
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.kit.child", str(path)], cwd=ROOT, stdout=log, stderr=log
            )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> Place:
        """kill -9. Returns where in a commit that struck."""
        self.freeze()
        place = self.board.place
        self.process.kill()
        self.process.wait()
        return place

    def freeze(self) -> None:
        """Returns when the process stands still."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def board_of(self, slot: int) -> Board:
        """The board of a supervisor's worker."""
        return Board(self._boards, slot)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, within_s: float = 30.0) -> int:
        """The exit code; minus the signal's number if one ended it."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"slot {self.slot} still runs after {within_s} s; log:\n{self.tail()}") from None

    def wait_started(self, within_s: float = 30.0) -> None:
        """Returns when the process has come as far as its loop."""
        wait_until(lambda: "worker started" in self.log.read_text(), within_s, f"slot {self.slot} to start")

    def wait_commits(self, count: int = 1, within_s: float = 30.0) -> None:
        """Returns when it has committed that often since it started."""
        wait_until(
            lambda: self.board.commits >= count or not self.running, within_s, f"{count} commits of slot {self.slot}"
        )
        assert self.board.commits >= count, f"slot {self.slot} ended; log:\n{self.tail()}"

    def tail(self) -> str:
        return self.log.read_text()[-3_000:]

    def end(self) -> None:
        """No process is left behind, whatever state it is in."""
        if self.running:
            self.process.kill()
            self.process.wait()


def wait_until(done: Callable[[], bool], within_s: float, what: str, every_s: float = 0.02) -> None:
    """Looks again and again, and fails when it takes too long."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, f"waited {within_s} s in vain for {what}"
        time.sleep(every_s)
