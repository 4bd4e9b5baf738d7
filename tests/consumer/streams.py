"""A stream on either broker, whose group can lose its committed offsets."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from eddy.consumer.audit import Audit, audit
from eddy.consumer.loop import Loop
from eddy.consumer.worker import loop_of
from eddy.messaging.messages import LedgerRecord, input_of, ledger_message
from eddy.messaging.ports import Broker, Message, Partition
from eddy.settings import Settings
from tests.plugins.rule import rule_processor, transaction

ALERTED = 5_000.0


class Stream:
    """A stream of one group, whose committed offsets can be lost."""

    def __init__(self, broker: Broker, settings: Settings, forget: Callable[[], None]) -> None:
        self.broker, self.settings, self.forget = broker, settings, forget
        self.sent = 0

    def publish(self, count: int, partition: int = 0) -> None:
        """Messages that are all to be alerted."""
        publisher, topic = self.broker.publisher(), self.settings.topic_transactions
        for _ in range(count):
            publisher.send(Message(topic, b"c", transaction(self.sent, ALERTED), (), partition))
            self.sent += 1
        publisher.flush(10)
        publisher.close()

    def record(self, *entries: LedgerRecord) -> None:
        """Ledger records as earlier workers left them."""
        publisher = self.broker.publisher()
        for entry in entries:
            publisher.send(ledger_message(self.settings.topic_ledger, entry))
        publisher.flush(10)
        publisher.close()

    def loop(self, slot: int = 0, **changes: Any) -> Loop:
        settings = self.settings.model_copy(update=changes)
        topics = settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger
        processor = rule_processor(*topics, group=settings.group)
        return loop_of(self.broker, settings, slot, lambda: processor, [], threading.Event())

    def work(self, alerts: int, **changes: Any) -> None:
        """Has a worker run until there are that many alerts, and the group is at the end."""
        with running(self.loop(**changes)) as loop:
            deadline = time.monotonic() + 30
            while len(self.alerted()) < alerts or not self.at_end():
                assert time.monotonic() < deadline, (self.alerted(), self.audit())
                loop.step()

    def at_end(self) -> bool:
        reader = self.broker.reader()
        committed = reader.committed(self.settings.group, self.settings.topic_transactions)
        ends = {p: end for p, (_, end) in reader.offsets(self.settings.topic_transactions).items() if end}
        reader.close()
        return all(committed.get(p) == end for p, end in ends.items())

    def alerted(self) -> list[tuple[Partition, int]]:
        """The coordinates of all alerts; one that is there twice stands twice."""
        reader = self.broker.reader()
        found = sorted(input_of(record) for record in reader.read(self.settings.topic_alerts))
        reader.close()
        return found

    def audit(self) -> Audit:
        reader = self.broker.reader()
        found = audit(reader, self.settings)
        reader.close()
        return found


@contextmanager
def running(loop: Loop) -> Iterator[Loop]:
    try:
        yield loop
    finally:
        loop.close()


def step_until(loop: Loop, done: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline
        loop.step()
