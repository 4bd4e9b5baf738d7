"""What one micro-batch comes to: the decision, made before the broker is touched.

Pure: records and a detector in; messages, offsets and counts out. The conservation law starts here: every record is
counted exactly once, as passed, alerted or dead, in the ledger record of its partition.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from eddy.messaging import messages
from eddy.messaging.codec import KEY_MAX_BYTES, UNSCORABLE, Decoded, Refused, TransactionCodec, refused_envelope
from eddy.messaging.ports import Message, Offsets, Partition, Record, Records
from eddy.model.schema.schema import Role, TransactionSchema
from eddy.model.serving.calibration import rarity_histogram
from eddy.model.serving.detector import Contribution, Detector, Verdicts


@dataclass(frozen=True, slots=True)
class Publishing:
    """Where the outcomes go, and how much of a message they may show."""

    alerts: str
    dead_letters: str
    ledger: str
    contributions: int
    payload: Literal["masked", "full"]
    payload_max_bytes: int


@dataclass(frozen=True, slots=True)
class Span:
    """The offsets of one partition that a micro-batch answers for: `start` included, `stop` not."""

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
    """

    messages: tuple[Message, ...]
    offsets: Offsets
    passed: int
    dead: Mapping[str, int]
    rarities: np.ndarray[Any, np.dtype[np.float64]]
    alerted_ms: tuple[int, ...]

    @property
    def alerted(self) -> int:
        return len(self.alerted_ms)

    @property
    def total(self) -> int:
        return self.passed + self.alerted + sum(self.dead.values())


@dataclass(frozen=True, slots=True)
class Judge:
    """A detector with what belongs to it: how its transactions are read, and where its verdicts go."""

    detector: Detector
    codec: TransactionCodec
    publishing: Publishing

    def decide(self, records: Records, spans: Mapping[Partition, Span], now: datetime) -> Decision:
        """Judges every record of a poll.

        Args:
            records: what the poll handed out, per partition.
            spans: for each partition of `records`, and any other that moved on without records, the offsets covered.
            now: detection time, UTC.
        """
        parts = [self._decide(partition, records.get(partition, ()), span, now) for partition, span in spans.items()]
        return Decision(
            messages=tuple(message for part in parts for message in part.messages),
            offsets={partition: span.stop for partition, span in spans.items()},
            passed=sum(part.passed for part in parts),
            dead=sum((Counter(part.dead) for part in parts), Counter()),
            rarities=np.concatenate([part.rarities for part in parts]) if parts else np.empty(0),
            alerted_ms=tuple(stored for part in parts for stored in part.alerted_ms),
        )

    def _decide(self, partition: Partition, records: Sequence[Record], span: Span, now: datetime) -> Decision:
        decoded, verdicts = self._score(read(self.codec, records))
        strange = np.flatnonzero(verdicts.anomalous).tolist()
        reasons = verdicts.reasons(strange, self.publishing.contributions)
        alerts = [
            self._alert(records[decoded.kept[i]], decoded, verdicts, i, why, now)
            for i, why in zip(strange, reasons, strict=True)
        ]
        dead = [self._dead_letter(records[index], refused, now) for index, refused in sorted(decoded.refused.items())]
        entry = messages.LedgerRecord(
            topic=partition.topic,
            partition=partition.partition,
            first_offset=span.start,
            last_offset=span.stop - 1,
            passed=len(decoded.kept) - len(alerts),
            alerted=len(alerts),
            dead=len(dead),
            model=self.detector.version,
            threshold=verdicts.threshold,
            histogram=tuple(rarity_histogram(verdicts.rarity)),
        )
        return Decision(
            messages=(*alerts, *dead, messages.ledger_message(self.publishing.ledger, entry)),
            offsets={partition: span.stop},
            passed=entry.passed,
            dead=Counter(refused.category.value for refused in decoded.refused.values()),
            rarities=verdicts.rarity,
            alerted_ms=tuple(records[decoded.kept[i]].timestamp for i in strange),
        )

    def _score(self, decoded: Decoded) -> tuple[Decoded, Verdicts]:
        """Refuses what the model gives no score for."""
        verdicts = self.detector.judge(decoded.columns)
        finite = np.isfinite(verdicts.score)
        if finite.all():
            return decoded, verdicts
        unscorable = dict.fromkeys(np.flatnonzero(~finite).tolist(), UNSCORABLE)
        return decoded.refusing(unscorable), verdicts[np.flatnonzero(finite)]

    def _alert(
        self,
        record: Record,
        decoded: Decoded,
        verdicts: Verdicts,
        i: int,
        contributions: tuple[Contribution, ...],
        now: datetime,
    ) -> Message:
        row, schema = decoded.rows[i], self.detector.schema
        alert = messages.Alert(
            transaction_id=_role(row, schema, "transaction"),
            score=float(verdicts.score[i]),
            threshold=verdicts.threshold,
            rarity=float(verdicts.rarity[i]),
            model=self.detector.version,
            control_offset=None,
            contributions=contributions,
            input=messages.coordinates(record),
            event_time=event_time(schema, decoded, i),
            detected_at=now,
        )
        return messages.alert_message(self.publishing.alerts, record.key, alert)

    def _dead_letter(self, record: Record, refused: Refused, now: datetime) -> Message:
        payload = (record.value or b"")[: self.publishing.payload_max_bytes]
        if self.publishing.payload == "masked":
            payload = messages.masked(payload, [field.name for field in self.detector.schema.fields])
        return messages.dead_letter_message(self.publishing.dead_letters, record, refused, payload, now)


def read(codec: TransactionCodec, records: Sequence[Record]) -> Decoded:
    """Decodes the records whose envelope (key, headers) is sound; the others join the refused."""
    if _plain_envelopes(records):
        return codec.decode([record.value for record in records])
    bad = {i: refused for i, record in enumerate(records) if (refused := _envelope(record))}
    sound = [i for i in range(len(records)) if i not in bad]
    decoded = codec.decode([records[i].value for i in sound])
    return Decoded(
        rows=decoded.rows,
        columns=decoded.columns,
        kept=[sound[k] for k in decoded.kept],
        refused=bad | {sound[k]: refused for k, refused in decoded.refused.items()},
    )


def _plain_envelopes(records: Sequence[Record]) -> bool:
    """The usual case, told for all records at once: no headers, and short keys of ASCII, in which nothing is wrong."""
    keys = [record.key or b"" for record in records]
    short = max(map(len, keys), default=0) <= KEY_MAX_BYTES
    return short and b"".join(keys).isascii() and not any(map(attrgetter("headers"), records))


def _envelope(record: Record) -> Refused | None:
    return refused_envelope(record.key, [name for name, _ in record.headers])


def event_time(schema: TransactionSchema, decoded: Decoded, i: int) -> datetime | None:
    """When the transaction happened, by its own account; None where the schema has no time."""
    field = schema.role("time")
    if field is None:
        return None
    return datetime.fromtimestamp(float(decoded.columns.timestamp[i, schema.timestamps.index(field.name)]), UTC)


def _role(row: Any, schema: TransactionSchema, role: Role) -> str | None:
    field = schema.role(role)
    return None if field is None else str(getattr(row, field.attribute))
