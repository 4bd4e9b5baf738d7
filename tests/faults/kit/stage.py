"""Loops in threads of the test, behind the fault proxy: quick enough to try each trap by itself.

The harness has real processes, to be killed; here a worker is the same loop (`consumer.worker.loop_of`), right or, as
a negative control, wrong in one step. The same oracle checks what came out.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from unittest import mock

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import RetriableError

from eddy.consumer.batch import BatchProcessor, Decision
from eddy.consumer.loop import Loop
from eddy.consumer.observer import Iteration
from eddy.consumer.worker import loop_of
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.ports import Broker
from eddy.settings import Settings
from tests.faults.kit import oracle
from tests.faults.kit.harness import SHORT
from tests.faults.kit.proxy import FaultProxy
from tests.faults.kit.worker import wait_until
from tests.plugins.rule import ALERTED_FROM, rule_processor, transaction

QUICK: dict[str, Any] = {**SHORT, "request_timeout_ms": 1_000, "delivery_timeout_ms": 2_500, "batch_max_records": 40}
OUTLAST_S = 3.5
"""Longer than a message may take to be stored, in `QUICK`."""
_KINDS = {0: "alert", 5: "dead"}


@dataclass(frozen=True)
class Variant:
    """A loop to be tested: the real one, or one that is wrong."""

    name: str
    loop: type[Loop] = Loop
    broker: Callable[[Settings], Broker] = KafkaBroker

    def __str__(self) -> str:
        return self.name


SOUND = Variant("sound")


@dataclass
class Worker:
    """One loop in a thread; an observer of its own loop."""

    loop: Loop = field(init=False)
    stop: threading.Event = field(default_factory=threading.Event)
    commits: int = 0
    stable: bool = False
    failures: list[str] = field(default_factory=list)
    ended: BaseException | None = None
    _thread: threading.Thread = field(init=False)

    def start(self, variant: Variant, settings: Settings, slot: int, processor: BatchProcessor) -> Self:
        with mock.patch("eddy.consumer.worker.Loop", variant.loop):
            self.loop = loop_of(variant.broker(settings), settings, slot, lambda: processor, [self], self.stop)
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"slot {slot}")
        self._thread.start()
        return self

    def on_poll(self, *, stable: bool) -> None:
        self.stable = stable

    def on_commit(self, iteration: Iteration) -> None:  # noqa: ARG002
        self.commits += 1

    def on_failure(self, kind: str) -> None:
        self.failures.append(kind)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def wait_commits(self, more: int, within_s: float = 20.0) -> float:
        """Returns when it has committed that often from now on, and how long that took."""
        since, wanted = time.monotonic(), self.commits + more
        wait_until(lambda: self.commits >= wanted, within_s, f"{more} commits ({self.failures}, {self.ended!r})")
        return time.monotonic() - since

    def wait_failure(self, within_s: float = 20.0) -> None:
        """Returns when it has failed once more."""
        count = len(self.failures)
        wait_until(lambda: len(self.failures) > count, within_s, "a failure")

    def wait_end(self, within_s: float = 20.0) -> BaseException | None:
        """What ended the loop."""
        wait_until(lambda: not self.running, within_s, "the end of a loop")
        return self.ended

    def leave(self) -> None:
        """Stops it; a loop that hangs is left behind."""
        self.stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as error:  # noqa: BLE001
            self.ended = error


class HeldProcessor:
    """A processor that takes as long over its nth batch as the test wants."""

    def __init__(self, processor: BatchProcessor, nth: int) -> None:
        self._processor, self._left = processor, nth
        self.holding, self.release = threading.Event(), threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)

    def decide(self, *arguments: Any) -> Decision:
        decision = self._processor.decide(*arguments)
        self._left -= 1
        if self._left == 0:
            self.holding.set()
            self.release.wait(30)
        return decision


class Stage:
    """One run of one variant: its topics, the messages put in, its workers, and the check."""

    def __init__(self, settings: Settings, proxy: FaultProxy, variant: Variant) -> None:
        self.settings, self.proxy, self.variant = settings, proxy, variant
        self.workers: list[Worker] = []
        self._number = 0
        self._found: oracle.Topics | None = None
        self._admin = self.admin()
        self._levels = [self._consumer(level) for level in ("read_committed", "read_uncommitted")]

    @property
    def address(self) -> str:
        return self.settings.kafka_bootstrap_servers

    def start(self, slot: int = 0, *, processor: Any = None, through_proxy: bool = True, **changes: Any) -> Worker:
        """Starts the worker of a slot; `changes` are settings of this one alone."""
        address = self.proxy.address if through_proxy else self.address
        settings = self.settings.model_copy(update={"kafka_bootstrap_servers": address, **changes})
        worker = Worker().start(self.variant, settings, slot, processor or self.processor())
        self.workers.append(worker)
        return worker

    def processor(self) -> BatchProcessor:
        settings = self.settings
        return rule_processor(settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger)

    def publish(self, count: int) -> None:
        """Puts messages in, of which each tenth is to be alerted and each tenth refused."""
        with self._producer(enable_idempotence=True) as producer:
            self._send(producer, count)

    @contextlib.contextmanager
    def publishing(self, count: int, *, commit: bool = True) -> Iterator[None]:
        """Puts messages in with a Kafka transaction that is open inside the block, and ends it after it."""
        with self._producer(transactional_id=f"payer-{self.settings.group}-{self._number}") as producer:
            producer.init_transactions()
            producer.begin_transaction()
            self._send(producer, count)
            yield
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()

    def commit_the_start(self) -> None:
        """Gives each partition a committed offset: one without would resume from the ledger, whatever a loop did."""
        topic = self.settings.topic_transactions
        consumer = KafkaConsumer(bootstrap_servers=self.address, group_id=self.settings.group, enable_auto_commit=False)
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.commit({partition: OffsetAndMetadata(0, "", -1) for partition in partitions})
        consumer.close(autocommit=False)

    def settle(self, within_s: float = 30.0) -> bool:
        """Whether the group came to the end of every partition, and nothing is half committed."""
        deadline = time.monotonic() + within_s
        while not (self._at_end() and self._decided()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def outcome(self, within_s: float = 30.0) -> list[str]:
        """Ends the run, and says what is wrong with what came out of it; nothing is, if it is empty."""
        self.settle(within_s)
        for worker in self.workers:
            worker.stop.set()
        for worker in self.workers:
            worker.leave()
        wait_until(self._decided, 20, "the last commit to be decided", every_s=0.2)
        self._found = oracle.read(self.address, self.settings)
        return oracle.problems(self._found, self.settings)

    def audit(self) -> list[str]:
        """What Eddy's own audit finds wrong with the outcome."""
        assert self._found is not None
        return oracle.audit_problems(self.address, self._found, self.settings)

    def close(self) -> None:
        """Leaves nothing behind, also where a test failed in the middle."""
        self.proxy.heal()
        for worker in self.workers:
            worker.leave()
        for client in (self._admin, *self._levels):
            client.close()

    def admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.address, request_timeout_ms=5_000)

    @contextlib.contextmanager
    def _producer(self, **config: Any) -> Iterator[KafkaProducer]:
        producer = KafkaProducer(bootstrap_servers=self.address, acks="all", linger_ms=5, **config)
        try:
            yield producer
        finally:
            producer.close()

    def _send(self, producer: KafkaProducer, count: int) -> None:
        sent = []
        for number in range(self._number, self._number + count):
            kind = _KINDS.get(number % 10, "pass")
            headers = [("expected", kind.encode()), ("number", str(number).encode())]
            body = transaction(number, 5 * ALERTED_FROM if kind == "alert" else 10.0)
            body = body[:-1] if kind == "dead" else body
            sent.append(producer.send(self.settings.topic_transactions, body, f"c-{number % 97}".encode(), headers))
        producer.flush(30)
        for future in sent:
            future.get(1)
        self._number += count

    def _at_end(self) -> bool:
        topic = self.settings.topic_transactions
        try:
            places = oracle.committed_by(self._admin, self.settings.group, topic)
        except RetriableError:  # of a broker that has just started
            return False
        ends = self._ends(self._levels[0], [topic])
        return all(places.get(partition.partition, 0) == end for partition, end in ends.items())

    def _decided(self) -> bool:
        """No commit is open: readers of committed records see as far as everybody else."""
        topics = [self.settings.topic_alerts, self.settings.topic_dead_letters, self.settings.topic_ledger]
        committed, stored = (self._ends(consumer, topics) for consumer in self._levels)
        return committed == stored

    def _consumer(self, level: str) -> KafkaConsumer:
        return KafkaConsumer(bootstrap_servers=self.address, isolation_level=level, enable_auto_commit=False)

    def _ends(self, consumer: KafkaConsumer, topics: list[str]) -> dict[TopicPartition, int]:
        numbers = {topic: consumer.partitions_for_topic(topic) for topic in topics}
        found: dict[TopicPartition, int] = consumer.end_offsets(
            [TopicPartition(topic, number) for topic in topics for number in numbers[topic]]
        )
        return found


StageFactory = Callable[[Variant], Stage]
