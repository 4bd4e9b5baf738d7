"""What the in-memory broker keeps: logs whose offsets count control records, commits, groups."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import count
from threading import Condition
from typing import NamedTuple

from eddy.messaging.ports import Header, Message, Partition, TopicMissing
from eddy.messaging.topics import TopicPlan


class MemoryRecord(NamedTuple):
    """A message as it was stored."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


class Outcome(Enum):
    """The state of a commit."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False, slots=True)
class Commit:
    """One of Kafka's transactions: the partitions it wrote to, and the offsets it is to move, by group."""

    outcome: Outcome = Outcome.OPEN
    logs: set["Log"] = field(default_factory=set)
    offsets: dict[str, dict[Partition, int]] = field(default_factory=dict)

    def finish(self, outcome: Outcome, groups: Mapping[str, "Group"]) -> None:
        """Writes its control record to each log; that takes one offset each."""
        self.outcome = outcome
        for log in self.logs:
            log.end(self)
        if outcome is Outcome.COMMITTED:
            for group, offsets in self.offsets.items():
                groups[group].committed.update(offsets)


@dataclass(eq=False, slots=True)
class Log:
    """One partition. The place of an entry is its offset; a control record is an entry without a message."""

    entries: list[tuple[MemoryRecord | None, Commit | None]] = field(default_factory=list)
    pending: dict[Commit, int] = field(default_factory=dict)

    def append(self, record: MemoryRecord, commit: Commit | None) -> None:
        if commit is not None:
            commit.logs.add(self)
            self.pending.setdefault(commit, len(self.entries))
        self.entries.append((record, commit))

    def end(self, commit: Commit) -> None:
        del self.pending[commit]
        self.entries.append((None, commit))

    def offset_at(self, time_ms: int) -> int:
        later = (at for at, (record, _) in enumerate(self.entries) if record and record.timestamp >= time_ms)
        return min(next(later, len(self.entries)), self.stable_end())

    def stable_end(self) -> int:
        """One past the last offset that a reader of committed records may see: Kafka's last stable offset."""
        return min(self.pending.values(), default=len(self.entries))

    def visible(self, offset: int, limit: int, end: int) -> tuple[list[MemoryRecord], int]:
        """Up to `limit` committed records from `offset` on, before `end`; and the offset to go on from."""
        found: list[MemoryRecord] = []
        while offset < end and len(found) < limit:
            record, commit = self.entries[offset]
            offset += 1
            if record is not None and (commit is None or commit.outcome is Outcome.COMMITTED):
                found.append(record)
        return found, offset


@dataclass(eq=False, slots=True)
class Group:
    """A consumer group on one topic. A generation is formed at once, without waiting for slow members."""

    generation: int = 0
    members: dict[str, str | None] = field(default_factory=dict)
    committed: dict[Partition, int] = field(default_factory=dict)

    def join(self, member: str, instance: str | None) -> None:
        """A static member replaces its predecessor without a new generation."""
        previous = self.holder(instance)
        if previous is None:
            self.members[member] = instance
            self.generation += 1
        else:
            self.members = {member if m == previous else m: i for m, i in self.members.items()}

    def leave(self, member: str) -> None:
        if member in self.members:
            del self.members[member]
            self.generation += 1

    def holder(self, instance: str | None) -> str | None:
        return next((m for m, i in self.members.items() if i == instance), None) if instance else None

    def share(self, member: str, partitions: Iterable[Partition]) -> list[Partition]:
        place, count = list(self.members).index(member), len(self.members)
        return [p for p in partitions if p.partition % count == place]


class Cluster:
    """Everything that clients share. Callers of its methods hold `changed`, which is also the lock."""

    def __init__(self, clock: Callable[[], int] | None, waits: bool) -> None:
        self.changed = Condition()
        self.topics: dict[str, TopicPlan] = {}
        self.logs: dict[Partition, Log] = {}
        self.groups: dict[str, Group] = {}
        self.commits: dict[str, Commit] = {}
        self.epochs: Counter[str] = Counter()
        self.waits = waits
        self._clock = clock or count(1).__next__
        self.numbers = count(1)

    def add(self, plan: TopicPlan) -> bool:
        if plan.name in self.topics:
            return False
        self.topics[plan.name] = plan
        self.grow(plan.name, plan.partitions)
        return True

    def grow(self, topic: str, partitions: int) -> None:
        self.topics[topic] = replace(self.topics[topic], partitions=partitions)
        for number in range(partitions):
            self.logs.setdefault(Partition(topic, number), Log())

    def partitions(self, topic: str) -> list[Partition]:
        if topic not in self.topics:
            raise TopicMissing(f"topic {topic} does not exist; this broker has {sorted(self.topics)}: create it first")
        return [Partition(topic, number) for number in range(self.topics[topic].partitions)]

    def store(self, message: Message, commit: Commit | None) -> int:
        if message.key is None and message.value is None:
            raise ValueError("a message needs a key or a value; received neither")
        partition = self._place(message)
        log = self.logs[partition]
        at = (len(log.entries), self._clock())
        log.append(MemoryRecord(*partition, *at, message.key, message.value, message.headers), commit)
        self.changed.notify_all()
        return at[0]

    def _place(self, message: Message) -> Partition:
        partitions = self.partitions(message.topic)
        if message.partition is not None:
            return partitions[message.partition]
        if message.key is None:
            return partitions[next(self.numbers) % len(partitions)]
        return partitions[partition_of(message.key, len(partitions))]

    def finish(self, transactional_id: str, outcome: Outcome = Outcome.ABORTED) -> None:
        """Ends the open commit of an id, if there is one."""
        commit = self.commits.pop(transactional_id, None)
        if commit is not None:
            commit.finish(outcome, self.groups)
            self.changed.notify_all()

    def unsettled(self, group: str) -> set[Partition]:
        """Partitions whose committed offset is being moved by a commit that has not ended: nobody may read it."""
        return {p for commit in self.commits.values() for p in commit.offsets.get(group, ())}


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key: murmur2, 32 bits, seed 0x9747b28c, as the Java client has it."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(key)
    for word in _words(key):
        k = word * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    tail = key[len(key) & ~3 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def _words(key: bytes) -> Iterator[int]:
    return (int.from_bytes(key[at : at + 4], "little") for at in range(0, len(key) & ~3, 4))


def partition_of(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions
