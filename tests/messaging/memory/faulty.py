"""The in-memory broker with faults, one for every step of a loop; they come when a test asks for them."""

from collections import Counter
from enum import StrEnum
from typing import Any

from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.memory.cluster import Cluster, Outcome
from eddy.messaging.memory.consumer import MemoryConsumer
from eddy.messaging.memory.producer import MemoryPublisher, MemoryTransactionalProducer
from eddy.messaging.ports import BrokerError, Membership, Message, Offsets, Records


class Fault(StrEnum):
    """Faults that can be injected; each strikes once for each time that it was asked for."""

    POLL = "poll raises"
    COMMITTED = "asking for committed offsets (thus rewind) raises"
    START = "start raises; nothing was taken over"
    BEGIN = "begin raises"
    SEND = "send raises; nothing was stored"
    DELIVERY = "a message is accepted and never stored; only its delivery says so"
    FLUSH = "flush raises"
    SEND_OFFSETS = "send_offsets raises; no offset will move"
    COMMIT_LOST = "commit raises; it has not happened, and stays open"
    COMMIT_LATE = "commit raises; it is decided, and happens when a producer next starts under the id"
    COMMIT_DONE = "commit raises; it has happened"
    ABORT = "abort raises; the commit stays open"


class Faults(Counter[Fault]):
    """How often each still strikes; `late`: the ids whose commit is decided, but nobody sees it yet."""

    def __init__(self) -> None:
        super().__init__()
        self.late: set[str] = set()

    def strikes(self, fault: Fault) -> bool:
        struck = self[fault] > 0
        self[fault] -= struck
        return struck

    def raise_if(self, fault: Fault) -> None:
        if self.strikes(fault):
            raise BrokerError(f"as asked for by the test: {fault}")


class FaultyBroker(MemoryBroker):
    """Whatever a test asks of it goes wrong; else it is the broker that it is made of."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.faults = Faults()

    def consumer(self, *, group: str, topic: str, instance: str | None) -> MemoryConsumer:
        return _Consumer(self.faults, self._cluster, group, topic, instance)

    def transactional_producer(self, transactional_id: str) -> MemoryTransactionalProducer:
        return _Producer(self.faults, self._cluster, transactional_id)

    def publisher(self) -> MemoryPublisher:
        return _Publisher(self.faults, self._cluster)

    def fail(self, fault: Fault, times: int = 1) -> None:
        self.faults[fault] += times

    def rebalance(self, group: str) -> None:
        """A new generation in which, with several members, every partition has another owner."""
        with self._cluster.changed:
            known = self._cluster.groups[group]
            known.generation += 1
            members = list(known.members.items())
            known.members = dict(members[1:] + members[:1])

    def expire_session(self, group: str, instance: str) -> None:
        """The session of a silent static member times out: its partitions go to the others."""
        with self._cluster.changed:
            known = self._cluster.groups[group]
            known.leave(known.holder(instance) or "")

    def expire_commit(self, transactional_id: str) -> None:
        """The broker aborts a commit that was open for too long, and fences the producer that opened it."""
        with self._cluster.changed:
            if transactional_id in self._cluster.commits and transactional_id not in self.faults.late:
                self._cluster.epochs[transactional_id] += 1
                self._cluster.finish(transactional_id)


class _Consumer(MemoryConsumer):
    def __init__(self, faults: Faults, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._faults = faults

    def poll(self, timeout_ms: int, max_records: int) -> Records:
        self._faults.raise_if(Fault.POLL)
        return super().poll(timeout_ms, max_records)

    def committed(self) -> Offsets:
        self._faults.raise_if(Fault.COMMITTED)
        return super().committed()


class _Producer(MemoryTransactionalProducer):
    def __init__(self, faults: Faults, cluster: Cluster, transactional_id: str) -> None:
        super().__init__(cluster, transactional_id)
        self._faults = faults

    def start(self) -> None:
        self._faults.raise_if(Fault.START)
        with self._cluster.changed:
            if self._id in self._faults.late:
                self._faults.late.remove(self._id)
                self._cluster.finish(self._id, Outcome.COMMITTED)
            super().start()

    def begin(self) -> None:
        self._check(self._may_commit)
        self._faults.raise_if(Fault.BEGIN)
        super().begin()

    def send(self, message: Message) -> Any:
        self._begun(self._may_commit)
        self._faults.raise_if(Fault.SEND)
        return _Lost() if self._faults.strikes(Fault.DELIVERY) else super().send(message)

    def flush(self, timeout_s: float) -> None:
        self._faults.raise_if(Fault.FLUSH)
        super().flush(timeout_s)

    def send_offsets(self, offsets: Offsets, membership: Membership) -> None:
        self._begun(self._may_commit)
        if self._faults[Fault.SEND_OFFSETS]:
            self._may_commit = False
        self._faults.raise_if(Fault.SEND_OFFSETS)
        super().send_offsets(offsets, membership)

    def commit(self) -> None:
        self._begun(self._may_commit)
        if self._faults[Fault.COMMIT_LOST]:
            self._fail(Fault.COMMIT_LOST)
        if self._faults[Fault.COMMIT_LATE]:
            self._faults.late.add(self._id)
            self._fail(Fault.COMMIT_LATE)
        super().commit()
        if self._faults[Fault.COMMIT_DONE]:
            self._fail(Fault.COMMIT_DONE)

    def abort(self) -> None:
        self._begun(self._may_abort)
        if self._faults[Fault.ABORT]:
            self._fail(Fault.ABORT)
        super().abort()

    def _fail(self, fault: Fault) -> None:
        """After a failed commit or abort, Kafka's client does nothing any more."""
        self._may_commit = self._may_abort = False
        self._faults.raise_if(fault)


class _Publisher(MemoryPublisher):
    def __init__(self, faults: Faults, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._faults = faults

    def send(self, message: Message) -> Any:
        self._faults.raise_if(Fault.SEND)
        return _Lost() if self._faults.strikes(Fault.DELIVERY) else super().send(message)

    def flush(self, timeout_s: float) -> None:
        self._faults.raise_if(Fault.FLUSH)
        super().flush(timeout_s)


class _Lost:
    def wait(self, timeout_s: float) -> int:  # noqa: ARG002
        raise BrokerError(f"as asked for by the test: {Fault.DELIVERY}")
