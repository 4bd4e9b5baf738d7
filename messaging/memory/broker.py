"""A broker in memory with the semantics that exactly-once rests on, for tests of the loop and for a demo without Kafka.

Nothing happens by itself or by the clock: time-outs, rebalances and faults come when they are asked for, so that a
test can put them at every step. Where Kafka may do one of several things, this broker does the least convenient one:
a rebalance forms the new generation at once, and a commit whose outcome is unknown may still happen later.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from eddy.messaging.memory.cluster import Cluster, Commit, Fault, Group, Outcome
from eddy.messaging.ports import BrokerError, Fenced, Membership, Message, Offsets, Partition, Record, Records
from eddy.messaging.topics import TopicPlan, TopicState

__all__ = ["Fault", "MemoryBroker"]


class MemoryBroker:
    """Topics and groups of one process; thread-safe.

    `topics` gives the partitions of each; `clock` the time of a record in milliseconds (default: 1, 2, 3, ...).
    With `waits`, a poll that finds nothing waits as it was told to; else it returns at once.
    """

    def __init__(
        self, topics: Mapping[str, int] | None = None, *, clock: Callable[[], int] | None = None, waits: bool = False
    ) -> None:
        self._cluster = Cluster(clock, waits)
        for name, partitions in (topics or {}).items():
            self._cluster.add(TopicPlan(name, partitions, 1, {}))

    def consumer(self, *, group: str, topic: str, instance: str | None) -> "_Consumer":
        return _Consumer(self._cluster, group, topic, instance)

    def transactional_producer(self, transactional_id: str) -> "_TransactionalProducer":
        return _TransactionalProducer(self._cluster, transactional_id)

    def publisher(self) -> "_Publisher":
        return _Publisher(self._cluster)

    def reader(self) -> "_Reader":
        return _Reader(self._cluster)

    def topic_admin(self) -> "_TopicAdmin":
        return _TopicAdmin(self._cluster)

    # What tests do to it.

    def fail(self, fault: Fault, times: int = 1) -> None:
        with self._cluster.changed:
            self._cluster.faults[fault] += times

    def add_partitions(self, topic: str, partitions: int) -> None:
        """Raises the number of a topic's partitions."""
        with self._cluster.changed:
            self._cluster.grow(topic, partitions)

    def rebalance(self, group: str) -> None:
        """A new generation in which, with several members, every partition has another owner."""
        with self._cluster.changed:
            known = self._cluster.groups[group]
            known.generation += 1
            known.shift += 1

    def expire_session(self, group: str, instance: str) -> None:
        """The broker gives up a silent static member: its partitions go to the others."""
        with self._cluster.changed:
            known = self._cluster.groups[group]
            known.leave(known.holder(instance) or "")

    def expire_commit(self, transactional_id: str) -> None:
        """The broker aborts a commit that was open for too long, and fences the producer that opened it."""
        with self._cluster.changed:
            commit = self._cluster.commits.get(transactional_id)
            if commit is not None and commit.outcome is Outcome.OPEN:
                self._cluster.epochs[transactional_id] += 1
                self._cluster.finish(transactional_id)


class _Consumer:
    def __init__(self, cluster: Cluster, group: str, topic: str, instance: str | None) -> None:
        self._cluster, self._group, self._topic, self._instance = cluster, group, topic, instance
        self._member, self._generation, self._turn = "", -1, 0
        self._assigned: list[Partition] = []
        self._positions: dict[Partition, int] = {}

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        with self._cluster.changed:
            records = self._poll(max_records)
            if not records and self._cluster.waits and self._cluster.changed.wait(timeout_ms / 1000):
                records = self._poll(max_records)
            return records

    def _poll(self, max_records: int) -> Records:
        self._cluster.raise_if(Fault.POLL)
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
        self._positions.update({p: self._committed(p) for p in missing})

    def _committed(self, partition: Partition) -> int:
        return self._cluster.groups[self._group].committed.get(partition, 0)

    def membership(self) -> Membership:
        return Membership(self._group, self._generation, self._member, self._instance, stable=self._generation >= 0)

    def positions(self) -> Offsets:
        return dict(self._positions)

    def committed(self) -> Offsets:
        with self._cluster.changed:
            self._cluster.raise_if(Fault.COMMITTED)
            unsettled = self._cluster.unsettled(self._group).intersection(self._assigned)
            if unsettled:
                raise BrokerError(f"offsets of {sorted(unsettled)} are part of a commit that has not ended; try again")
            return {p: self._committed(p) for p in self._assigned}

    def rewind(self) -> Offsets:
        self._positions = dict(self.committed())
        return dict(self._positions)

    def end_offsets(self) -> Offsets:
        with self._cluster.changed:
            self._cluster.raise_if(Fault.END_OFFSETS)
            return {p: self._cluster.logs[p].stable_end() for p in self._assigned}

    def close(self) -> None:
        with self._cluster.changed:
            if self._group in self._cluster.groups:
                self._cluster.groups[self._group].leave(self._member)
            self._generation, self._assigned, self._positions = -1, [], {}


class _TransactionalProducer:
    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster, self._id = cluster, transactional_id
        self._epoch = 0
        # After a failure Kafka's client lets a commit only be aborted; after a failed commit or abort, nothing.
        self._may_commit = self._may_abort = False

    def start(self) -> None:
        with self._cluster.changed:
            self._cluster.raise_if(Fault.START)
            self._cluster.finish(self._id)
            self._cluster.epochs[self._id] += 1
            self._epoch = self._cluster.epochs[self._id]
            self._may_commit = self._may_abort = True

    def begin(self) -> None:
        with self._cluster.changed:
            self._check(self._may_commit)
            self._cluster.raise_if(Fault.BEGIN)
            if self._id in self._cluster.commits:
                raise BrokerError(f"producer {self._id} has begun already; commit or abort first")
            self._cluster.commits[self._id] = Commit()

    def send(self, message: Message) -> "_Delivery":
        with self._cluster.changed:
            return _Delivery(self._cluster.store(message, self._begun(self._may_commit)))

    def flush(self, timeout_s: float) -> None:  # noqa: ARG002 - everything is stored at once
        with self._cluster.changed:
            self._cluster.raise_if(Fault.FLUSH)

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:
        with self._cluster.changed:
            commit = self._begun(self._may_commit)
            self._may_commit = False
            self._cluster.raise_if(Fault.SEND_OFFSETS)
            self._check_member(membership)
            commit.offsets.setdefault(membership.group, {}).update(offsets)
            self._may_commit = True

    def _check_member(self, who: Membership) -> None:
        group = self._cluster.groups.get(who.group, Group())
        if who.generation >= 0 and group.holder(who.instance) not in (None, who.member):
            raise Fenced(f"another member joined group {who.group} as {who.instance}; end one of the two")
        if who.member not in group.members or who.generation != group.generation:
            raise BrokerError(f"{who} is not in generation {group.generation} of its group; poll again")

    def commit(self) -> None:
        with self._cluster.changed:
            commit = self._begun(self._may_commit)
            self._may_commit = self._may_abort = False
            self._cluster.raise_if(Fault.COMMIT_LOST)
            if self._cluster.strikes(Fault.COMMIT_LATE):
                commit.outcome = Outcome.DECIDED
                raise BrokerError(f"as asked for by the test: {Fault.COMMIT_LATE}")
            self._cluster.finish(self._id, Outcome.COMMITTED)
            self._cluster.raise_if(Fault.COMMIT_DONE)
            self._may_commit = self._may_abort = True

    def abort(self) -> None:
        with self._cluster.changed:
            self._begun(self._may_abort)
            self._may_commit = self._may_abort = False
            self._cluster.raise_if(Fault.ABORT)
            self._cluster.finish(self._id)
            self._may_commit = self._may_abort = True

    def close(self) -> None:
        self._may_commit = self._may_abort = False

    def _begun(self, allowed: bool) -> Commit:
        self._check(allowed)
        if self._id not in self._cluster.commits:
            raise BrokerError(f"producer {self._id} has not begun; begin first")
        return self._cluster.commits[self._id]

    def _check(self, allowed: bool) -> None:
        if self._epoch and self._epoch != self._cluster.epochs[self._id]:
            raise Fenced(f"another process has taken over {self._id}; end one of the two")
        if not allowed:
            raise BrokerError(f"producer {self._id} is not started, closed, or has failed; go on with a new one")


class _Delivery:
    def __init__(self, offset: int | None) -> None:
        self._offset = offset

    def wait(self, timeout_s: float) -> int:  # noqa: ARG002 - nothing is under way
        if self._offset is None:
            raise BrokerError(f"as asked for by the test: {Fault.DELIVERY}")
        return self._offset


class _Publisher:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def send(self, message: Message) -> _Delivery:
        with self._cluster.changed:
            return _Delivery(self._cluster.store(message, None))

    def flush(self, timeout_s: float) -> None:  # noqa: ARG002 - everything is stored at once
        with self._cluster.changed:
            self._cluster.raise_if(Fault.FLUSH)

    def close(self) -> None:
        """Nothing is held."""


class _Reader:
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


class _TopicAdmin:
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
