"""One worker's loop on the in-memory broker, seen by its observers."""

import threading
from dataclasses import dataclass, field
from typing import Any

from eddy.consumer.loop import Loop, LoopConfig
from eddy.consumer.observer import Iteration
from eddy.messaging.messages import read_ledger
from eddy.messaging.ports import Message
from tests.messaging.memory.faulty import Fault, FaultyBroker
from tests.plugins.rule import rule_processor, transaction

CONFIG = LoopConfig(10, 1.0, 60.0, 0.0, 1.0, 1)


@dataclass
class Counts:
    """Counts as the metrics do."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)

    def on_poll(self, *, stable: bool) -> None:
        """Nothing to count."""

    def on_commit(self, iteration: Iteration) -> None:
        self.passed += iteration.decision.passed

    def on_failure(self, kind: str) -> None:
        self.failures.append(kind)


def test_a_commit_is_counted_though_the_end_offsets_cannot_be_read_after_it() -> None:
    broker, counts = FaultyBroker({"transactions": 1, "alerts": 1, "dead-letters": 1, "ledger": 1}), Counts()

    def subscribe() -> Any:
        return broker.consumer(group="eddy", topic="transactions", instance="eddy-0")

    processor = rule_processor("alerts", "dead-letters", "ledger")
    loop = Loop(broker, subscribe, "eddy-0", lambda: processor, CONFIG, [counts], threading.Event())
    broker.publisher().send(Message("transactions", b"c", transaction(1)))
    broker.fail(Fault.END_OFFSETS)
    assert loop.step()
    assert counts.passed == sum(read_ledger(record).passed for record in broker.reader().read("ledger")) == 1
    assert counts.failures == []
