"""How far behind a worker is, measured by a clock: a worker that is stalled, or fails, shows it.

A thread and clients of its own, beside the loop: the loop may hang, and what it knows of the group may be out of date.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from eddy.messaging.ports import Broker, BrokerError, Partition, Reader
from eddy.monitoring import logs
from eddy.settings import Settings

MEASURE_EVERY_S = 5.0
SAMPLES_MOST = 1_000

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a partition is.

    `since` is when the oldest message that waits was first seen to be there, in Unix time; None if none waits.
    """

    messages: int
    since: float | None


Lags = Mapping[Partition, Lag]


@dataclass(slots=True)
class Waiting:
    """Since when messages of one partition wait: remembers where it ended at each measurement."""

    _samples: list[tuple[float, int]] = field(default_factory=list)

    def since(self, now: float, committed: int, end: int) -> float | None:
        """When an end beyond `committed` was first seen; None if there is nothing beyond it."""
        self._samples = [sample for sample in self._samples if sample[1] > committed]
        if end > committed:
            self._samples.append((now, end))
        if len(self._samples) > SAMPLES_MOST:
            self._samples = self._samples[::2]  # the first one stays
        return self._samples[0][0] if self._samples else None


class LagMonitor:
    """Measures the lag of the partitions that `assigned` names, and hands it to `report`."""

    def __init__(
        self,
        broker: Broker,
        settings: Settings,
        assigned: Callable[[], frozenset[Partition]],
        report: Callable[[Lags], None],
    ) -> None:
        self._broker, self._settings = broker, settings
        self._assigned, self._report = assigned, report
        self._waiting: dict[Partition, Waiting] = {}
        self._reader: Reader | None = None
        self._failing = False

    def run(self, over: threading.Event) -> None:
        while not over.wait(MEASURE_EVERY_S):
            self.measure()
        self._close()

    def measure(self) -> None:
        """Measures once. A broker that does not answer is logged once; what was reported stays, and ages."""
        try:
            lags = self._lags(self._assigned())
        except BrokerError as error:
            if not self._failing:
                log.warning("the lag is unknown", reason=str(error))
            self._failing = True
            self._close()
            return
        self._failing = False
        self._report(lags)

    def _lags(self, assigned: frozenset[Partition]) -> Lags:
        if self._reader is None:
            self._reader = self._broker.reader()
        topic = self._settings.topic_transactions
        spans = self._reader.offsets(topic)
        committed = self._reader.committed(self._settings.group, topic)  # read last: it may be beyond the end
        self._waiting = {p: self._waiting.get(p, Waiting()) for p in assigned}
        now = time.time()
        return {p: self._lag(now, p, committed.get(p, spans[p][0]), spans[p][1]) for p in assigned if p in spans}

    def _lag(self, now: float, partition: Partition, committed: int, end: int) -> Lag:
        return Lag(max(0, end - committed), self._waiting[partition].since(now, committed, end))

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


@contextmanager
def monitored(monitor: LagMonitor) -> Iterator[None]:
    """Measures in a thread of its own inside the block."""
    over = threading.Event()
    thread = threading.Thread(target=monitor.run, args=(over,), name="lag", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
