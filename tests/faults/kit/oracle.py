"""An independent reader that knows what must have come out, and finds what is missing, doubled or wrong.

It shares no code with what it checks: its own client, its own reading of headers and bodies. What a message must
become is written in a header of the message itself (`expected`), by the test that published it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from eddy.consumer.audit import audit
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.settings import Settings

CARD_NUMBER = b"4929123412341234"
"""In every message, never in anything that comes out."""
SHOWN_MOST = 12

Place = tuple[int, int]
"""Partition and offset of an input message."""


class Input(NamedTuple):
    """One message that was put in; `kind` is what must become of it: `pass`, `alert` or `dead`."""

    kind: str
    number: str
    key: bytes
    stored_s: float


@dataclass(frozen=True)
class Topics:
    """What was found in the four topics, by a reader of committed records."""

    inputs: dict[Place, Input]
    alerts: list[Any]
    dead_letters: list[Any]
    ledger: list[dict[str, Any]]
    ends: dict[int, int]
    committed: dict[int, int]


def read(address: str, settings: Settings) -> Topics:
    """Everything up to the last commit, by clients of its own at `address`."""
    found = read_topics(address, [settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger])
    return Topics(
        inputs={(r.partition, r.offset): _input(r) for r in stream(address, [settings.topic_transactions])},
        alerts=found[settings.topic_alerts],
        dead_letters=found[settings.topic_dead_letters],
        ledger=[json.loads(record.value) for record in found[settings.topic_ledger]],
        ends=ends(address, settings.topic_transactions),
        committed=committed(address, settings.group, settings.topic_transactions),
    )


def problems(topics: Topics, settings: Settings) -> list[str]:
    """Each thing that is wrong, as a sentence; empty when every input came out exactly once and rightly."""
    found = [
        *_outcomes("alert", topics.inputs, topics.alerts, settings),
        *_outcomes("dead", topics.inputs, topics.dead_letters, settings),
        *_alert_bodies(topics),
        *(f"the card number is in a dead letter: {r.value!r}" for r in topics.dead_letters if CARD_NUMBER in r.value),
        *_ledger(topics),
        *_lag(topics),
    ]
    return [*found[:SHOWN_MOST], *([f"... and {len(found) - SHOWN_MOST} more"] if len(found) > SHOWN_MOST else [])]


def audit_problems(address: str, topics: Topics, settings: Settings) -> list[str]:
    """What Eddy's own audit says, and where its sums are not those of the independent reader."""
    reader = KafkaBroker(settings.model_copy(update={"kafka_bootstrap_servers": address})).reader()
    try:
        found_by_audit = audit(reader, settings)
    finally:
        reader.close()
    known = Counter(one.kind for one in topics.inputs.values())
    said = {"pass": found_by_audit.passed, "alert": found_by_audit.alerted, "dead": found_by_audit.dead}
    wrong = [f"the audit says {said[kind]} {kind}, it is {known[kind]}" for kind in said if said[kind] != known[kind]]
    waiting = [f"the audit says that {found_by_audit.waiting} are waiting"] if found_by_audit.waiting else []
    return [*found_by_audit.problems, *wrong, *waiting]


def _input(record: Any) -> Input:
    said = dict(record.headers)
    return Input(said["expected"].decode(), said["number"].decode(), record.key, record.timestamp / 1000)


def source(record: Any) -> tuple[str, int, int]:
    """Which input an alert or a dead letter says it is about."""
    topic, partition, offset = dict(record.headers)["ce_id"].decode().rsplit(":", 2)
    return topic, int(partition), int(offset)


def _outcomes(kind: str, inputs: dict[Place, Input], outcomes: list[Any], settings: Settings) -> Iterable[str]:
    times: Counter[Place] = Counter()
    for record in outcomes:
        topic, partition, offset = source(record)
        times[partition, offset] += 1
        one = inputs.get((partition, offset))
        if topic != settings.topic_transactions or one is None or one.kind != kind:
            yield f"extra: {kind} of {topic}:{partition}:{offset} was not to be"
        elif record.key != one.key:
            yield f"{kind} of {partition}:{offset} has key {record.key!r}, its input {one.key!r}"
    yield from (f"lost: {kind} of {place}" for place, one in inputs.items() if one.kind == kind and not times[place])
    yield from (f"doubled: {kind} of {place} is there {n} times" for place, n in times.items() if n > 1)


def _alert_bodies(topics: Topics) -> Iterable[str]:
    for record in topics.alerts:
        body, (topic, partition, offset) = json.loads(record.value), source(record)
        one = topics.inputs.get((partition, offset))
        if body["input"] != {"topic": topic, "partition": partition, "offset": offset}:
            yield f"alert {topic}:{partition}:{offset} says in its body that it is about {body['input']}"
        if one is not None and body["transaction_id"] != f"t-{one.number}":
            yield f"alert of {partition}:{offset} names transaction {body['transaction_id']}, not t-{one.number}"


def _ledger(topics: Topics) -> Iterable[str]:
    """Ranges tile each partition from its start to the group's place; each counts what lies in it."""
    parts: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in topics.ledger:
        parts[entry["partition"]].append(entry)
    sums = {partition: _sums(topics, partition, end) for partition, end in topics.ends.items()}
    for partition, part in parts.items():
        place = 0
        for entry in sorted(part, key=lambda entry: (entry["first_offset"], entry["last_offset"])):
            first, last = entry["first_offset"], entry["last_offset"]
            if first != place:
                yield f"ledger of partition {partition}: {place} is followed by a range from {first}"
            place = last + 1
            yield from _counts(entry, sums[partition])
        if place != topics.committed.get(partition, 0):
            yield f"ledger of partition {partition} ends at {place}, the group is at {topics.committed.get(partition)}"
    yield from (f"no ledger for partition {p}" for p, end in topics.ends.items() if end and p not in parts)


def _sums(topics: Topics, partition: int, end: int) -> dict[str, list[int]]:
    """For each kind, how many of it lie below an offset."""
    found = [topics.inputs.get((partition, offset)) for offset in range(end)]
    return {
        kind: list(accumulate((one is not None and one.kind == kind for one in found), initial=0))
        for kind in ("pass", "alert", "dead")
    }


def _counts(entry: dict[str, Any], sums: dict[str, list[int]]) -> Iterable[str]:
    first, stop = entry["first_offset"], entry["last_offset"] + 1
    for kind, name in (("pass", "passed"), ("alert", "alerted"), ("dead", "dead")):
        there = sums[kind][min(stop, len(sums[kind]) - 1)] - sums[kind][min(first, len(sums[kind]) - 1)]
        if there != entry[name]:
            yield f"ledger says {name} {entry[name]} in {entry['partition']}:{first}-{stop - 1}, it is {there}"


def _lag(topics: Topics) -> Iterable[str]:
    for partition, end in topics.ends.items():
        if end and topics.committed.get(partition) != end:
            yield f"partition {partition} ends at {end}, the group is at {topics.committed.get(partition)}"


def read_topics(address: str, topics: list[str]) -> dict[str, list[Any]]:
    """The committed records of whole topics, in order within a partition."""
    found: dict[str, list[Any]] = {topic: [] for topic in topics}
    for record in stream(address, topics):
        found[record.topic].append(record)
    return found


def stream(address: str, topics: list[str]) -> Iterator[Any]:
    """Every committed record from the start to where the last commit was when this was called."""
    consumer = reading(address, topics)
    ends = consumer.end_offsets(sorted(consumer.assignment()))
    left = {p: end for p, end in ends.items() if end}
    while left:
        for partition, records in consumer.poll(500, 10_000).items():
            yield from (record for record in records if record.offset < ends[partition])
        left = {p: end for p, end in left.items() if consumer.position(p) < end}
    consumer.close()


def reading(address: str, topics: list[str], isolation: str = "read_committed") -> KafkaConsumer:
    """A reader of committed records, at the start of every partition."""
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=5_000,
        reconnect_backoff_max_ms=500,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    partitions = [TopicPartition(topic, n) for topic in topics for n in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    return consumer


def ends(address: str, topic: str) -> dict[int, int]:
    """One past the last committed record of each partition."""
    return {partition.partition: end for partition, end in _ends(address, [topic], "read_committed").items()}


def hanging(address: str, settings: Settings) -> list[str]:
    """Partitions in which a commit is still open, so that what lies behind it cannot be seen."""
    topics = [settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger]
    visible, stored = (_ends(address, topics, level) for level in ("read_committed", "read_uncommitted"))
    return [f"{p.topic}:{p.partition}" for p, end in stored.items() if visible[p] < end]


def _ends(address: str, topics: list[str], isolation: str) -> dict[TopicPartition, int]:
    consumer = reading(address, topics, isolation)
    found = consumer.end_offsets(sorted(consumer.assignment()))
    consumer.close()
    return dict(found)


def committed(address: str, group: str, topic: str) -> dict[int, int]:
    """Where the group is."""
    admin = KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000)
    try:
        return committed_by(admin, group, topic)
    finally:
        admin.close()


def committed_by(admin: KafkaAdminClient, group: str, topic: str) -> dict[int, int]:
    found = admin.list_group_offsets(group)[group]
    return {p.partition: place.offset for p, place in found.items() if p.topic == topic and place.offset >= 0}
