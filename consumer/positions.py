"""Where a worker is in its partitions: which offsets the next ledger records answer for."""

from collections.abc import Sequence

from eddy.consumer.batch import OffsetRange
from eddy.messaging.ports import BrokerError, Consumer, Membership, Offsets, Partition, Record, Records


class Positions:
    """Follows the committed offsets of one consumer; `starts` is where the next ledger record of a partition begins.

    `assigned` are the partitions that it had when it was last a stable member of its group.
    """

    def __init__(self) -> None:
        self.starts: dict[Partition, int] = {}
        self.assigned: frozenset[Partition] = frozenset()
        self._generation = -1

    def forget(self) -> None:
        """The committed offsets are asked for again."""
        self.starts, self._generation = {}, -1

    def advance(self, offsets: Offsets) -> None:
        """After a commit of these offsets."""
        self.starts.update(offsets)

    def ranges(self, consumer: Consumer, records: Records, membership: Membership) -> dict[Partition, OffsetRange]:
        """The offsets that a poll moved over, per partition.

        They begin where the group's committed offset is, so that ledger records tile the input. Without records a
        position moves over Kafka's own control records; that is committed when nothing else is to be done.

        Raises:
            BrokerError: the records do not begin at the committed offset.
        """
        positions = consumer.positions()
        if membership.stable:
            self.assigned = frozenset(positions)
        if membership.generation != self._generation:
            self.starts, self._generation = {}, membership.generation
        if not self.starts.keys() >= positions.keys() | records.keys():
            self.starts = {**consumer.committed(), **self.starts}
        moved = records or {partition: () for partition, end in positions.items() if end > self.starts[partition]}
        return {
            partition: self._range(partition, positions.get(partition, -1), part) for partition, part in moved.items()
        }

    def _range(self, partition: Partition, position: int, records: Sequence[Record]) -> OffsetRange:
        found = OffsetRange(self.starts.get(partition, -1), position)
        if found.start < 0 or found.stop <= found.start or (records and not _covers(found, records)):
            raise BrokerError(f"the records of {partition} do not begin at the committed offset")
        return found


def _covers(covered: OffsetRange, records: Sequence[Record]) -> bool:
    return covered.start <= records[0].offset and records[-1].offset < covered.stop
