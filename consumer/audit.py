"""Proves from the topics alone that every message that was read came out exactly once.

The ledger says, per micro-batch and partition, which offsets it covers and the counts of their outcomes. The audit
compares it with the alerts and dead letters that an independent reader finds, the group's committed offsets and the
input itself.
It may run while the stream runs: the other topics must hold what the ledger said before they were read, and the ledger
read after them must hold what is in them.

No record is kept: a few numbers for each micro-batch, one for each alert and dead letter.
"""

import time
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from eddy.messaging.messages import LedgerRecord, UnreadableMessage, input_of, read_ledger
from eddy.messaging.ports import Offsets, Reader
from eddy.settings import Settings

PROBLEMS_MOST = 20
SETTLING_S, PAUSE_S = 2.0, 0.3

Ints = NDArray[np.int64]


class Audit(msgspec.Struct, frozen=True):
    """The outcome counts of one input topic, and what is wrong with them; `waiting` is what has not been read yet.

    `skipped` counts offsets that a start at the latest message passed over.
    """

    topic: str
    messages: int
    passed: int
    alerted: int
    dead: int
    waiting: int
    commits: int
    problems: tuple[str, ...]
    skipped: int = 0

    @property
    def balanced(self) -> bool:
        return not self.problems

    def verdict(self) -> str:
        """One sentence for people."""
        sums = f"{self.messages:,} in = {self.passed:,} passed + {self.alerted:,} alerted + {self.dead:,} dead"
        if self.skipped:
            sums += f"; {self.skipped:,} offsets skipped by EDDY_START=latest"
        return f"{sums}; {'nothing lost, nothing doubled' if self.balanced else f'{len(self.problems)} problems'}"


@dataclass(frozen=True, slots=True)
class LedgerPart:
    """What the ledger says of one input partition: a row per commit, in the order of its offsets."""

    first: Ints
    last: Ints
    passed: Ints
    alerted: Ints
    dead: Ints
    unread: Ints

    @property
    def end(self) -> int:
        return int(self.last[-1]) + 1

    @property
    def messages(self) -> int:
        return int(self.passed.sum() + self.alerted.sum() + self.dead.sum())

    @property
    def read_from(self) -> int:
        """The first offset behind what was skipped, which is always at the start."""
        return max(int(self.first[0]), int(((self.last + 1) * (self.unread == SKIPPED)).max()))

    @property
    def skipped(self) -> int:
        return int(((self.last - self.first + 1) * (self.unread == SKIPPED)).sum())


Ledger = Mapping[int, LedgerPart]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The input offsets that were found in one of the outcome topics, ascending, per partition."""

    topic: str
    offsets: Mapping[int, Ints]

    def within(self, partition: int, first: Ints, last: Ints) -> Ints:
        """How many different offsets there are in each range."""
        found = np.unique(self.offsets.get(partition, np.empty(0, np.int64)))
        return np.searchsorted(found, last, "right") - np.searchsorted(found, first, "left")


def audit(reader: Reader, settings: Settings, patience_s: float = SETTLING_S, since_ms: int | None = None) -> Audit:
    """Reads ledger, alerts and dead letters to their ends and compares them.

    A commit becomes visible in one partition some milliseconds before the other: what looks wrong is checked again
    for up to `patience_s` seconds. With `since_ms` (since 1970), only commits from that time on are looked at.

    Raises:
        BrokerError: a topic cannot be read.
    """
    deadline = time.monotonic() + patience_s
    while not (found := _audit(reader, settings, since_ms)).balanced and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    return found


def _audit(reader: Reader, settings: Settings, since_ms: int | None) -> Audit:
    source = settings.topic_transactions
    # An alert is sent before its ledger record, and stored within the delivery time-out.
    outcomes_since = None if since_ms is None else since_ms - settings.delivery_timeout_ms
    topics = (settings.topic_alerts, settings.topic_dead_letters)
    before = _read_ledger(reader, settings, since_ms)
    outcomes = [_read_outcomes(reader, topic, source, outcomes_since) for topic in topics]
    behind = reader.committed(settings.group, source)
    after = _read_ledger(reader, settings, since_ms)
    ahead = reader.committed(settings.group, source)
    silent = {p for p in ahead if p.partition not in after} if since_ms is not None else set()
    problems = [problem for partition, part in after.items() for problem in _tiling(partition, part)]
    problems += [problem for partition, part in before.items() for problem in _complete(partition, part, *outcomes)]
    problems += [problem for found in outcomes for problem in _sound(found, after)]
    problems += [problem for partition, part in after.items() for problem in _lost(partition, part)]
    problems += _counts(reader, source, before)
    problems += _positions(behind, {p: offset for p, offset in ahead.items() if p not in silent}, after)
    reached = {p.partition: ahead[p] for p in silent} | {partition: part.end for partition, part in after.items()}
    totals = {name: sum(int(getattr(part, name).sum()) for part in after.values()) for name in _OUTCOMES}
    return Audit(
        topic=source,
        messages=sum(totals.values()),
        **totals,
        waiting=sum(max(0, end - reached.get(p.partition, 0)) for p, (_, end) in reader.offsets(source).items()),
        commits=sum(len(part.first) for part in after.values()),
        problems=tuple(problems[:PROBLEMS_MOST]),
        skipped=sum(part.skipped for part in after.values()),
    )


SKIPPED, LOST = 1, 2
_UNREAD = {None: 0, "skipped": SKIPPED, "lost": LOST}
_OUTCOMES = ("passed", "alerted", "dead")
_COLUMNS = ("first_offset", "last_offset", *_OUTCOMES, "unread")


def _starts(reader: Reader, topic: str, since_ms: int | None) -> Offsets | None:
    return None if since_ms is None else reader.offsets_at(topic, since_ms)


def _read_ledger(reader: Reader, settings: Settings, since_ms: int | None) -> Ledger:
    parts: dict[int, array[int]] = defaultdict(lambda: array("q"))
    topic = settings.topic_ledger
    for record in reader.read(topic, _starts(reader, topic, since_ms)):
        try:
            entry = read_ledger(record)
        except UnreadableMessage:
            continue  # not Eddy's; if it replaced one of Eddy's, the ranges have a gap
        if entry.topic == settings.topic_transactions:
            parts[entry.partition].extend(_row(entry))
    return {partition: _part(part) for partition, part in sorted(parts.items())}


def _row(entry: LedgerRecord) -> list[int]:
    numbers = [getattr(entry, name) for name in _COLUMNS[:-1]]
    return [*numbers, _UNREAD[entry.unread]]


def _part(numbers: "array[int]") -> LedgerPart:
    rows = np.array(numbers, np.int64).reshape(-1, len(_COLUMNS))
    return LedgerPart(*rows[np.argsort(rows[:, 0], kind="stable")].T)


def _read_outcomes(reader: Reader, topic: str, source: str, since_ms: int | None) -> Outcomes:
    offsets: dict[int, array[int]] = defaultdict(lambda: array("q"))
    for record in reader.read(topic, _starts(reader, topic, since_ms)):
        try:
            partition, offset = input_of(record)
        except UnreadableMessage:
            continue  # not Eddy's: not part of the audit
        if partition.topic == source:
            offsets[partition.partition].append(offset)
    return Outcomes(topic, {partition: np.sort(np.array(found, np.int64)) for partition, found in offsets.items()})


def _tiling(partition: int, part: LedgerPart) -> Iterable[str]:
    """Each range begins right after the one before it."""
    gaps = part.first[1:] - part.last[:-1] - 1
    for at in np.flatnonzero(gaps).tolist():
        where = f"partition {partition}, offset {min(part.first[at + 1], part.last[at] + 1)}"
        if gaps[at] > 0:
            yield f"lost: nothing answers for {gaps[at]} offsets from {where}"
        else:
            yield f"doubled: {-gaps[at]} offsets were answered for twice from {where}"


def _lost(partition: int, part: LedgerPart) -> Iterable[str]:
    """What a worker found to be deleted before it was read."""
    for at in np.flatnonzero(part.unread == LOST).tolist():
        where = f"partition {partition}, offsets {part.first[at]} to {part.last[at]}"
        yield f"lost: {where}: retention deleted them before they were read"


def _complete(partition: int, part: LedgerPart, alerts: Outcomes, dead_letters: Outcomes) -> Iterable[str]:
    """What the ledger says was published can be read."""
    for outcomes, said in ((alerts, part.alerted), (dead_letters, part.dead)):
        found = outcomes.within(partition, part.first, part.last)
        for at in np.flatnonzero(found != said).tolist():
            where = f"partition {partition}, offsets {part.first[at]} to {part.last[at]}"
            yield f"{where}: the ledger says {said[at]} went to `{outcomes.topic}`, {found[at]} are there"


def _sound(outcomes: Outcomes, ledger: Ledger) -> Iterable[str]:
    """What can be read was published once, by a commit that the ledger knows."""
    for partition, found in outcomes.offsets.items():
        offsets, times = np.unique(found, return_counts=True)
        for at in np.flatnonzero(times > 1).tolist():
            where = f"partition {partition}, offset {offsets[at]} in `{outcomes.topic}`"
            yield f"doubled: {where} is there {times[at]} times"
        if partition in ledger:
            for offset in _unanswered(offsets, ledger[partition]).tolist():
                where = f"partition {partition}, offset {offset} in `{outcomes.topic}`"
                yield f"{where}: no commit in the ledger answers for it"


def _unanswered(offsets: Ints, part: LedgerPart) -> Ints:
    """Those behind the first range that are in none; before it the ledger may have been deleted by age."""
    offsets = offsets[offsets >= part.first[0]]
    return offsets[offsets > part.last[np.searchsorted(part.first, offsets, "right") - 1]]


def _counts(reader: Reader, source: str, ledger: Ledger) -> Iterable[str]:
    """Counts add up to the messages of the range; the input is read only where they are fewer than the offsets."""
    short = {n: part for n, part in ledger.items() if part.messages != part.end - part.read_from}
    if not short:
        return
    ranges = reader.offsets(source)
    kept = {p.partition: first for p, (first, _) in ranges.items()}
    starts = {p: short[p.partition].read_from if p.partition in short else end for p, (_, end) in ranges.items()}
    present: Counter[int] = Counter()
    for record in reader.read(source, starts):
        part = short.get(record.partition)
        present[record.partition] += part is not None and part.read_from <= record.offset < part.end
    for n, part in short.items():
        if kept.get(n, 0) <= part.read_from and present[n] != part.messages:
            yield (
                f"partition {n}, offsets {part.read_from} to {part.last[-1]}: {present[n]} messages in `{source}`, "
                f"the ledger answers for {part.messages}"
            )


def _positions(before: Offsets, after: Offsets, ledger: Ledger) -> Iterable[str]:
    """The group is where the ledger ends: not ahead of it (read before the ledger), not behind it (read after)."""
    for partition in after:
        part = ledger.get(partition.partition)
        end = part.end if part else 0
        where = f"partition {partition.partition}: the ledger reaches offset {end}, the group"
        if before.get(partition, 0) > end:
            yield f"lost: {where} was already at {before[partition]}"
        if after[partition] < end:
            yield f"doubled: {where} is still at {after[partition]}"
