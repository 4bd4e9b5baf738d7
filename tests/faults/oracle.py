"""An independent reader that knows what must have come out, and finds what is missing, doubled or wrong.

It shares no code with what it judges: its own client, its own reading of headers and bodies. What a message must
become is written in a header of the message itself (`expected`), by the test that published it.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from consumer.ledger import audit
from messaging.kafka import KafkaBroker
from settings import Settings

CARD_NUMBER = b"4929123412341234"
"""In every message, never in anything that comes out."""
SHOWN_MOST = 12

Place = tuple[int, int]
"""Partition and offset of an input message."""


@dataclass(frozen=True)
class Topics:
    """What was found in the four topics, by a reader of committed records."""

    inputs: list[Any]
    alerts: list[Any]
    dead_letters: list[Any]
    ledger: list[dict[str, Any]]
    ends: dict[int, int]
    committed: dict[int, int]


def read(address: str, settings: Settings) -> Topics:
    """Everything up to the last commit, by clients of its own at `address`."""
    found = read_topics(
        address,
        [settings.topic_transactions, settings.topic_alerts, settings.topic_dead_letters, settings.topic_ledger],
    )
    return Topics(
        inputs=found[settings.topic_transactions],
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
        account = audit(reader, settings)
    finally:
        reader.close()
    known = Counter(expected(record) for record in topics.inputs)
    said = {"pass": account.passed, "alert": account.alerted, "dead": account.dead}
    wrong = [f"the audit says {said[kind]} {kind}, it is {known[kind]}" for kind in said if said[kind] != known[kind]]
    waiting = [f"the audit says that {account.waiting} are waiting"] if account.waiting else []
    return [*account.problems, *wrong, *waiting]


def expected(record: Any) -> str:
    """`pass`, `alert` or `dead`: what the publishing test wrote on the message."""
    return dict(record.headers)["expected"].decode()


def source(record: Any) -> tuple[str, int, int]:
    """Which input an alert or a dead letter says it is about."""
    topic, partition, offset = dict(record.headers)["ce_id"].decode().rsplit(":", 2)
    return topic, int(partition), int(offset)


def _outcomes(kind: str, inputs: list[Any], outcomes: list[Any], settings: Settings) -> Iterable[str]:
    wanted = {(r.partition, r.offset): r for r in inputs if expected(r) == kind}
    times: Counter[Place] = Counter()
    for record in outcomes:
        topic, *place = source(record)
        times[place[0], place[1]] += 1
        input_record = wanted.get((place[0], place[1]))
        if topic != settings.topic_transactions or input_record is None:
            yield f"extra: {kind} {topic}:{place} was not to be"
        elif record.key != input_record.key:
            yield f"{kind} of {place} has key {record.key}, its input {input_record.key}"
    yield from (f"lost: {kind} of {place}" for place in wanted if not times[place])
    yield from (f"doubled: {kind} of {place} is there {n} times" for place, n in times.items() if n > 1)


def _alert_bodies(topics: Topics) -> Iterable[str]:
    names = {(r.partition, r.offset): dict(r.headers)["number"].decode() for r in topics.inputs}
    for record in topics.alerts:
        body, (topic, partition, offset) = json.loads(record.value), source(record)
        if body["input"] != {"topic": topic, "partition": partition, "offset": offset}:
            yield f"alert {topic}:{partition}:{offset} says in its body that it is about {body['input']}"
        if body["transaction_id"] != f"t-{names.get((partition, offset))}":
            yield f"alert of {partition}:{offset} names transaction {body['transaction_id']}"


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
    kinds = {r.offset: expected(r) for r in topics.inputs if r.partition == partition}
    return {
        kind: list(accumulate((kinds.get(offset) == kind for offset in range(end)), initial=0))
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
    consumer = reading(address, topics)
    left = {p: end for p, end in consumer.end_offsets(sorted(consumer.assignment())).items() if end}
    found: dict[str, list[Any]] = {topic: [] for topic in topics}
    while left:
        for partition, records in consumer.poll(500, 10_000).items():
            found[partition.topic] += [record for record in records if record.offset < left.get(partition, 0)]
        left = {p: end for p, end in left.items() if consumer.position(p) < end}
    consumer.close()
    return found


def reading(address: str, topics: list[str]) -> KafkaConsumer:
    """A reader of committed records, at the start of every partition."""
    consumer = KafkaConsumer(
        bootstrap_servers=address,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=5_000,
        reconnect_backoff_max_ms=500,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    partitions = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    return consumer


def ends(address: str, topic: str) -> dict[int, int]:
    """One past the last committed record of each partition."""
    consumer = reading(address, [topic])
    found = consumer.end_offsets(sorted(consumer.assignment()))
    consumer.close()
    return {partition.partition: end for partition, end in found.items()}


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
