"""What a micro-batch comes to, as a value."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from eddy.consumer.batch import BatchProcessor, Decision, OffsetRange
from eddy.messaging.messages import read_alert, read_dead_letter, read_ledger
from eddy.messaging.ports import Header, Message, Partition
from eddy.model.schema.columns import Columns
from eddy.model.serving.scorer import Scores
from tests.plugins.rule import AmountScorer, rule_processor, transaction

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
ZERO, ONE = Partition("transactions", 0), Partition("transactions", 1)


@dataclass(frozen=True)
class Sent:
    """A record as a reader would see it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    timestamp: int = 1_772_366_400_000


def records(partition: Partition, *values: bytes | None, first: int = 0, key: bytes | None = b"c-1") -> list[Sent]:
    return [Sent(*partition, first + i, key, value) for i, value in enumerate(values)]


def decide(processor: BatchProcessor, *values: bytes | None) -> Decision:
    return processor.decide({ZERO: records(ZERO, *values)}, {ZERO: OffsetRange(0, len(values))}, NOW)


def to(decision: Decision, topic: str) -> list[Message]:
    return [message for message in decision.messages if message.topic == topic]


def as_read(message: Message) -> Sent:
    return Sent(message.topic, 0, 0, message.key, message.value, message.headers)


def test_every_message_is_counted_once(processor: BatchProcessor) -> None:
    decision = decide(processor, transaction(1), transaction(2, 5_000), b"{", None, transaction(3))
    assert (decision.passed, decision.alerted, dict(decision.dead)) == (2, 1, {"truncated": 1, "null-value": 1})
    assert decision.total == 5
    assert decision.offsets == {ZERO: 5}
    entry = read_ledger(as_read(to(decision, "ledger")[0]))
    assert (entry.first_offset, entry.last_offset) == (0, 4)
    assert (entry.passed, entry.alerted, entry.dead, sum(entry.histogram)) == (2, 1, 2, 3)
    assert (entry.model, entry.threshold) == ("rule-1", 10.0)


def test_an_alert_says_what_why_and_how_sure(processor: BatchProcessor) -> None:
    decision = decide(processor, transaction(1), transaction(2, 5_000))
    (message,) = to(decision, "alerts")
    alert = read_alert(as_read(message))
    assert message.key == b"c-1"
    assert (alert.transaction_id, alert.score, alert.threshold, alert.model) == ("t-2", 50.0, 10.0, "rule-1")
    assert 0 < alert.rarity < 0.001
    assert str(alert.input) == "transactions:0:1"
    assert alert.event_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert alert.detected_at == NOW
    assert alert.contributions[0].field == "amount"
    assert (alert.contributions[0].observed, alert.contributions[0].expected) == (5_000, 50)
    assert len(alert.contributions) == 2


def test_an_alert_is_a_cloud_event_named_by_its_transactions_coordinates(processor: BatchProcessor) -> None:
    (message,) = to(decide(processor, transaction(1, 5_000)), "alerts")
    headers = dict(message.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == b"transactions:0:0"
    assert headers["ce_type"] == b"eddy.alert.v1"
    assert headers["ce_time"] == b"2026-03-01T12:00:05+00:00"
    assert headers["content-type"] == b"application/json"


def test_a_dead_letter_names_category_and_place_and_shows_structure_only(processor: BatchProcessor) -> None:
    value = transaction(1, card_id="4111111111111111", amount="12,50")
    (message,) = to(decide(processor, value), "dead-letters")
    letter = read_dead_letter(as_read(message))
    assert (str(letter.input), letter.category, letter.size) == ("transactions:0:0", "wrong-type", len(value))
    assert b'"card_id":"0000000000000000"' in letter.payload
    assert b'"amount":"00,00"' in letter.payload
    assert b"4111" not in message.value
    assert b"4111" not in dict(message.headers)["reason"]


def test_a_dead_letter_can_be_shown_whole_and_is_cut_where_it_is_long() -> None:
    whole = rule_processor("alerts", "dead-letters", "ledger", payload="full", payload_max_bytes=10)
    (message,) = to(decide(whole, b'["4111", 1]'), "dead-letters")
    letter = read_dead_letter(as_read(message))
    assert (letter.payload, letter.size) == (b'["4111", 1', 11)


def test_a_null_message_without_a_key_is_a_dead_letter_that_can_be_sent(processor: BatchProcessor) -> None:
    decision = processor.decide({ZERO: records(ZERO, None, key=None)}, {ZERO: OffsetRange(0, 1)}, NOW)
    (message,) = to(decision, "dead-letters")
    assert message.value == b""


def test_bad_envelopes_are_dead_whatever_they_hold(processor: BatchProcessor) -> None:
    sent = [
        *records(ZERO, transaction(1, 5_000), key=b"\xff\0"),
        Sent(*ZERO, 1, b"k" * 5_000, transaction(2)),
        Sent(*ZERO, 2, b"c-2", transaction(3), (("\ufffd", b""),)),
        Sent(*ZERO, 3, "cafe\u0301".encode(), transaction(4, 5_000), (("trace", b"\xff"),)),
        Sent(*ZERO, 4, b"c-3", b"{"),
    ]
    decision = processor.decide({ZERO: sent}, {ZERO: OffsetRange(0, 5)}, NOW)
    assert dict(decision.dead) == {"key-too-long": 1, "header-not-utf8": 1, "truncated": 1}
    alerts = [(str(read_alert(as_read(message)).input), message.key) for message in to(decision, "alerts")]
    assert alerts == [("transactions:0:0", b"\xff\0"), ("transactions:0:3", "cafe\u0301".encode())]
    assert max(len(message.key or b"") for message in to(decision, "dead-letters")) == 4_000


def test_partitions_have_ledger_records_of_their_own(processor: BatchProcessor) -> None:
    batch = {
        ZERO: records(ZERO, transaction(1), first=7),
        ONE: records(ONE, transaction(2, 9_000), b"", first=100),
    }
    decision = processor.decide(batch, {ZERO: OffsetRange(7, 8), ONE: OffsetRange(98, 102)}, NOW)
    entries = [read_ledger(as_read(message)) for message in to(decision, "ledger")]
    assert [(entry.partition, entry.first_offset, entry.last_offset) for entry in entries] == [(0, 7, 7), (1, 98, 101)]
    assert [(entry.passed, entry.alerted, entry.dead) for entry in entries] == [(1, 0, 0), (0, 1, 1)]
    assert decision.offsets == {ZERO: 8, ONE: 102}
    assert (decision.total, len(decision.rarities)) == (3, 2)


def test_offsets_without_messages_are_answered_for_too(processor: BatchProcessor) -> None:
    decision = processor.decide({}, {ZERO: OffsetRange(5, 6)}, NOW)
    entry = read_ledger(as_read(to(decision, "ledger")[0]))
    assert (entry.first_offset, entry.last_offset, entry.passed, decision.total) == (5, 5, 0, 0)


def test_a_decision_is_the_same_whenever_it_is_made_again(processor: BatchProcessor) -> None:
    values = [transaction(i, 100 * i) for i in range(50)]
    first, second = decide(processor, *values), decide(processor, *values)
    assert first.messages == second.messages


@pytest.mark.parametrize("field", ["score", "rarity", "threshold"])
def test_numbers_of_an_alert_are_json_numbers(processor: BatchProcessor, field: str) -> None:
    (message,) = to(decide(processor, transaction(1, 1e15)), "alerts")
    assert message.value is not None
    assert isinstance(msgspec.json.decode(message.value)[field], float)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_what_the_model_gives_no_number_for_is_a_dead_letter(
    processor: BatchProcessor, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    real = AmountScorer.score

    def broken(self: AmountScorer, columns: Columns, explain: bool = True) -> Scores:
        found = real(self, columns, explain)
        return found._replace(score=np.where(columns.numeric[:, 0] == 7, score, found.score))

    monkeypatch.setattr(AmountScorer, "score", broken)
    decision = decide(processor, transaction(1, 7), transaction(2, 5_000), b"{", transaction(3))
    assert (decision.passed, decision.alerted, dict(decision.dead)) == (1, 1, {"unscorable": 1, "truncated": 1})
    assert [str(read_alert(as_read(message)).input) for message in to(decision, "alerts")] == ["transactions:0:1"]
    letters = [read_dead_letter(as_read(message)) for message in to(decision, "dead-letters")]
    assert [(letter.input.offset, letter.category) for letter in letters] == [(0, "unscorable"), (2, "truncated")]
    entry = read_ledger(as_read(to(decision, "ledger")[0]))
    assert (entry.passed, entry.alerted, entry.dead, sum(entry.histogram)) == (1, 1, 2, 2)
