"""The supervisor starts workers again, not too often, and ends when there is no point."""

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from eddy.consumer import worker, workers
from eddy.consumer.workers import Supervisor


@dataclass
class Process:
    """A process that ends on a signal, or by itself with a code."""

    exitcode: int | None = None
    stubborn: bool = False
    signals: list[str] = field(default_factory=list)

    def is_alive(self) -> bool:
        return self.exitcode is None

    def terminate(self) -> None:
        self.signals.append("term")
        if not self.stubborn:
            self.exitcode = 0

    def kill(self) -> None:
        self.signals.append("kill")
        self.exitcode = -9

    def join(self, timeout: float | None = None) -> None:
        """Already over."""


class Spawner:
    """Hands out prepared processes, slot by slot; a last one that runs on."""

    def __init__(self, *codes: int, stop: threading.Event) -> None:
        self._codes, self._stop = list(codes), stop
        self.started: list[tuple[int, Process]] = []

    def __call__(self, slot: int) -> Any:
        process = Process(self._codes.pop(0) if self._codes else None)
        self.started.append((slot, process))
        if process.exitcode is None and not self._codes:
            self._stop.set()
        return process


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "BACK_OFF_FIRST_S", 0.0)
    monkeypatch.setattr(workers, "STOP_WITHIN_S", 0.0)


def test_a_killed_worker_is_started_again_with_its_slot() -> None:
    stop = threading.Event()
    spawn = Spawner(-9, -9, stop=stop)
    assert Supervisor(spawn, [3], stop).run() == 0
    assert [slot for slot, _ in spawn.started] == [3, 3, 3]


def test_a_crash_loop_ends_with_the_workers_code() -> None:
    stop = threading.Event()
    spawn = Spawner(*[70] * 20, stop=stop)
    assert Supervisor(spawn, [0], stop).run() == 70
    assert len(spawn.started) == workers.CRASHES_MOST


def test_a_worker_killed_again_and_again_ends_non_zero_too() -> None:
    stop = threading.Event()
    assert Supervisor(Spawner(*[-9] * 20, stop=stop), [0], stop).run() == worker.CRASHED


@pytest.mark.parametrize("code", sorted(worker.FINAL))
def test_a_worker_that_says_it_is_no_use_ends_all_of_them(code: int) -> None:
    stop = threading.Event()
    processes = [Process(), Process(code)]
    supervisor = Supervisor(lambda slot: processes[slot], [0, 1], stop)  # type: ignore[arg-type,return-value]
    assert supervisor.run() == code
    assert processes[0].signals == ["term"]


def test_a_worker_that_does_not_end_in_time_is_killed() -> None:
    stop = threading.Event()
    process = Process(stubborn=True)
    stop.set()
    assert Supervisor(lambda _: process, [0], stop).run() == worker.CRASHED  # type: ignore[arg-type,return-value]
    assert process.signals == ["term", "kill"]
