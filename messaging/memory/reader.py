"""The in-memory broker outside of any group: reading whole topics, asking for offsets, making topics."""

from collections.abc import Iterator, Mapping, Sequence

from eddy.messaging.memory.cluster import Cluster, Group
from eddy.messaging.ports import Offsets, Partition, Record
from eddy.messaging.topics import TopicPlan, TopicState


class MemoryReader:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self, topic: str, starts: Offsets | None = None) -> Iterator[Record]:
        begin = starts or {}
        return self._read({p: (begin.get(p, start), end) for p, (start, end) in self.offsets(topic).items()})

    def _read(self, ranges: Mapping[Partition, tuple[int, int]]) -> Iterator[Record]:
        for partition, (start, end) in ranges.items():
            with self._cluster.changed:
                found, _ = self._cluster.logs[partition].visible(start, end, end)
            yield from found

    def follow(
        self, topic: str, *, from_start: bool, idle_s: float, starts: Offsets | None = None
    ) -> Iterator[Record | None]:
        ranges = self.offsets(topic)
        begin = {p: span[0] if from_start else span[1] for p, span in ranges.items()}
        return self._follow(topic, {**begin, **(starts or {})}, idle_s)

    def _follow(self, topic: str, positions: dict[Partition, int], idle_s: float) -> Iterator[Record | None]:
        while True:
            with self._cluster.changed:
                found = self._new(topic, positions)
                if not found and self._cluster.waits and self._cluster.changed.wait(idle_s):
                    found = self._new(topic, positions)
            yield from found
            if not found:
                yield None

    def _new(self, topic: str, positions: dict[Partition, int]) -> list[Record]:
        new: list[Record] = []
        for partition in self._cluster.partitions(topic):
            log = self._cluster.logs[partition]
            found, positions[partition] = log.visible(positions.get(partition, 0), len(log.entries), log.stable_end())
            new.extend(found)
        return new

    def offsets(self, topic: str) -> Mapping[Partition, tuple[int, int]]:
        with self._cluster.changed:
            return {p: (0, self._cluster.logs[p].stable_end()) for p in self._cluster.partitions(topic)}

    def offsets_at(self, topic: str, time_ms: int) -> Offsets:
        with self._cluster.changed:
            return {p: self._cluster.logs[p].offset_at(time_ms) for p in self._cluster.partitions(topic)}

    def committed(self, group: str, topic: str) -> Offsets:
        with self._cluster.changed:
            known = self._cluster.groups.get(group, Group()).committed
            return {p: offset for p, offset in known.items() if p.topic == topic}

    def close(self) -> None:
        """Nothing is held."""


class MemoryTopicAdmin:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def describe(self, names: Sequence[str]) -> Mapping[str, TopicState]:
        with self._cluster.changed:
            found = [self._cluster.topics[name] for name in names if name in self._cluster.topics]
        return {plan.name: TopicState(plan.partitions, plan.replication, plan.configs) for plan in found}

    def create(self, plan: TopicPlan) -> bool:
        with self._cluster.changed:
            return self._cluster.add(plan)

    def close(self) -> None:
        """Nothing is held."""
