"""A worker process for tests of faults: the real one (`consumer.worker.run`), with verdicts that are known in advance.

Two things are wrapped around it, none of them inside: a board, a few bytes shared with the test, says where in a
commit the worker is at any moment; a trap sends it a signal (die, freeze, stop) at exactly one such place.

    python -m tests.faults.kit.child PLAN.json
"""

import json
import mmap
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, Self

from eddy.consumer import worker, workers
from eddy.consumer.batch import BatchProcessor
from eddy.control.change import StoresActive
from eddy.control.live import Loader
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import Broker, Membership, Message, Offsets, TransactionalProducer
from eddy.settings import Settings, load
from tests.plugins.rule import rule_detector


class Place(IntEnum):
    """Where in a commit a worker is: what it has done last; `IDLE` outside, `COMMIT` inside the call that ends it."""

    IDLE = 0
    BEGIN = 1
    SEND = 2
    FLUSH = 3
    OFFSETS = 4
    COMMIT = 5


OPEN = frozenset(Place) - {Place.IDLE}


@dataclass(frozen=True)
class Trap:
    """A signal that the worker sends itself when it comes to `place` for the `nth` time.

    Without `nth` it waits for `Board.arm`. With `delay_s` the signal comes a little later, which is how to die inside
    the call that commits.
    """

    place: Place
    nth: int | None = 3
    signal: int = signal.SIGKILL
    delay_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The orders of a worker process; written as JSON."""

    settings: dict[str, Any]
    slot: int
    board: str
    trap: Trap | None = None
    supervised: bool = False

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        plan = json.loads(path.read_text())
        trap = plan.pop("trap")
        return cls(**plan, trap=trap and Trap(**{**trap, "place": Place(trap["place"])}))


class Board:
    """A few bytes in a file that worker and test both see, even if the worker dies."""

    _LAYOUT = struct.Struct("<qqqddqq")

    def __init__(self, prefix: str, slot: int) -> None:
        path = Path(f"{prefix}-{slot}")
        if not path.exists():
            path.write_bytes(bytes(self._LAYOUT.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), self._LAYOUT.size)

    def _get(self, field: int) -> Any:
        return self._LAYOUT.unpack_from(self._memory)[field]

    def _set(self, field: int, value: float) -> None:
        values = list(self._LAYOUT.unpack_from(self._memory))
        values[field] = value
        self._LAYOUT.pack_into(self._memory, 0, *values)

    @property
    def place(self) -> Place:
        return Place(self._get(0))

    @place.setter
    def place(self, place: Place) -> None:
        self._set(0, place)

    @property
    def trapped(self) -> bool:
        """Whether the trap was reached."""
        return bool(self._get(1))

    @property
    def commits(self) -> int:
        return int(self._get(2))

    @property
    def first_commit_at(self) -> float:
        """By the clock that all processes of the machine share (`time.monotonic`); 0 when there was none yet."""
        return float(self._get(3))

    @property
    def last_commit_at(self) -> float:
        return float(self._get(4))

    @property
    def pid(self) -> int:
        """Whose board it is; 0 before the worker has started."""
        return int(self._get(5))

    @property
    def armed(self) -> bool:
        return bool(self._get(6))

    def arm(self) -> None:
        """From now on a trap without a number may go off."""
        self._set(6, 1)

    def started(self) -> None:
        """A new process begins with an empty board, as the one before it may have died anywhere."""
        self._LAYOUT.pack_into(self._memory, 0, Place.IDLE, 0, 0, 0.0, 0.0, os.getpid(), 0)

    def spring(self) -> None:
        self._set(1, 1)

    def committed(self) -> None:
        now = time.monotonic()
        if not self.commits:
            self._set(3, now)
        self._set(4, now)
        self._set(2, self.commits + 1)


class MarkedBroker:
    """A broker whose transactional producers write their place on the board, and walk into the trap."""

    def __init__(self, broker: Broker, board: Board, trap: Trap | None) -> None:
        self._broker, self._board, self._trap = broker, board, trap
        self._times = dict.fromkeys(Place, 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)

    def transactional_producer(self, transactional_id: str) -> "MarkedProducer":
        return MarkedProducer(self._broker.transactional_producer(transactional_id), self._come_to)

    def _come_to(self, place: Place) -> None:
        self._board.place = place
        self._times[place] += 1
        trap = self._trap
        if trap is None or trap.place != place or self._board.trapped:
            return
        if trap.nth != self._times[place] and not (trap.nth is None and self._board.armed):
            return
        self._board.spring()
        if trap.delay_s:
            threading.Timer(trap.delay_s, os.kill, (os.getpid(), trap.signal)).start()
        else:
            os.kill(os.getpid(), trap.signal)


class MarkedProducer:
    """The producer it is given, with a word on where it is."""

    def __init__(self, producer: TransactionalProducer, come_to: Callable[[Place], None]) -> None:
        self._producer, self._come_to = producer, come_to

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def begin(self) -> None:
        self._producer.begin()
        self._come_to(Place.BEGIN)

    def send(self, message: Message) -> Any:
        delivery = self._producer.send(message)
        self._come_to(Place.SEND)
        return delivery

    def flush(self, timeout_s: float) -> None:
        self._producer.flush(timeout_s)
        self._come_to(Place.FLUSH)

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:
        self._producer.send_offsets(offsets, membership)
        self._come_to(Place.OFFSETS)

    def commit(self) -> None:
        self._come_to(Place.COMMIT)
        self._producer.commit()
        self._come_to(Place.IDLE)

    def close(self) -> None:
        self._producer.close()
        self._come_to(Place.IDLE)


class Scribe:
    """Counts the commits on the board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def on_poll(self, *, stable: bool) -> None:
        """Nothing to write."""

    def on_commit(self, iteration: Any) -> None:  # noqa: ARG002
        self._board.committed()

    def on_failure(self, kind: str) -> None:
        """Nothing to write."""


def rule_of(settings: Settings) -> Loader:  # noqa: ARG001
    """Loads the rule-based detector, whatever model is asked for."""
    return lambda body: rule_detector() if isinstance(body, StoresActive) else rule_detector(body.version)


def work(plan: Plan, settings: Settings, slot: int) -> None:
    """`consumer.worker.run` with a board, a trap, and the rule-based processor."""
    board = Board(plan.board, slot)
    board.started()
    real = worker.loop_of

    def marked_loop(
        broker: Broker,
        settings: Settings,
        slot: int,
        processor: Callable[[], BatchProcessor],
        observers: Sequence[Any],
        stop: Any,
    ):  # type: ignore[no-untyped-def]
        marked: Any = MarkedBroker(broker, board, plan.trap)
        return real(marked, settings, slot, processor, [*observers, Scribe(board)], stop)

    worker.loader_of, worker.loop_of, worker.KafkaBroker = rule_of, marked_loop, KafkaBroker  # type: ignore[assignment]
    worker.run(settings, slot)


def main(path: str) -> None:
    plan = Plan.read(Path(path))
    settings = load(**plan.settings)
    if plan.supervised:
        workers.worker.run = partial(work, plan)  # type: ignore[assignment]
        raise SystemExit(workers.consume(settings))
    work(plan, settings, plan.slot)


if __name__ == "__main__":
    main(sys.argv[1])
