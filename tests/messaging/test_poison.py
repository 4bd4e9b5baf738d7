"""Poison through the whole loop on a real Kafka: every kind ends among the dead letters, once, and nothing stops."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaProducer, codec
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import MessageSizeTooLargeError
from kafka.record.default_records import DefaultRecordBatchBuilder

from eddy.consumer.audit import Audit, audit
from eddy.consumer.batch import BatchProcessor
from eddy.devbroker.brokers import RunningBroker
from eddy.messaging import topics
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.refusals import REASON_MAX_CHARS, Category
from eddy.settings import Settings
from tests.conftest import SettingsFactory
from tests.faults.kit import oracle
from tests.faults.kit.stage import SOUND as SOUND_LOOP
from tests.faults.kit.stage import Worker
from tests.faults.kit.worker import wait_until
from tests.plugins.poison import ENVELOPES, POISON, SCHEMA, SOUND, RawName, message, with_unknown
from tests.plugins.rule import ALERTED_FROM, AmountScorer, rule_processor

TIMES = 20
SHOWN_MOST = 1_000
MAX_MESSAGE_BYTES = 1_048_588
"""Kafka's default for a topic: the size of a batch of records."""


@dataclass
class Stream:
    """What was put in, and what must become of it."""

    producer: KafkaProducer
    topic: str
    sent: list[tuple[Any, str, int]] = field(default_factory=list)

    def send(self, outcome: str, value: bytes | None, key: bytes = b"c-1", headers: Any = ()) -> None:
        future = self.producer.send(self.topic, value, key, list(headers), partition=len(self.sent) % 2)
        self.sent.append((future, outcome, len(value or b"")))

    def expected(self) -> dict[tuple[int, int], tuple[str, int]]:
        """The outcome of each message, and its size, by partition and offset."""
        self.producer.flush(120)
        stored = [(future.get(1), outcome, size) for future, outcome, size in self.sent]
        return {(at.partition, at.offset): (outcome, size) for at, outcome, size in stored}


@contextmanager
def stream(settings: Settings) -> Iterator[Stream]:
    producer = KafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap_servers, acks="all", linger_ms=20, max_request_size=8 * 1024 * 1024
    )
    yield Stream(producer, settings.topic_transactions)
    producer.close()


@pytest.fixture
def prepared(kafka: RunningBroker, settings: SettingsFactory) -> Settings:
    """Topics as `eddy topics create` makes them, under names of their own."""
    mark = uuid.uuid4().hex[:8]
    names = {f"topic_{name}": f"{name}-{mark}" for name in ("transactions", "alerts", "dead_letters", "ledger")}
    made = settings(
        kafka_bootstrap_servers=kafka.address, group=f"eddy-{mark}", topic_partitions=2, dead_letter_limit=1.0, **names
    )
    admin = KafkaBroker(made).topic_admin()
    topics.create(admin, topics.plans(made))
    admin.close()
    return made


def processor(settings: Settings, **publishing: Any) -> BatchProcessor:
    """The rule-based processor, for the schema that the poison is written in."""
    made = rule_processor(settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger, **publishing)
    scorer: Any = AmountScorer(fields=SCHEMA.scored, usual_levels={"category": "grocery"})
    return replace(made, detector=replace(made.detector, schema=SCHEMA, scorer=scorer), codec=TransactionCodec(SCHEMA))


def run(settings: Settings, count: int, **publishing: Any) -> Audit:
    """Lets one worker read all there is."""
    worker = Worker().start(SOUND_LOOP, settings, 0, processor(settings, **publishing))
    reader = KafkaBroker(settings).reader()
    try:
        wait_until(lambda: not worker.running or audit(reader, settings).messages >= count, 120, "the end", every_s=0.3)
        assert (worker.running, worker.failures) == (True, []), worker.ended
        return audit(reader, settings)
    finally:
        worker.leave()
        reader.close()


def dead_letters(settings: Settings) -> list[Any]:
    found: list[Any] = oracle.read_topics(settings.kafka_bootstrap_servers, [settings.topic_dead_letters])[
        settings.topic_dead_letters
    ]
    return found


def check(settings: Settings, expected: dict[tuple[int, int], tuple[str, int]], found: Audit) -> None:
    """Each message came out once, under its category; nothing else did; the sums are right."""
    categories = set(Category)
    letters = {oracle.source(letter)[1:]: dict(letter.headers) for letter in dead_letters(settings)}
    said = {place: (headers["category"].decode(), int(headers["size"])) for place, headers in letters.items()}
    assert said == {place: outcome for place, outcome in expected.items() if outcome[0] in categories}
    assert len(letters) == len(dead_letters(settings))
    alerts = oracle.read_topics(settings.kafka_bootstrap_servers, [settings.topic_alerts])[settings.topic_alerts]
    assert Counter(oracle.source(alert)[1:] for alert in alerts) == Counter(
        place for place, (outcome, _) in expected.items() if outcome == "alert"
    )
    assert found.problems == ()
    assert (found.messages, found.alerted, found.dead, found.waiting) == (
        len(expected),
        len(alerts),
        len(letters),
        0,
    )


def test_every_kind_of_poison_ends_among_the_dead_letters_and_nothing_else_does(prepared: Settings) -> None:
    with stream(prepared) as put_in:
        for _ in range(TIMES):
            for value, category in POISON.values():
                put_in.send(category, value)
                put_in.send("pass", message())
            for key, headers, category in ENVELOPES.values():
                put_in.send(category, message(), key, headers)
                put_in.send("alert", message(amount=2 * ALERTED_FROM))
        expected = put_in.expected()
    found = run(prepared, len(expected), payload_max_bytes=SHOWN_MOST)
    check(prepared, expected, found)
    for letter in dead_letters(prepared):
        assert len(letter.value or b"") <= SHOWN_MOST
        assert not set(letter.value or b"") & set(b"123456789")
        reason = dict(letter.headers)["reason"].decode()
        assert 0 < len(reason) <= REASON_MAX_CHARS
        assert SOUND["card_id"] not in f"{letter.value!r} {letter.headers}"


def test_poison_in_the_middle_of_a_batch_does_not_hold_up_what_is_behind_it(prepared: Settings) -> None:
    with stream(prepared) as put_in:
        for value in [message()] * 50 + [b"{"] * 2 + [message()] * 50:
            put_in.send("truncated" if value == b"{" else "pass", value)
        expected = put_in.expected()
    check(prepared, expected, run(prepared, len(expected)))


def test_runs_of_poison_are_refused_like_single_ones(prepared: Settings) -> None:
    with stream(prepared) as put_in:
        for value, category in (POISON["null value"], POISON["not UTF-8"], POISON["doubled key"]):
            for _ in range(1_000):
                put_in.send(category, value)
        put_in.send("alert", message(amount=2 * ALERTED_FROM))
        expected = put_in.expected()
    check(prepared, expected, run(prepared, len(expected)))


@pytest.mark.parametrize("raw", [b"\xff", b"x" * 300 + b"\xed\xa0\x80"])
def test_the_name_of_a_header_may_be_any_bytes(prepared: Settings, raw: bytes) -> None:
    with stream(prepared) as put_in:
        for number in range(60):
            bad = number % 20 == 9
            headers = [("trace", b"1"), (RawName(raw), b"2")] if bad else [("trace", b"1")]
            put_in.send(Category.HEADER_NOT_UTF8 if bad else "pass", message(), headers=headers)
        expected = put_in.expected()
    check(prepared, expected, run(prepared, len(expected)))


def largest(value_of: Callable[[int], bytes]) -> bytes:
    """The largest message of its kind that a topic takes."""
    for size in range(MAX_MESSAGE_BYTES, 0, -1):
        value = value_of(size)
        if _batch_bytes(value) <= MAX_MESSAGE_BYTES:
            return value
    raise AssertionError


def _batch_bytes(value: bytes) -> int:
    batch = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 16 * 1024 * 1024)
    batch.append(0, 0, b"c-1", value, [])
    return len(batch.build())


def garbage(size: int) -> bytes:
    return b"\xff" * size


def note(size: int) -> bytes:
    return with_unknown(b'"note":"' + b"n" * (size - 250) + b'"')


@pytest.mark.parametrize("payload", ["masked", "full"])
def test_a_message_as_large_as_a_topic_takes_is_scored_or_refused_like_any_other(
    prepared: Settings, payload: str
) -> None:
    """Also where the whole of it is kept: with headers it is larger than what came in, and finds room."""
    with stream(prepared) as put_in:
        for value, outcome in ((largest(garbage), "not-utf8"), (largest(note), "pass"), (message(), "pass")) * 4:
            put_in.send(outcome, value)
        with pytest.raises(MessageSizeTooLargeError):
            put_in.producer.send(put_in.topic, largest(garbage) + b"\xff", b"c-1").get(10)
        expected = put_in.expected()
    shown = prepared.dead_letter_max_bytes if payload == "masked" else 2 * MAX_MESSAGE_BYTES
    found = run(prepared, len(expected), payload=payload, payload_max_bytes=shown)
    check(prepared, expected, found)
    seen = {bytes(letter.value) for letter in dead_letters(prepared)}
    assert seen == {b"?" * shown if payload == "masked" else largest(garbage)}


def test_the_poison_of_this_suite_has_every_category() -> None:
    """Except unknown fields, which are a policy, and scores that are not finite, which are a damaged model's."""
    there = {category for _, category in POISON.values()} | {category for *_, category in ENVELOPES.values()}
    assert there == set(Category) - {Category.UNKNOWN_FIELD, Category.UNSCORABLE}


def compress(settings: Settings, kind: str) -> None:
    """The broker compresses the input, as its topic says; to a reader it is the same as if the sender had."""
    admin = KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
    resource = ConfigResource(ConfigResourceType.TOPIC, settings.topic_transactions, {"compression.type": kind})
    admin.alter_configs([resource])
    admin.close()


@pytest.mark.parametrize("kind", ["gzip", "snappy", "lz4", "zstd"])
def test_input_may_be_compressed_by_any_codec_of_kafka(prepared: Settings, kind: str) -> None:
    compress(prepared, kind)
    with stream(prepared) as put_in:
        for value, outcome in ((message(), "pass"), (b"{", "truncated"), (largest(note), "pass")) * 40:
            put_in.send(outcome, value)
        expected = put_in.expected()
    check(prepared, expected, run(prepared, len(expected)))


def test_what_cannot_be_read_is_tried_again_with_a_new_client_until_it_can(
    prepared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same client it would be never: its next poll does not return."""
    compress(prepared, "lz4")
    with stream(prepared) as put_in:
        for value, outcome in ((message(), "pass"), (b"{", "truncated")) * 50:
            put_in.send(outcome, value)
        expected = put_in.expected()
    with monkeypatch.context() as without:
        without.setattr(codec, "has_lz4", lambda: False)
        worker = Worker().start(SOUND_LOOP, prepared, 0, processor(prepared))
        wait_until(lambda: len(worker.failures) >= 3, 30, "the third attempt")
        assert worker.commits == 0
    wait_until(lambda: worker.commits > 0, 30, "a commit")
    worker.leave()
    check(prepared, expected, run(prepared, len(expected)))
