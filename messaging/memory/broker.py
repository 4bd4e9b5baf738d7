"""A broker in memory with the semantics that exactly-once rests on, for a demo without Kafka and for tests of the loop.

Nothing happens by the clock: no time-outs. Where Kafka may do one of several things, this broker does the least
convenient one: a rebalance forms the new generation at once. Tests inject faults into it:
`tests/messaging/memory/faulty.py`.
"""

from collections.abc import Callable, Mapping

from eddy.messaging.memory.cluster import Cluster
from eddy.messaging.memory.consumer import MemoryConsumer
from eddy.messaging.memory.producer import MemoryPublisher, MemoryTransactionalProducer
from eddy.messaging.memory.reader import MemoryReader, MemoryTopicAdmin
from eddy.messaging.topics import TopicPlan


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
