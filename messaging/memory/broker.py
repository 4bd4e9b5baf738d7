"""A broker in memory with the semantics that exactly-once rests on, for tests of the loop and for a demo without Kafka.

Nothing happens by itself or by the clock: time-outs, rebalances and faults come when they are asked for, so that a
test can put them at every step. Where Kafka may do one of several things, this broker does the least convenient one:
a rebalance forms the new generation at once, and a commit whose outcome is unknown may still happen later.
"""

from collections.abc import Callable, Mapping

from eddy.messaging.memory.cluster import Cluster, Fault, Outcome
from eddy.messaging.memory.consumer import MemoryConsumer
from eddy.messaging.memory.producer import MemoryPublisher, MemoryTransactionalProducer
from eddy.messaging.memory.reader import MemoryReader, MemoryTopicAdmin
from eddy.messaging.topics import TopicPlan

__all__ = ["Fault", "MemoryBroker"]


class MemoryBroker:
    """Topics and groups of one process; thread-safe.

    `topics` gives the partitions of each; `clock` the time of a record in milliseconds (default: 1, 2, 3, ...).
    With `waits`, a poll that finds nothing waits for its time-out; else it returns at once.
    """

    def __init__(
        self, topics: Mapping[str, int] | None = None, *, clock: Callable[[], int] | None = None, waits: bool = False
    ) -> None:
        self._cluster = Cluster(clock, waits)
        for name, partitions in (topics or {}).items():
            self._cluster.add(TopicPlan(name, partitions, 1, {}))

    def consumer(self, *, group: str, topic: str, instance: str | None) -> MemoryConsumer:
        return MemoryConsumer(self._cluster, group, topic, instance)

    def transactional_producer(self, transactional_id: str) -> MemoryTransactionalProducer:
        return MemoryTransactionalProducer(self._cluster, transactional_id)

    def publisher(self) -> MemoryPublisher:
        return MemoryPublisher(self._cluster)

    def reader(self) -> MemoryReader:
        return MemoryReader(self._cluster)

    def topic_admin(self) -> MemoryTopicAdmin:
        return MemoryTopicAdmin(self._cluster)

    # Faults that tests inject.

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
        """The session of a silent static member times out: its partitions go to the others."""
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
