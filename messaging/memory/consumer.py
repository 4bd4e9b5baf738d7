"""A group's member on the in-memory broker."""

from collections.abc import Iterable, Sequence

from eddy.messaging.memory.cluster import Cluster, Group
from eddy.messaging.ports import (
    BrokerError,
    Fenced,
    Membership,
    Offsets,
    Partition,
    Record,
    Records,
    Span,
    StartRule,
    earliest,
)


class MemoryConsumer:
    def __init__(self, cluster: Cluster, group: str, topic: str, instance: str | None) -> None:
        self._cluster, self._group, self._topic, self._instance = cluster, group, topic, instance
        self._member, self._generation, self._turn = "", -1, 0
        self._assigned: list[Partition] = []
        self._positions: dict[Partition, int] = {}
        self._start_rule: StartRule = earliest

    def start_by(self, rule: StartRule) -> None:
        self._start_rule = rule

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        with self._cluster.changed:
            records = self._poll(max_records)
            if not records and self._cluster.waits and self._cluster.changed.wait(timeout_ms / 1000):
                records = self._poll(max_records)
            return records

    def _poll(self, max_records: int) -> Records:
        self._join()
        self._find_positions()
        records: dict[Partition, Sequence[Record]] = {}
        self._turn += 1
        for partition in sorted(self._positions, key=lambda p: (p.partition + self._turn) % len(self._assigned)):
            log = self._cluster.logs[partition]
            found, position = log.visible(self._positions[partition], max_records, log.stable_end())
            self._positions[partition] = position
            max_records -= len(found)
            if found:
                records[partition] = found
        return records

    def _join(self) -> None:
        group = self._cluster.groups.setdefault(self._group, Group())
        if self._member not in group.members:
            if self._member and group.holder(self._instance):
                raise Fenced(f"another member joined group {self._group} as {self._instance}; end one of the two")
            self._member = f"{self._instance or 'member'}-{next(self._cluster.numbers)}"
            group.join(self._member, self._instance)
            self._generation = -1
        if self._generation != group.generation:
            self._generation = group.generation
            self._assigned = group.share(self._member, self._cluster.partitions(self._topic))
            self._positions = {}

    def _find_positions(self) -> None:
        missing = set(self._assigned) - self._positions.keys() - self._cluster.unsettled(self._group)
        if missing:
            self._positions.update(self._committed(missing))

    def _committed(self, partitions: Iterable[Partition]) -> Offsets:
        known = self._cluster.groups.get(self._group, Group()).committed
        logs = self._cluster.logs
        starts = self._start_rule({p: Span(0, logs[p].stable_end()) for p in partitions if p not in known})
        return {p: known[p] if p in known else starts[p] for p in partitions}

    def membership(self) -> Membership:
        return Membership(self._group, self._generation, self._member, self._instance, stable=self._generation >= 0)

    def positions(self) -> Offsets:
        return dict(self._positions)

    def committed(self) -> Offsets:
        with self._cluster.changed:
            unsettled = self._cluster.unsettled(self._group).intersection(self._assigned)
            if unsettled:
                raise BrokerError(f"offsets of {sorted(unsettled)} are part of a commit that has not ended; try again")
            return self._committed(self._assigned)

    def rewind(self) -> Offsets:
        self._positions = dict(self.committed())
        return dict(self._positions)

    def close(self) -> None:
        with self._cluster.changed:
            if self._group in self._cluster.groups:
                self._cluster.groups[self._group].leave(self._member)
            self._generation, self._assigned, self._positions = -1, [], {}
