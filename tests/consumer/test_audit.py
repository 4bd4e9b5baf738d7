"""The audit accepts a sound stream, and names what is wrong with any other."""

import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from eddy.consumer.audit import Audit, audit
from eddy.consumer.loop import Loop, LoopConfig
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import LedgerRecord, ledger_message, read_ledger
from eddy.messaging.ports import Message
from eddy.settings import Settings
from tests.plugins.rule import rule_processor, transaction

SETTINGS = Settings()
CONFIG = LoopConfig(3, 1.0, 60.0, 0.0, 1.0, 1)


@dataclass
class Stream:
    """A stream that one worker has read: 20 messages in two partitions, 3 of them anomalous, 2 refused."""

    broker: MemoryBroker = field(
        default_factory=lambda: MemoryBroker({"transactions": 2, "alerts": 1, "dead-letters": 1, "ledger": 1})
    )

    def publish(self, *messages: Message) -> None:
        publisher = self.broker.publisher()
        for message in messages:
            publisher.send(message)

    def work(self, polls: int = 20) -> None:
        def subscribe() -> Any:
            return self.broker.consumer(group="eddy", topic="transactions", instance="eddy-0")

        processor = rule_processor("alerts", "dead-letters", "ledger")
        loop = Loop(self.broker, subscribe, "eddy-0", lambda: processor, CONFIG, [], threading.Event())
        for _ in range(polls):
            assert loop.step()
        loop.close()

    def audit(self) -> Audit:
        return audit(self.broker.reader(), SETTINGS, patience_s=0)

    def copy(self, topic: str, keep: Any) -> "Stream":
        """The same stream with other records in one of its topics."""
        other = Stream()
        for name in ("transactions", "alerts", "dead-letters", "ledger"):
            for record in self.broker.reader().read(name):
                if name != topic or keep(record):
                    other.publish(Message(name, record.key, record.value, tuple(record.headers), record.partition))
        other.broker._cluster.groups.update(self.broker._cluster.groups)
        return other


@pytest.fixture
def stream() -> Stream:
    stream = Stream()
    anomalous, refused = {3, 8, 13}, {5, 6}
    for i in range(20):
        value = b"[]" if i in refused else transaction(i, 5_000 if i in anomalous else 5)
        stream.publish(Message("transactions", b"c", value, (), i % 2))
    stream.work()
    return stream


def test_a_sound_stream_is_balanced(stream: Stream) -> None:
    found = stream.audit()
    assert found.balanced
    assert found.verdict() == "20 in = 15 passed + 3 alerted + 2 dead; nothing lost, nothing doubled"
    assert found.waiting == 0


def test_what_was_not_read_yet_is_waiting_not_lost(stream: Stream) -> None:
    stream.publish(Message("transactions", b"c", transaction(99), (), 0))
    found = stream.audit()
    assert (found.balanced, found.waiting) == (True, 1)


def test_an_alert_that_is_gone_is_found(stream: Stream) -> None:
    without = stream.copy("alerts", lambda record: dict(record.headers)["ce_id"] != b"transactions:0:4")
    assert "the ledger says 1 went to `alerts`, 0 are there" in without.audit().problems[0]


def test_an_alert_that_is_there_twice_is_found(stream: Stream) -> None:
    record = next(iter(stream.broker.reader().read("alerts")))
    stream.publish(Message("alerts", record.key, record.value, tuple(record.headers)))
    problems = stream.audit().problems
    assert any(problem.startswith("doubled: partition") and "is there 2 times" in problem for problem in problems)


def test_a_dead_letter_that_is_gone_is_found(stream: Stream) -> None:
    without = stream.copy("dead-letters", lambda _: False)
    assert all("`dead-letters`, 0 are there" in problem for problem in without.audit().problems)
    assert not without.audit().balanced


def test_a_range_that_nothing_answers_for_is_found(stream: Stream) -> None:
    entries = [read_ledger(record) for record in stream.broker.reader().read("ledger")]
    middle = next(
        entry for entry in entries if entry.partition == 0 and entry.first_offset > 0 and entry.last_offset < 9
    )
    without = stream.copy("ledger", lambda record: read_ledger(record) != middle)
    assert any(problem.startswith("lost: nothing answers for") for problem in without.audit().problems)


def test_a_range_that_was_answered_for_twice_is_found(stream: Stream) -> None:
    record = list(stream.broker.reader().read("ledger"))[-1]
    stream.publish(Message("ledger", record.key, record.value))
    assert any(problem.startswith("doubled: ") for problem in stream.audit().problems)


def test_counts_that_do_not_add_up_to_the_messages_are_found(stream: Stream) -> None:
    last = LedgerRecord("transactions", 0, 10, 10, 0, 0, 0, "rule-1", 10.0, ())
    stream.publish(Message("transactions", b"c", transaction(50), (), 0), ledger_message("ledger", last))
    problems = stream.audit().problems
    assert any("11 messages in `transactions`, the ledger answers for 10" in problem for problem in problems)


def test_a_group_ahead_of_its_ledger_has_lost_something(stream: Stream) -> None:
    nothing = stream.copy("ledger", lambda _: False)
    assert any(problem.startswith("lost: ") for problem in nothing.audit().problems)


def test_markers_of_the_inputs_own_commits_are_no_gaps() -> None:
    stream = Stream()
    producer = stream.broker.transactional_producer("upstream")
    producer.start()
    for commit in (True, False, True):
        producer.begin()
        producer.send(Message("transactions", b"c", transaction(1), (), 0))
        producer.commit() if commit else producer.abort()
    stream.work()
    found = stream.audit()
    assert (found.balanced, found.messages, found.waiting) == (True, 2, 0)


def test_messages_of_others_in_the_alerts_topic_are_not_ours_to_account_for(stream: Stream) -> None:
    stream.publish(Message("alerts", b"x", b"hello"), Message("alerts", b"x", b"", (("ce_id", b"other:0:1"),)))
    assert stream.audit().balanced


@pytest.mark.parametrize("value", [b"hello", b"\xff", b"[" * 100_000, None, b"{}"])
def test_messages_of_others_in_the_ledger_topic_fail_no_audit(stream: Stream, value: bytes | None) -> None:
    stream.publish(Message("ledger", b"x", value), Message("alerts", b"x", b"", (("ce_id", None),)))  # type: ignore[arg-type]
    assert stream.audit().balanced


def test_only_commits_since_a_time_are_looked_at_when_one_is_given(stream: Stream) -> None:
    entries = list(stream.broker.reader().read("ledger"))
    middle = entries[len(entries) // 2].timestamp
    whole, part = stream.audit(), audit(stream.broker.reader(), SETTINGS, 0, since_ms=middle)
    assert part.problems == ()
    assert part.commits == len([entry for entry in entries if entry.timestamp >= middle]) < whole.commits
    assert part.messages < whole.messages
    assert part.waiting == 0
    assert audit(stream.broker.reader(), SETTINGS, 0, since_ms=10**6).problems == ()


def test_what_is_lost_since_a_time_is_found(stream: Stream) -> None:
    last = list(stream.broker.reader().read("alerts"))[-1]
    without = stream.copy("alerts", lambda record: record.offset != last.offset)
    first = next(iter(without.broker.reader().read("ledger"))).timestamp
    found = audit(without.broker.reader(), SETTINGS, 0, since_ms=first + 1)
    assert "the ledger says 1 went to `alerts`, 0 are there" in found.problems[0]


def test_an_audit_keeps_no_records(stream: Stream) -> None:
    """A few numbers a commit, however large a record is: reading more of them at a time would show here."""
    alert = next(iter(stream.broker.reader().read("alerts")))
    others = Message("alerts", b"x", alert.value, (("ce_id", b"transactions:7:1"),))

    class Counting:
        alive = most = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(stream.broker.reader(), name)

        def read(self, topic: str, starts: Any = None) -> Any:
            for record in stream.broker.reader().read(topic, starts):
                copy = Kept(record, self)
                yield copy
                del copy

    class Kept:
        def __init__(self, record: Any, counting: Counting) -> None:
            self.record, self.counting = record, counting
            counting.alive += 1
            counting.most = max(counting.most, counting.alive)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.record, name)

        def __del__(self) -> None:
            self.counting.alive -= 1

    stream.publish(*[others] * 50)
    reader: Any = Counting()
    audit(reader, SETTINGS, patience_s=0)
    assert reader.most <= 2
