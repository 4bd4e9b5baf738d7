"""What a test of faults is written with: messages whose outcome is known, workers to inject faults into, and the check.

with Rig(topics(**SHORT), kafka.address, tmp_path) as rig:
    rig.publish(5_000)
    worker = rig.start(0, Trap(Place.FLUSH))
    assert worker.wait() == -signal.SIGKILL
    rig.start(0)
    rig.check()
"""

import random
import secrets
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kafka import KafkaProducer

from eddy.settings import Settings
from tests.faults.kit import oracle
from tests.faults.kit.child import OPEN, Plan, Trap
from tests.faults.kit.watch import Sampler, Watcher
from tests.faults.kit.worker import Worker, wait_until
from tests.plugins.rule import ALERTED_FROM, transaction

STOP_WITHIN_S = 20.0
KILLED = -signal.SIGKILL
SHORT: dict[str, Any] = {
    "request_timeout_ms": 1_500,
    "delivery_timeout_ms": 3_000,
    "transaction_timeout_ms": 4_000,
    "session_timeout_ms": 4_000,
    "max_poll_interval_ms": 10_000,
    "stall_timeout_ms": 8_000,
    "watchdog_timeout_ms": 30_000,
    "batch_max_records": 500,
    "metrics_port": 0,
    "log_format": "json",
}
"""Settings under which a fault takes seconds; also for `topics(...)` of other tests of faults."""
_NEVER_LOGGED = ("Traceback (most recent call last)", "Uncaught error in kafka producer I/O thread")


class Rig:
    """One run: topics, the messages put in, the workers, and who looks on.

    Args:
        settings: of the workers; they may point at a proxy.
        address: of the broker itself, for everybody else.
        directory: for logs and boards.
        seed: printed, so that a run can be had again.
    """

    def __init__(self, settings: Settings, address: str, directory: Path, seed: int | None = None) -> None:
        self.settings, self.address = settings, address
        self.directory = directory
        self.seed = secrets.randbits(32) if seed is None else seed
        print(f"seed {self.seed}")
        self.random = random.Random(self.seed)
        self.workers: list[Worker] = []
        self.published = 0
        self.outages: list[tuple[float, float]] = []  # of the broker, from when to when (Unix seconds)
        self.ends: dict[int, int] = {}
        self.sampler = Sampler(address, settings)
        self.watcher = Watcher(address, settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        for worker in self.workers:
            worker.end()
        self.sampler.stop()
        self.watcher.stop()
        if kind is not None:
            for worker in self.workers[-3:]:
                print(f"--- {worker.log.name}, slot {worker.slot}\n{worker.tail()}")

    def publish(self, count: int, alerts: float = 0.02, dead: float = 0.01) -> None:
        """Puts messages in, of which that share is to be alerted and refused; returns when all are stored."""
        producer = KafkaProducer(
            bootstrap_servers=self.address,
            enable_idempotence=True,
            acks="all",
            linger_ms=5,
            reconnect_backoff_max_ms=500,
        )
        sent = []
        for number in range(self.published, self.published + count):
            luck = self.random.random()
            kind = "alert" if luck < alerts else "dead" if luck < alerts + dead else "pass"
            headers = [("expected", kind.encode()), ("number", str(number).encode())]
            key = f"c-{number % 97}".encode()
            sent.append(producer.send(self.settings.topic_transactions, _body(number, kind), key, headers))
        producer.flush(120)
        for future in sent:
            stored = future.get(1)
            self.ends[stored.partition] = max(stored.offset + 1, self.ends.get(stored.partition, 0))
        producer.close()
        self.published += count

    def spring(self, worker: Worker, within_s: float = 30.0) -> None:
        """Arms a worker's trap, and keeps messages coming until it went off."""
        worker.wait_started()
        worker.board.arm()
        deadline = time.monotonic() + within_s
        while not worker.board.trapped:
            assert time.monotonic() < deadline, f"{worker.trap} did not go off in {within_s} s; log:\n{worker.tail()}"
            self.publish(200)

    def freeze_inside(self, worker: Worker) -> None:
        """Has a worker stand still while a commit is open, at no particular place in it."""

        def struck() -> bool:
            if worker.board.place not in OPEN:
                return False
            worker.freeze()
            if worker.board.place in OPEN:
                return True
            worker.thaw()
            return False

        self.strike(struck, worker)

    def strike(self, struck: Callable[[], bool], worker: Worker, within_s: float = 30.0) -> None:
        """Tries again and again, and keeps messages coming: a worker with nothing to do opens no commit."""
        deadline = time.monotonic() + within_s
        done = False
        while not done:
            assert time.monotonic() < deadline, f"no commit to strike in {within_s} s; log:\n{worker.tail()}"
            feeding = threading.Thread(target=self.publish, args=(500,))
            feeding.start()
            while feeding.is_alive() and not (done := struck()):
                time.sleep(0.0005)
            feeding.join()

    def start(self, slot: int, trap: Trap | None = None, **changes: Any) -> Worker:
        """Starts the worker of a slot; `changes` are settings of this one alone."""
        return self._start(Plan(self._settings(changes), slot, self._board(), trap))

    def supervise(self, workers: int) -> Worker:
        """Starts the real supervisor with that many workers."""
        return self._start(Plan(self._settings({"workers": workers}), 0, self._board(), None, supervised=True))

    def settle(self, within_s: float = 60.0) -> None:
        """Returns when nothing is left to be read: the group is at the end of every partition."""
        deadline = time.monotonic() + within_s
        while any(self.sampler.last.get(partition) != end for partition, end in self.ends.items()):
            assert time.monotonic() < deadline, f"at {self.sampler.last} of {self.ends} after {within_s} s"
            time.sleep(0.05)

    def wait_nothing_open(self) -> None:
        """Returns when no commit is open: the broker ends those of workers that are gone, in time."""
        within_s = self.settings.transaction_timeout_ms / 1000 + 15
        wait_until(lambda: not oracle.hanging(self.address, self.settings), within_s, "open commits to end", 0.5)

    def wait_moved(self, within_s: float) -> None:
        """Returns when every partition in which something was left to read has moved on from where it is now."""
        before, deadline = dict(self.sampler.last), time.monotonic() + within_s

        def stuck() -> list[int]:
            now = self.sampler.last
            return [p for p, end in self.ends.items() if now.get(p, 0) < end and now.get(p, 0) <= before.get(p, 0)]

        while stuck():
            assert time.monotonic() < deadline, f"nobody read on in partitions {stuck()} for {within_s} s"
            time.sleep(0.05)

    def stop_workers(self) -> None:
        """All that still run end on SIGTERM, in time and with exit code 0."""
        running = [worker for worker in self.workers if worker.running]
        for worker in running:
            worker.wait_started()
            worker.terminate()
        codes = {worker.slot: worker.wait(STOP_WITHIN_S) for worker in running}
        assert set(codes.values()) <= {0}, f"exit codes by slot: {codes}"

    @property
    def patience_s(self) -> float:
        """How long an alert may take to be visible while the broker is there."""
        return self.settings.transaction_timeout_ms / 1000 + 15

    def check(self, settle_s: float = 60.0, visible_s: float | None = None) -> None:
        """Everything was read, came out exactly once, and a reader during the run saw the same.

        Args:
            settle_s: How long the group may take to come to the end.
            visible_s: How long an alert may take to be visible, not counting the broker's outages; the transaction
                time-out and 15 s if not given.
        """
        self.settle(settle_s)
        self.stop_workers()
        self.wait_nothing_open()
        self.sampler.stop()
        topics = oracle.read(self.address, self.settings)
        assert len(topics.inputs) == self.published
        found = oracle.problems(topics, self.settings) + oracle.audit_problems(self.address, topics, self.settings)
        found += self.sampler.problems() + self.watcher.problems() + self.log_problems()
        most_s = self.patience_s if visible_s is None else visible_s
        found += self.watcher.late(topics, most_s, self.outages)
        assert not found, f"seed {self.seed}: " + "\n".join(found)

    def log_problems(self) -> list[str]:
        """Lines that no log may hold."""
        number = oracle.CARD_NUMBER.decode()
        return [
            f"{log.name}: {line[:2_000]}"
            for log in sorted({worker.log for worker in self.workers})
            for line in log.read_text().splitlines()
            if number in line or any(words in line for words in _NEVER_LOGGED)
        ]

    def _settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        return self.settings.model_copy(update=changes).model_dump(mode="json", exclude_none=True)

    def _board(self) -> str:
        return str(self.directory / f"board-{len(self.workers)}")

    def _start(self, plan: Plan) -> Worker:
        worker = Worker(plan, self.directory, f"worker-{len(self.workers)}")
        self.workers.append(worker)
        return worker


def _body(number: int, kind: str) -> bytes:
    body = transaction(number, 5 * ALERTED_FROM if kind == "alert" else 10.0, card_id=oracle.CARD_NUMBER.decode())
    return body[:-1] if kind == "dead" else body
