"""Proves from the topics alone that every message that was read came out exactly once.

The ledger says, per micro-batch and partition, which offsets it answers for and how they ended. The audit holds it
against the alerts and dead letters that an independent reader finds, the group's committed offsets and the input
itself. It may run while the stream runs: what the ledger said before the other topics were read must be in them, and
what is in them must be in the ledger as it is afterwards.
"""

import time
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from eddy.messaging.messages import LedgerRecord, UnreadableMessage, input_of, read_ledger
from eddy.messaging.ports import Offsets, Reader
from eddy.settings import Settings

PROBLEMS_MOST = 20
SETTLING_S, PAUSE_S = 2.0, 0.3


class Audit(msgspec.Struct, frozen=True):
    """The account of one input topic, and what is wrong with it; `waiting` is what has not been read yet."""

    topic: str
    messages: int
    passed: int
    alerted: int
    dead: int
    waiting: int
    commits: int
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        return not self.problems

    def verdict(self) -> str:
        """One sentence for people."""
        sums = f"{self.messages:,} in = {self.passed:,} passed + {self.alerted:,} alerted + {self.dead:,} dead"
        return f"{sums}; {'nothing lost, nothing doubled' if self.balanced else f'{len(self.problems)} problems'}"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often each input offset was found in one of the outcome topics, per partition."""

    topic: str
    offsets: Mapping[int, Counter[int]]

    def between(self, partition: int, first: int, last: int) -> int:
        found = self.offsets.get(partition, Counter())
        if last - first < len(found):
            return sum(offset in found for offset in range(first, last + 1))
        return sum(first <= offset <= last for offset in found)


def audit(reader: Reader, settings: Settings, patience_s: float = SETTLING_S) -> Audit:
    """Reads ledger, alerts and dead letters to their ends and holds them against each other.

    A commit becomes visible in one partition some milliseconds before the other: what looks wrong is looked at again,
    for up to `patience_s` seconds.

    Raises:
        BrokerError: a topic cannot be read.
    """
    deadline = time.monotonic() + patience_s
    while not (found := _audit(reader, settings)).balanced and time.monotonic() < deadline:
        time.sleep(PAUSE_S)
    return found


def _audit(reader: Reader, settings: Settings) -> Audit:
    source = settings.topic_transactions
    before = _read_ledger(reader, settings)
    outcomes = [_read_outcomes(reader, topic, source) for topic in (settings.topic_alerts, settings.topic_dead_letters)]
    behind = reader.committed(settings.group, source)
    after = _read_ledger(reader, settings)
    ahead = reader.committed(settings.group, source)
    ends = {partition.partition: end for partition, (_, end) in reader.offsets(source).items()}
    problems = [problem for part in after.values() for problem in _tiling(part)]
    problems += [problem for part in before.values() for entry in part for problem in _complete(entry, *outcomes)]
    problems += [problem for found in outcomes for problem in _sound(found, after)]
    problems += _counts(reader, source, before)
    problems += _positions(behind, ahead, after)
    entries = [entry for part in after.values() for entry in part]
    totals = [sum(getattr(entry, name) for entry in entries) for name in ("passed", "alerted", "dead")]
    reached = {partition: part[-1].last_offset + 1 for partition, part in after.items()}
    return Audit(
        topic=source,
        messages=sum(totals),
        passed=totals[0],
        alerted=totals[1],
        dead=totals[2],
        waiting=sum(max(0, end - reached.get(partition, 0)) for partition, end in ends.items()),
        commits=len(entries),
        problems=tuple(problems[:PROBLEMS_MOST]),
    )


Ledger = Mapping[int, list[LedgerRecord]]


def _read_ledger(reader: Reader, settings: Settings) -> Ledger:
    parts: dict[int, list[LedgerRecord]] = defaultdict(list)
    for record in reader.read(settings.topic_ledger):
        try:
            entry = read_ledger(record)
        except UnreadableMessage:
            continue  # somebody else's message; where it stands for one of ours, the ranges have a gap
        if entry.topic == settings.topic_transactions:
            parts[entry.partition].append(entry)
    return {partition: sorted(part, key=lambda entry: entry.first_offset) for partition, part in sorted(parts.items())}


def _read_outcomes(reader: Reader, topic: str, source: str) -> Outcomes:
    offsets: dict[int, Counter[int]] = defaultdict(Counter)
    for record in reader.read(topic):
        try:
            partition, offset = input_of(record)
        except UnreadableMessage:
            continue  # somebody else's message: not ours to account for
        if partition.topic == source:
            offsets[partition.partition][offset] += 1
    return Outcomes(topic, offsets)


def _tiling(part: list[LedgerRecord]) -> Iterable[str]:
    """Each range begins right after the one before it."""
    for earlier, later in pairwise(part):
        gap = later.first_offset - earlier.last_offset - 1
        where = f"partition {later.partition}, offset {min(later.first_offset, earlier.last_offset + 1)}"
        if gap > 0:
            yield f"lost: nothing answers for {gap} offsets from {where}"
        elif gap < 0:
            yield f"doubled: {-gap} offsets were answered for twice from {where}"


def _complete(entry: LedgerRecord, alerts: Outcomes, dead_letters: Outcomes) -> Iterable[str]:
    """What the ledger says was published can be read."""
    for outcomes, said in ((alerts, entry.alerted), (dead_letters, entry.dead)):
        found = outcomes.between(entry.partition, entry.first_offset, entry.last_offset)
        if found != said:
            where = f"partition {entry.partition}, offsets {entry.first_offset} to {entry.last_offset}"
            yield f"{where}: the ledger says {said} went to `{outcomes.topic}`, {found} are there"


def _sound(outcomes: Outcomes, ledger: Ledger) -> Iterable[str]:
    """What can be read was published once, by a commit that the ledger knows."""
    for partition, found in outcomes.offsets.items():
        part = ledger.get(partition, [])
        firsts = [entry.first_offset for entry in part]
        for offset, times in found.items():
            where = f"partition {partition}, offset {offset} in `{outcomes.topic}`"
            if times > 1:
                yield f"doubled: {where} is there {times} times"
            at = bisect_right(firsts, offset) - 1
            if firsts and at >= 0 and offset > part[at].last_offset:
                yield f"{where}: no commit in the ledger answers for it"


def _counts(reader: Reader, source: str, ledger: Ledger) -> Iterable[str]:
    """Counts add up to the messages of the range; the input is read only where they are fewer than the offsets."""
    short = {}
    for partition, part in ledger.items():
        said = sum(entry.passed + entry.alerted + entry.dead for entry in part)
        first, last = part[0].first_offset, part[-1].last_offset
        if said != last - first + 1:
            short[partition] = (first, last, said)
    if not short:
        return
    kept = {partition.partition: first for partition, (first, _) in reader.offsets(source).items()}
    present: Counter[int] = Counter()
    for record in reader.read(source):
        first, last, _ = short.get(record.partition, (0, -1, 0))
        present[record.partition] += first <= record.offset <= last
    for partition, (first, last, said) in short.items():
        if kept.get(partition, 0) <= first and present[partition] != said:
            yield (
                f"partition {partition}, offsets {first} to {last}: {present[partition]} messages in `{source}`, "
                f"the ledger answers for {said}"
            )


def _positions(before: Offsets, after: Offsets, ledger: Ledger) -> Iterable[str]:
    """The group is where the ledger ends: not ahead of it (read before the ledger), not behind it (read after)."""
    for partition in after:
        part = ledger.get(partition.partition, [])
        end = part[-1].last_offset + 1 if part else 0
        where = f"partition {partition.partition}: the ledger reaches offset {end}, the group"
        if before.get(partition, 0) > end:
            yield f"lost: {where} was already at {before[partition]}"
        if after[partition] < end:
            yield f"doubled: {where} is still at {after[partition]}"
