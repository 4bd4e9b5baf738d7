"""One worker's loop on the in-memory broker, seen by its observers."""

import threading
from dataclasses import dataclass, field
from typing import Any

from eddy.consumer.loop import Loop, LoopConfig
from eddy.consumer.observer import Iteration
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


def loop_on(broker: FaultyBroker, counts: Counts) -> Loop:
    def subscribe() -> Any:
        return broker.consumer(group="eddy", topic="transactions", instance="eddy-0")

    processor = rule_processor("alerts", "dead-letters", "ledger")
    return Loop(broker, subscribe, "eddy-0", lambda: processor, CONFIG, [counts], threading.Event())


def broker_of_topics() -> FaultyBroker:
    return FaultyBroker({"transactions": 1, "alerts": 1, "dead-letters": 1, "ledger": 1})


def test_taking_over_ends_what_a_killed_predecessor_left_open() -> None:
    broker, counts = broker_of_topics(), Counts()
    killed = broker.transactional_producer("eddy-0")
    killed.start()
    killed.begin()
    killed.send(Message("alerts", b"c", b"never committed"))
    broker.publisher().send(Message("alerts", b"c", b"held back"))
    assert [record.value for record in broker.reader().read("alerts")] == []
    loop = loop_on(broker, counts)
    loop.take_over()
    assert [record.value for record in broker.reader().read("alerts")] == [b"held back"]
    broker.publisher().send(Message("transactions", b"c", transaction(1)))
    assert loop.step()
    assert (counts.passed, counts.failures) == (1, [])


def test_a_take_over_that_fails_is_tried_again_by_the_loop() -> None:
    broker, counts = broker_of_topics(), Counts()
    loop = loop_on(broker, counts)
    broker.fail(Fault.START)
    loop.take_over()
    broker.publisher().send(Message("transactions", b"c", transaction(1)))
    assert loop.step()
    assert (counts.passed, counts.failures) == (1, ["BrokerError"])
