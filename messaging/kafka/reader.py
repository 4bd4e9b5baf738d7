"""Kafka outside of any group: reading whole topics, asking for offsets."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafka.structs import TopicPartition

from eddy.messaging.kafka.client import (
    close_consumer,
    connect_consumer,
    reading,
    translated,
)
from eddy.messaging.kafka.client_internals import forget_offset_fetches, partition_numbers, positions
from eddy.messaging.ports import BrokerError, Offsets, Partition, Record, TopicMissing
from eddy.settings import Settings

PARTITIONS_EVERY_S = 5.0
# A follower waits at the broker for the next record and gets it at once, however small it is.
AT_ONCE = {"fetch_min_bytes": 1, "fetch_max_wait_ms": 500}


class KafkaReader:
    """One client for questions; one more for each iteration, as a client has only one set of positions."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[str | None, Any] = {}

    def read(self, topic: str, starts: Offsets | None = None) -> Iterator[Record]:
        begin = starts or {}
        ranges = {p: (max(begin.get(p, start), start), end) for p, (start, end) in self.offsets(topic).items()}
        return self._read({p: span for p, span in ranges.items() if span[0] < span[1]})

    def _read(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Record]:
        """Ends by position, not by record: the last offsets of a partition may hold no record at all."""
        if not ranges:
            return
        with self._positioned({p: start for p, (start, _) in ranges.items()}) as client:
            deadline = time.monotonic()
            left = dict.fromkeys(ranges, -1)
            while left:
                with translated("read"):
                    polled = client.poll(500, self._settings.batch_max_records)
                for partition, records in polled.items():
                    end = ranges[partition][1]
                    yield from (record for record in records if record.offset < end)
                at = positions(client)
                now = {p: at.get(TopicPartition(*p), -1) for p in left}
                deadline = self._deadline() if now != left else deadline
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"reading stopped at {now} for {self._settings.delivery_timeout_ms} ms; try again"
                    )
                left = {p: position for p, position in now.items() if position < ranges[p][1]}
                client.pause(*(TopicPartition(*p) for p in now.keys() - left.keys()))

    def _deadline(self) -> float:
        return time.monotonic() + self._settings.delivery_timeout_ms / 1000

    def follow(
        self, topic: str, *, from_start: bool, idle_s: float, starts: Offsets | None = None
    ) -> Iterator[Record | None]:
        ranges = self.offsets(topic)
        ends = {p: end for p, (_, end) in ranges.items()}
        begin = {p: start for p, (start, _) in ranges.items()} if from_start else ends
        return self._follow(topic, {**begin, **(starts or {})}, ends, idle_s)

    def _follow(self, topic: str, begin: Offsets, ends: Offsets, idle_s: float) -> Iterator[Record | None]:
        """Is not idle while it connects: not before it is where the partitions ended when it began."""
        with self._positioned(begin, AT_ONCE) as client:
            deadline, looked_at = self._deadline(), time.monotonic()
            while True:
                with translated("follow"):
                    if time.monotonic() - looked_at > PARTITIONS_EVERY_S:
                        _assign_added(client, _partitions(client, topic, self._settings.request_timeout_ms))
                        looked_at = time.monotonic()
                    polled = client.poll(idle_s * 1000, self._settings.batch_max_records)
                for records in polled.values():
                    yield from records
                if not polled and (_reached(client, ends) or time.monotonic() > deadline):
                    yield None

    def offsets(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        with translated(f"read offsets of {topic}"):
            client = self._asked(None)
            timeout_ms = self._settings.request_timeout_ms
            partitions = _partitions(client, topic, timeout_ms)
            starts = client.beginning_offsets(partitions, timeout_ms=timeout_ms)
            ends = client.end_offsets(partitions, timeout_ms=timeout_ms)
        return {Partition(*p): (starts[p], ends[p]) for p in partitions}

    def offsets_at(self, topic: str, time_ms: int) -> Offsets:
        ends = {p: end for p, (_, end) in self.offsets(topic).items()}
        with translated(f"read offsets of {topic} by time"):
            times = {TopicPartition(*p): time_ms for p in ends}
            found = self._asked(None).offsets_for_times(times, timeout_ms=self._settings.request_timeout_ms)
        return {p: end if (at := found.get(TopicPartition(*p))) is None else at.offset for p, end in ends.items()}

    def committed(self, group: str, topic: str) -> Offsets:
        with translated(f"read committed offsets of {group}"):
            client = self._asked(group)
            forget_offset_fetches(client)
            timeout_ms = self._settings.request_timeout_ms
            partitions = _partitions(client, topic, timeout_ms)
            known = {p: client.committed(p, timeout_ms=timeout_ms) for p in partitions}
        return {Partition(*p): offset for p, offset in known.items() if offset is not None}

    def close(self) -> None:
        while self._clients:
            _, client = self._clients.popitem()
            close_consumer(client)

    def _asked(self, group: str | None) -> Any:
        if group not in self._clients:
            self._clients[group] = connect_consumer({**reading(self._settings), "group_id": group})
        return self._clients[group]

    @contextlib.contextmanager
    def _positioned(self, begin: Offsets, config: Mapping[str, int] | None = None) -> Iterator[Any]:
        with translated("connect"):
            client = connect_consumer({**reading(self._settings), "group_id": None, **(config or {})})
            client.assign([TopicPartition(*p) for p in begin])
            for partition, offset in begin.items():
                client.seek(TopicPartition(*partition), offset)
        try:
            yield client
        finally:
            close_consumer(client)


def _assign_added(client: Any, partitions: Sequence[Any]) -> None:
    """Partitions that the topic did not have before, from their start; the others stay where they are."""
    at = positions(client)
    added = set(partitions) - client.assignment()
    if added:
        client.assign(partitions)
        for partition in partitions:
            client.seek(partition, at.get(partition, 0))


def _reached(client: Any, ends: Offsets) -> bool:
    at = positions(client)
    return all(at.get(partition, -1) >= end for partition, end in ends.items())


def _partitions(client: Any, topic: str, timeout_ms: int) -> list[Any]:
    if numbers := partition_numbers(client, topic, timeout_ms):
        return [TopicPartition(topic, number) for number in numbers]
    raise TopicMissing(f"topic {topic} does not exist or may not be read; `eddy topics create` makes it")
