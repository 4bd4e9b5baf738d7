"""Four ways to read the same topic to its end, each a `Run` with its time split up.

bare poll         the client hands out records; nothing is done with them
poll + decode     they become rows and columns, checked as the stream checks them
at least once     the worker's own loop, but published by a plain producer; then the consumer commits
exactly once      the worker's own loop: alerts, ledger and offsets in one commit
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafka.structs import OffsetAndMetadata

from eddy.consumer.batch import BatchProcessor
from eddy.consumer.live import processor_of
from eddy.consumer.observer import Iteration, Observer
from eddy.consumer.worker import Heartbeat, MetricsObserver, loader_of, loop_of
from eddy.control.change import StoresActive
from eddy.control.live import InForce
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.kafka.consumer import KafkaGroupConsumer
from eddy.messaging.ports import Membership, Offsets, Publisher, Records
from eddy.monitoring.metrics import ConsumerMetrics
from eddy.settings import Settings

POLL_MS = 1_000


@dataclass
class Run:
    """One reading of the topic. Counting begins when the first micro-batch is done: joining the group is left out."""

    wanted: int
    records: int = 0
    alerts: int = 0
    spent_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _counted: int = 0
    _began: tuple[float, float] = (0.0, 0.0)
    _ended: tuple[float, float] = (0.0, 0.0)

    def add(self, records: int, alerts: int = 0) -> None:
        """A micro-batch is done."""
        if records and not self.records:
            self._began = (time.perf_counter(), time.process_time())
            self.spent_s.clear()
        elif records:
            self._counted += records
            self._ended = (time.perf_counter(), time.process_time())
        self.records += records
        self.alerts += alerts

    @property
    def done(self) -> bool:
        return self.records >= self.wanted

    @property
    def row_us(self) -> float:
        return (self._ended[0] - self._began[0]) / self._counted * 1e6

    @property
    def cpu_us(self) -> float:
        """Per row, of this process with all its threads."""
        return (self._ended[1] - self._began[1]) / self._counted * 1e6

    def split_us(self) -> dict[str, float]:
        """Where the time of a row went; all parts together are `row_us`."""
        spent = {what: self.spent_s[what] / self._counted * 1e6 for what in self.spent_s}
        parts = {what: spent.get(what, 0.0) for what in ("poll", "decode", "columns", "score", "publish", "commit")}
        parts["decode"] -= parts["columns"]  # the columns are made within
        if "decide" in spent:
            parts["encode"] = spent["decide"] - parts["decode"] - parts["columns"] - parts["score"]
        return {**parts, "rest": self.row_us - sum(parts.values())}

    def clock(self, what: str, thing: Any, *names: str) -> Any:
        """Has this run count the time of some of a thing's methods, which it gives back."""
        for name in names:
            vars(thing)[name] = self._clocked(what, getattr(thing, name))
        return thing

    def _clocked(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def clocked(*args: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                self.spent_s[what] += time.perf_counter() - started

        return clocked


def bare_poll(settings: Settings, run: Run) -> None:
    _poll(settings, run, lambda _: None)


def poll_and_decode(settings: Settings, run: Run) -> None:
    codec = _processor(settings, run).codec

    def decode(polled: Records) -> None:
        for records in polled.values():
            codec.decode(records)

    _poll(settings, run, decode)


def at_least_once(settings: Settings, run: Run) -> None:
    _loop(AtLeastOnceBroker(settings, run), settings, run)


def exactly_once(settings: Settings, run: Run) -> None:
    _loop(ClockedBroker(settings, run), settings, run)


def _poll(settings: Settings, run: Run, work: Callable[[Records], None]) -> None:
    consumer = ClockedBroker(settings, run).consumer(
        group=settings.group, topic=settings.topic_transactions, instance=f"{settings.group}-0"
    )
    while not run.done:
        polled = consumer.poll(POLL_MS, settings.batch_max_records)
        work(polled)
        run.add(sum(map(len, polled.values())))
    consumer.close()


def _loop(broker: KafkaBroker, settings: Settings, run: Run) -> None:
    """A worker's loop with all that watches over it, until it has read everything."""
    stop = threading.Event()
    observers: list[Observer] = [Heartbeat(None, 0), MetricsObserver(ConsumerMetrics()), Counter(run, stop)]
    processor = _processor(settings, run)
    loop_of(broker, settings, 0, lambda: processor, observers, stop).run()


def _processor(settings: Settings, run: Run) -> BatchProcessor:
    processor = processor_of(settings, InForce(loader_of(settings)(StoresActive()), None))
    run.clock("decode", processor.codec, "decode")
    run.clock("columns", processor.detector.schema, "columns")
    run.clock("score", processor.detector.scorer, "score")
    return processor


class Counter:
    """An observer of the loop, which it stops at the last message."""

    def __init__(self, run: Run, stop: threading.Event) -> None:
        self._run, self._stop = run, stop

    def on_poll(self, *, stable: bool) -> None:
        """Nothing to count."""

    def on_commit(self, iteration: Iteration) -> None:
        self._run.spent_s["decide"] += iteration.decide_s
        self._run.add(iteration.decision.total, iteration.decision.alerted)
        if self._run.done:
            self._stop.set()

    def on_failure(self, kind: str) -> None:
        raise RuntimeError(f"the broker failed in the middle of a measurement: {kind}")


class ClockedBroker(KafkaBroker):
    """Kafka, its calls timed."""

    def __init__(self, settings: Settings, run: Run) -> None:
        super().__init__(settings)
        self._run = run

    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:
        consumer = super().consumer(group=group, topic=topic, instance=instance)
        return self._run.clock("poll", consumer, "poll")  # type: ignore[no-any-return]

    def transactional_producer(self, transactional_id: str) -> Any:
        return self._clocked(super().transactional_producer(transactional_id))

    def _clocked(self, producer: Any) -> Any:
        self._run.clock("publish", producer, "send", "flush")
        return self._run.clock("commit", producer, "send_offsets", "commit")


class AtLeastOnceBroker(ClockedBroker):
    """The same, but publishes by a plain producer, and commits offsets by the consumer when that is done."""

    def consumer(self, *, group: str, topic: str, instance: str | None) -> KafkaGroupConsumer:
        self._reading = super().consumer(group=group, topic=topic, instance=instance)
        return self._reading

    def transactional_producer(self, transactional_id: str) -> Any:  # noqa: ARG002
        return self._clocked(AtLeastOnce(self.publisher(), lambda: self._reading))


class AtLeastOnce:
    """Stands in for a transactional producer."""

    def __init__(self, publisher: Publisher, consumer: Callable[[], KafkaGroupConsumer]) -> None:
        self._consumer = consumer
        self.send, self.flush, self.close = publisher.send, publisher.flush, publisher.close

    def start(self) -> None:
        """There is nothing to take over."""

    def begin(self) -> None:
        """Each message is there as soon as it is stored."""

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:  # noqa: ARG002
        client = self._consumer()._client  # Eddy's own consumer never commits by itself
        client.commit({partition: OffsetAndMetadata(offset, "", -1) for partition, offset in offsets.items()})

    def commit(self) -> None:
        """The offsets were all."""


WAYS: dict[str, Callable[[Settings, Run], None]] = {
    "bare poll": bare_poll,
    "poll + decode": poll_and_decode,
    "at least once": at_least_once,
    "exactly once": exactly_once,
}
