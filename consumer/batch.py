"""The decision on one micro-batch, made before the broker is touched.

Pure: records and a detector in; messages, offsets and counts out. The conservation law starts here: every record is
counted exactly once, as passed, alerted or dead, in the ledger record of its partition.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from eddy.messaging import messages
from eddy.messaging.codec import Decoded, TransactionCodec
from eddy.messaging.messages import Publishing, ShadowCounts
from eddy.messaging.ports import Message, Offsets, Partition, Record, Records
from eddy.messaging.refusals import UNSCORABLE
from eddy.model.serving.calibration import rarity_histogram
from eddy.model.serving.detector import Detector, Verdicts


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The offsets of one partition that a micro-batch covers: `start` included, `stop` not."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Decision:
    """A micro-batch's whole effect, as a value.

    Attributes:
        messages: alerts, dead letters and ledger records to publish.
        offsets: where the group is afterwards.
        dead: refused messages by category.
        rarities: of the messages that were scored.
        alerted_ms: when the broker had stored each alerted message, in milliseconds since 1970.
        shadows: how the model in shadow compares, per partition; empty while there is none.
    """

    messages: tuple[Message, ...]
    offsets: Offsets
    passed: int
    dead: Mapping[str, int]
    rarities: np.ndarray[Any, np.dtype[np.float64]]
    alerted_ms: tuple[int, ...]
    shadows: tuple[ShadowCounts, ...] = ()

    @property
    def alerted(self) -> int:
        return len(self.alerted_ms)

    @property
    def total(self) -> int:
        return self.passed + self.alerted + sum(self.dead.values())


@dataclass(frozen=True, slots=True)
class BatchProcessor:
    """Turns records into a decision: a detector, the codec of its transactions, and where the outcomes go.

    `control_offset` is that of the last change that the detector rests on; None if it rests on none. `shadow` scores
    the same transactions, is counted, and alerts nobody.
    """

    detector: Detector
    codec: TransactionCodec
    publishing: Publishing
    control_offset: int | None = None
    shadow: Detector | None = None

    def decide(self, records: Records, ranges: Mapping[Partition, OffsetRange], now: datetime) -> Decision:
        """Decides on every record of a poll.

        Args:
            records: what the poll handed out, per partition.
            ranges: for each partition of `records`, and any other that moved on without records, the offsets covered.
            now: detection time, UTC.
        """
        parts = [
            self._decide(partition, records.get(partition, ()), covered, now) for partition, covered in ranges.items()
        ]
        return Decision(
            messages=tuple(message for part in parts for message in part.messages),
            offsets={partition: covered.stop for partition, covered in ranges.items()},
            passed=sum(part.passed for part in parts),
            dead=sum((Counter(part.dead) for part in parts), Counter()),
            rarities=np.concatenate([part.rarities for part in parts]) if parts else np.empty(0),
            alerted_ms=tuple(stored for part in parts for stored in part.alerted_ms),
            shadows=tuple(shadow for part in parts for shadow in part.shadows),
        )

    def _decide(self, partition: Partition, records: Sequence[Record], covered: OffsetRange, now: datetime) -> Decision:
        decoded, verdicts = self._score(self.codec.decode(records))
        anomalous = np.flatnonzero(verdicts.anomalous).tolist()
        shadow = self._compared(decoded, verdicts)
        publishing, ruling = self.publishing, messages.Ruling(self.detector.version, self.control_offset)
        entry = messages.LedgerRecord(
            topic=partition.topic,
            partition=partition.partition,
            first_offset=covered.start,
            last_offset=covered.stop - 1,
            passed=len(decoded.kept) - len(anomalous),
            alerted=len(anomalous),
            dead=len(decoded.refused),
            model=ruling.model,
            threshold=verdicts.threshold,
            histogram=tuple(rarity_histogram(verdicts.rarity)),
            control_offset=ruling.control_offset,
            shadow=shadow,
            group=publishing.group,
        )
        return Decision(
            messages=(
                *messages.alert_messages(publishing, records, decoded, verdicts, anomalous, ruling, now),
                *messages.dead_letter_messages(publishing, records, decoded, now),
                messages.ledger_message(publishing.ledger, entry),
            ),
            offsets={partition: covered.stop},
            passed=entry.passed,
            dead=Counter(refused.category.value for refused in decoded.refused.values()),
            rarities=verdicts.rarity,
            alerted_ms=tuple(records[decoded.kept[k]].timestamp for k in anomalous),
            shadows=() if shadow is None else (shadow,),
        )

    def _compared(self, decoded: Decoded, verdicts: Verdicts) -> ShadowCounts | None:
        if self.shadow is None:
            return None
        live, shadow = verdicts.anomalous, self.shadow.detect(decoded.columns).anomalous
        both = int((live & shadow).sum())
        return ShadowCounts(self.shadow.version, both, int(live.sum()) - both, int(shadow.sum()) - both)

    def _score(self, decoded: Decoded) -> tuple[Decoded, Verdicts]:
        """Refuses what the model gives no score for."""
        verdicts = self.detector.detect(decoded.columns)
        finite = np.isfinite(verdicts.score)
        if finite.all():
            return decoded, verdicts
        unscorable = dict.fromkeys(np.flatnonzero(~finite).tolist(), UNSCORABLE)
        return decoded.refusing(unscorable), verdicts[np.flatnonzero(finite)]
