"""Where a partition begins that has no committed offset: it is new to the group, or the broker forgot the offset.

Kafka deletes the offsets of a group that was stopped for long (`offsets.retention.minutes`). The ledger still knows how
far the group came: what it answers for is never scored again. `EDDY_START` decides only where the ledger has nothing.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from eddy.consumer.batch import Decision, OffsetRange
from eddy.messaging.messages import LedgerRecord, Unread, UnreadableMessage, ledger_message, read_ledger
from eddy.messaging.ports import Broker, Offsets, OffsetSpans, Partition, Reader, Record, Span
from eddy.model.errors import EddyError
from eddy.model.serving.calibration import rarity_histogram
from eddy.monitoring import logs
from eddy.settings import Settings

LAST_RECORDS = 10_000
PROGRESS_EVERY = 10_000

log = logs.get(__name__)


class StartRefused(EddyError):
    """`EDDY_START` allows no start for a partition; the message says what to do."""


@dataclass(slots=True)
class LedgerEnds:
    """How far the ledger reaches, read from its end backwards, as it may be large.

    `on_progress` is called while reading takes time.
    """

    settings: Settings
    on_progress: Callable[[], object]
    _found: dict[Partition, tuple[int, int]] = field(default_factory=dict)
    _read_to: Offsets = field(default_factory=dict)

    def find(self, reader: Reader, wanted: Set[Partition]) -> Offsets:
        """One past the last offset that the ledger answers for; partitions that it does not name are left out."""
        records = LAST_RECORDS
        while not self._read_last(reader, records) and not wanted <= self._found.keys():
            records *= 10
        return {p: self._found[p][1] for p in wanted if p in self._found}

    def _read_last(self, reader: Reader, records: int) -> bool:
        """Whether the ledger is known as a whole then."""
        spans = reader.offsets(self.settings.topic_ledger)
        known = {p: max(first, self._read_to.get(p, 0)) for p, (first, _) in spans.items()}
        starts = {p: max(known[p], end - records) for p, (_, end) in spans.items()}
        for number, record in enumerate(reader.read(self.settings.topic_ledger, starts)):
            if number % PROGRESS_EVERY == 0:
                self.on_progress()
            self._add(record)
        complete = starts == known
        if complete:
            self._read_to = {p: end for p, (_, end) in spans.items()}
        return complete

    def _add(self, record: Record) -> None:
        try:
            entry = read_ledger(record)
        except UnreadableMessage:
            return
        if entry.group in (None, self.settings.group):  # None: written before records named their group
            partition = Partition(entry.topic, entry.partition)
            # By time: after the topic was made again, its offsets are lower than those that the ledger had before.
            self._found[partition] = max(self._found.get(partition, (0, 0)), (record.timestamp, entry.last_offset + 1))


class Starts:
    """The start rule of one worker."""

    def __init__(self, broker: Broker, settings: Settings, on_progress: Callable[[], object]) -> None:
        self._broker, self._settings = broker, settings
        self._ledger = LedgerEnds(settings, on_progress)
        self._latest: dict[Partition, int] = {}
        self._logged: set[Partition] = set()
        self._decided: dict[Partition, OffsetRange] = {}
        self._deleted: set[Partition] = set()
        self.lost = 0  # offsets, by what was committed

    def __call__(self, spans: OffsetSpans) -> Offsets:
        """The first offset to read of each partition without a committed offset, or with one that is no longer kept.

        Args:
            spans: all of them that are assigned.

        Raises:
            StartRefused: the setting allows none.
            BrokerError: the ledger cannot be read.
        """
        self._decided, self._deleted = {}, set()
        if self._settings.start == "committed":
            self._refuse({p for p, span in spans.items() if span.end and span.committed is None})
        ends = self._ledger_ends({p for p, span in spans.items() if span.end and span.committed is None})
        return {p: self._start(p, span, ends.get(p)) for p, span in spans.items()}

    def decision(self) -> Decision | None:
        """Commits where partitions start, and has the ledger say what was passed over; None if there is nothing to do.

        The next start then needs no decision, and cannot come to another one.
        """
        records = [self._record(p, covered) for p, covered in self._decided.items() if covered.start < covered.stop]
        return _decision(self._settings.topic_ledger, records, self._decided) if self._decided else None

    def _record(self, partition: Partition, covered: OffsetRange) -> LedgerRecord:
        return _unread_record(
            self._settings.group, partition, covered, "lost" if partition in self._deleted else "skipped"
        )

    def recorded(self) -> None:
        """The decision was committed."""
        for partition in self._deleted:
            self._log_lost(partition, self._decided[partition])
        self._decided, self._deleted = {}, set()

    def _log_lost(self, partition: Partition, lost: OffsetRange) -> None:
        self.lost += lost.stop - lost.start
        log.error(
            "messages were deleted before they were read: they are lost",
            topic=partition.topic,
            partition=partition.partition,
            first=lost.start,
            last=lost.stop - 1,
            resumed_at=lost.stop,
            remedy="raise the topic's retention, or the number of workers; `eddy ledger check` lists what was lost",
        )

    def _ledger_ends(self, wanted: Set[Partition]) -> Offsets:
        if not wanted:
            return {}
        reader = self._broker.reader()
        try:
            return self._ledger.find(reader, wanted)
        finally:
            reader.close()

    def _start(self, partition: Partition, span: Span, ledger: int | None) -> int:
        first, end = span.first, span.end
        if span.committed is not None:
            return self._resume(partition, span.committed, first)
        if ledger is not None and ledger <= end:
            self._log_resumed(partition, max(first, ledger))
            return self._resume(partition, ledger, first)
        if ledger is not None:
            self._log_shorter_topic(partition, end, ledger)
        if self._settings.start == "ledger" and first < end:
            self._refuse({partition})
        return self._latest_of(partition, end) if self._settings.start == "latest" else self._earliest(partition, first)

    def _resume(self, partition: Partition, reached: int, first: int) -> int:
        """Goes on where the group was, or at the first offset kept: what lies between is lost, and said to be."""
        start = max(reached, first)
        self._decided[partition] = OffsetRange(reached, start)
        if reached < start:
            self._deleted.add(partition)
        return start

    def _latest_of(self, partition: Partition, end: int) -> int:
        """Decided once: messages that come while the worker starts are not passed over."""
        start = self._latest.setdefault(partition, end)
        self._decided[partition] = OffsetRange(0, start)
        self._log(
            "no committed offset and no ledger record: starting at the latest message, earlier ones are skipped",
            partition,
            start,
            "EDDY_START=earliest, with a group and a ledger of their own, scores them too",
        )
        return start

    def _earliest(self, partition: Partition, first: int) -> int:
        self._log(
            "no committed offset and no ledger record: starting at the earliest message",
            partition,
            first,
            "EDDY_START=latest lets new groups begin with new messages",
            usual=True,
        )
        return first

    def _refuse(self, partitions: Set[Partition]) -> None:
        if not partitions:
            return
        names = ", ".join(f"{p.topic}:{p.partition}" for p in sorted(partitions))
        start = self._settings.start
        lacking = "committed offset" if start == "committed" else "committed offset and no ledger record"
        raise StartRefused(
            f"group {self._settings.group} has no {lacking} for {names}, and EDDY_START={start} allows no other start: "
            "set EDDY_START to earliest or latest (both go on where the ledger ends, if it has a record), "
            "or restore the group's offsets"
        )

    def _log_resumed(self, partition: Partition, start: int) -> None:
        self._log(
            "no committed offset: resuming where the ledger ends",
            partition,
            start,
            "the broker deletes offsets of groups that are stopped for longer than offsets.retention.minutes: raise it",
        )

    def _log_shorter_topic(self, partition: Partition, end: int, ledger: int) -> None:
        if partition not in self._logged:
            log.error(
                "the ledger reaches beyond the partition, as if the topic was made again: not resuming there",
                partition=partition.partition,
                ledger=ledger,
                end=end,
                remedy="give a topic that was made again a new ledger (EDDY_TOPIC_LEDGER)",
            )

    def _log(self, event: str, partition: Partition, offset: int, remedy: str, *, usual: bool = False) -> None:
        if partition not in self._logged:
            self._logged.add(partition)
            say = log.info if usual else log.warning
            say(event, topic=partition.topic, partition=partition.partition, offset=offset, remedy=remedy)


def _decision(ledger: str, records: Sequence[LedgerRecord], decided: Mapping[Partition, OffsetRange]) -> Decision:
    return Decision(
        messages=tuple(ledger_message(ledger, record) for record in records),
        offsets={p: covered.stop for p, covered in decided.items()},
        passed=0,
        dead={},
        rarities=np.empty(0),
        alerted_ms=(),
    )


def _unread_record(group: str, partition: Partition, covered: OffsetRange, unread: Unread) -> LedgerRecord:
    return LedgerRecord(
        topic=partition.topic,
        partition=partition.partition,
        first_offset=covered.start,
        last_offset=covered.stop - 1,
        passed=0,
        alerted=0,
        dead=0,
        model="",
        threshold=0.0,
        histogram=tuple(rarity_histogram(np.empty(0))),
        group=group,
        unread=unread,
    )
