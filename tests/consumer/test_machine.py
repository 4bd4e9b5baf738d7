"""The loop against every order of faults that Hypothesis can think of: each input's outcome is there exactly once.

Two workers, each with a slot of its own, on the in-memory broker, which has Kafka's semantics (the contract suite says
so) and does nothing by itself: time-outs, rebalances, lost replies and crashes come as rules, at any step of a commit.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from eddy.consumer.audit import audit
from eddy.consumer.loop import Loop, LoopConfig, SlotTaken
from eddy.messaging.messages import input_of
from eddy.messaging.ports import Message, Partition
from eddy.settings import Settings
from tests.messaging.memory.faulty import Fault, FaultyBroker
from tests.plugins.rule import ALERTED_FROM, rule_processor, transaction

TOPICS = {"transactions": 3, "alerts": 2, "dead-letters": 2, "ledger": 1}
CONFIG = LoopConfig(
    batch_max_records=7,
    delivery_timeout_s=1.0,
    stall_timeout_s=60.0,
    fencing_grace_s=0.0,
    dead_letter_limit=1.0,
    dead_letter_window=1,
)
STEPS = ("start", "begin", "send", "flush", "send_offsets", "commit")
GROUP = "eddy"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no handler, no close."""


class Mortal:
    """A producer whose process dies at a step, before or after the broker did it."""

    def __init__(self, producer: Any, plan: dict[str, bool]) -> None:
        self._producer, self._plan = producer, plan

    def __getattr__(self, step: str) -> Any:
        call = getattr(self._producer, step)
        if step not in self._plan:
            return call

        def die(*arguments: Any) -> Any:
            if self._plan.pop(step):
                call(*arguments)
            raise Killed

        return die


class MortalBroker:
    """The shared broker as one process sees it."""

    def __init__(self, broker: FaultyBroker, plan: dict[str, bool]) -> None:
        self._broker, self._plan = broker, plan

    def transactional_producer(self, transactional_id: str) -> Any:
        return Mortal(self._broker.transactional_producer(transactional_id), self._plan)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._broker, name)


class Stream(RuleBasedStateMachine):
    """Rules are what may happen; the end of each run checks what came out."""

    @initialize()
    def set_up(self) -> None:
        self.broker = FaultyBroker(TOPICS)
        self.settings = Settings(group=GROUP)
        self.expected: dict[tuple[Partition, int], str] = {}
        self.number = 0
        self.plans: list[dict[str, bool]] = [{}, {}]
        self.loops = [self.new_loop(0), self.new_loop(1)]
        self.sleepers: list[Loop] = []

    def new_loop(self, slot: int) -> Loop:
        name = f"{GROUP}-{slot}"
        self.plans[slot] = {}
        broker: Any = MortalBroker(self.broker, self.plans[slot])
        processor = rule_processor("alerts", "dead-letters", "ledger")

        def subscribe() -> Any:
            return broker.consumer(group=GROUP, topic="transactions", instance=name)

        return Loop(broker, subscribe, name, lambda: processor, CONFIG, [], threading.Event())

    def step(self, slot: int) -> None:
        try:
            self.loops[slot].step()
        except (Killed, SlotTaken):  # it ended; its supervisor starts another, which knows nothing
            self.loops[slot] = self.new_loop(slot)

    @rule(kinds=st.lists(st.sampled_from(["passed", "alerted", "dead"]), min_size=1, max_size=10))
    def publish(self, kinds: list[str]) -> None:
        with self.unharmed():
            publisher = self.broker.publisher()
            for kind in kinds:
                publisher.send(self.message(kind))

    @rule(kinds=st.lists(st.sampled_from(["passed", "alerted", "dead"]), max_size=4), commit=st.booleans())
    def publish_in_a_commit(self, kinds: list[str], commit: bool) -> None:
        """Markers of the producer's own commits, and aborted messages, make gaps in the offsets."""
        with self.unharmed():
            producer = self.broker.transactional_producer("upstream")
            producer.start()
            producer.begin()
            for kind in kinds:
                producer.send(self.message(kind))
            producer.commit() if commit else producer.abort()

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Faults are meant for the workers, not for publishers; afterwards the log says what to expect."""
        faults = dict(self.broker.faults)
        self.broker.faults.clear()
        yield
        self.broker.faults.update(faults)
        for record in self.broker.reader().read("transactions"):
            value = record.value or b""
            kind = "dead" if value == b"{" else "alerted" if b'"amount":1000.0' in value else "passed"
            self.expected[Partition(record.topic, record.partition), record.offset] = kind

    def message(self, kind: str) -> Message:
        self.number += 1
        value = b"{" if kind == "dead" else transaction(self.number, ALERTED_FROM if kind == "alerted" else 1.0)
        return Message("transactions", None, value, (), self.number * 7 % TOPICS["transactions"])

    @rule(slot=st.integers(0, 1), times=st.integers(1, 4))
    def iterate(self, slot: int, times: int) -> None:
        for _ in range(times):
            self.step(slot)

    @rule(fault=st.sampled_from(list(Fault)), slot=st.integers(0, 1), times=st.integers(1, 2))
    def fail(self, fault: Fault, slot: int, times: int) -> None:
        self.broker.fail(fault, times)
        self.step(slot)

    @rule(slot=st.integers(0, 1), step=st.sampled_from(STEPS), after=st.booleans())
    def kill(self, slot: int, step: str, after: bool) -> None:
        self.plans[slot][step] = after
        for _ in range(3):
            self.step(slot)

    @rule(slot=st.integers(0, 1))
    def fall_asleep(self, slot: int) -> None:
        """A process stops (SIGSTOP), another is started in its place, and later the first wakes up."""
        self.sleepers.append(self.loops[slot])
        self.loops[slot] = self.new_loop(slot)

    @rule()
    def wake_up(self) -> None:
        for loop in self.sleepers:
            try:
                loop.step()
            except (SlotTaken, Killed):
                loop.close()

    @rule(slot=st.integers(0, 1))
    def expire_session(self, slot: int) -> None:
        if GROUP in self.broker._cluster.groups:
            self.broker.expire_session(GROUP, f"{GROUP}-{slot}")

    @rule(slot=st.integers(0, 1))
    def expire_commit(self, slot: int) -> None:
        self.broker.expire_commit(f"{GROUP}-{slot}")

    @rule()
    def rebalance(self) -> None:
        if GROUP in self.broker._cluster.groups:
            self.broker.rebalance(GROUP)

    @invariant()
    def nothing_is_doubled(self) -> None:
        for topic in ("alerts", "dead-letters"):
            assert max(self.found(topic).values(), default=0) <= 1

    def found(self, topic: str) -> Counter[tuple[Partition, int]]:
        return Counter(input_of(record) for record in self.broker.reader().read(topic))

    def come_to_rest(self) -> None:
        for _ in range(10 + self.number):
            self.step(0)
            self.step(1)

    def teardown(self) -> None:
        """Nothing goes wrong any more: now everything must come out exactly once, and the audit must be balanced."""
        if not hasattr(self, "broker"):
            return
        self.broker.faults.clear()
        self.plans[0].clear()
        self.plans[1].clear()
        self.come_to_rest()
        for slot in (0, 1):  # what a sleeper left open, the broker ends in time
            self.broker.expire_commit(f"{GROUP}-{slot}")
        self.come_to_rest()
        for kind, topic in (("alerted", "alerts"), ("dead", "dead-letters")):
            expected = {place for place, is_kind in self.expected.items() if is_kind == kind}
            found = self.found(topic)
            assert set(found) == expected
            assert set(found.values()) <= {1}
        found = audit(self.broker.reader(), self.settings, patience_s=0)
        assert found.problems == ()
        assert (found.messages, found.waiting) == (len(self.expected), 0)


Stream.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestStream = Stream.TestCase
