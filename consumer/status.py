"""How the stream is doing, from the topics alone: whichever machines the workers run on.

The ledger says by which model and change each partition was scored last, and when.
"""

import msgspec

from eddy.control.change import MODEL, THRESHOLD
from eddy.control.state import ControlState
from eddy.messaging.messages import LedgerRecord, UnreadableMessage, read_ledger
from eddy.messaging.ports import Partition, Reader
from eddy.settings import Settings

LATEST = 500
"""So many of the latest offsets of each ledger partition are looked at."""
FOLLOWED_WITHIN_MS = 2_000


class PartitionStatus(msgspec.Struct, frozen=True):
    """One input partition. `committed_ms` (since 1970), `model` and `control_offset` are those of its last commit; None
    if that is not among the latest. `behind`: it was committed well after a change that it did not know.
    """

    partition: int
    lag: int
    committed_ms: int | None = None
    model: str | None = None
    control_offset: int | None = None
    behind: bool = False


def status(reader: Reader, settings: Settings, state: ControlState, changed_ms: int | None) -> list[PartitionStatus]:
    """Every input partition.

    Args:
        changed_ms: when the last change of threshold or model was made, in milliseconds since 1970; None without any.

    Raises:
        BrokerError: a topic cannot be read.
    """
    topic, latest = settings.topic_transactions, _latest(reader, settings)
    committed = reader.committed(settings.group, topic)
    wanted = max(state.base(THRESHOLD), state.base(MODEL))
    found = []
    for partition, (start, end) in sorted(reader.offsets(topic).items()):
        lag = max(0, end - committed.get(partition, start))
        if (last := latest.get(partition)) is None:
            found.append(PartitionStatus(partition.partition, lag))
            continue
        at, entry = last
        known = -1 if entry.control_offset is None else entry.control_offset
        behind = changed_ms is not None and known < wanted and at > changed_ms + FOLLOWED_WITHIN_MS
        found.append(PartitionStatus(partition.partition, lag, at, entry.model, entry.control_offset, behind))
    return found


def _latest(reader: Reader, settings: Settings) -> dict[Partition, tuple[int, LedgerRecord]]:
    """The last ledger record of each input partition, and when it was stored."""
    starts = {p: max(start, end - LATEST) for p, (start, end) in reader.offsets(settings.topic_ledger).items()}
    found: dict[Partition, tuple[int, LedgerRecord]] = {}
    for record in reader.read(settings.topic_ledger, starts):
        try:
            entry = read_ledger(record)
        except UnreadableMessage:
            continue
        found[Partition(entry.topic, entry.partition)] = (record.timestamp, entry)
    return found
