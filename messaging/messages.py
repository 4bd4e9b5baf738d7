"""The messages that Eddy publishes: alerts, dead letters, ledger records. See `docs/messages.md`.

Alerts and dead letters carry CloudEvents 1.0 headers (Kafka binary mode). Their `ce_id` is made of the coordinates of
the input message, so that those who copy them elsewhere can drop repeats.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeVar

import msgspec

from eddy.messaging.codec import Decoded
from eddy.messaging.ports import Header, Message, Partition, Record
from eddy.messaging.refusals import KEY_MAX_BYTES, Refused
from eddy.model.errors import EddyError
from eddy.model.serving.detector import Contribution, Verdicts

ALERT_TYPE = "eddy.alert.v1"
DEAD_LETTER_TYPE = "eddy.dead-letter.v1"
SOURCE = "/eddy"


@dataclass(frozen=True, slots=True)
class Publishing:
    """Where the outcomes go, and how much of a transaction they may show."""

    alerts: str
    dead_letters: str
    ledger: str
    contributions: int
    payload: Literal["masked", "full"]
    payload_max_bytes: int
    group: str | None = None


class Coordinates(msgspec.Struct, frozen=True):
    """Where a message was read."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


class Alert(msgspec.Struct, frozen=True):
    """A published anomalous verdict.

    `rarity` is the share of normal transactions expected to score at least as high; `model` the artifact's version;
    `control_offset` that of the last change that the verdict rests on, None if model and threshold were never changed.
    """

    transaction_id: str | None
    score: float
    threshold: float
    rarity: float
    model: str
    control_offset: int | None
    contributions: tuple[Contribution, ...]
    input: Coordinates
    event_time: datetime | None
    detected_at: datetime


class DeadLetter(msgspec.Struct, frozen=True):
    """A refused message, as `read_dead_letter` finds it in headers and value."""

    input: Coordinates
    category: str
    reason: str
    size: int
    payload: bytes
    refused_at: datetime


class ShadowCounts(msgspec.Struct, frozen=True):
    """How many transactions were anomalous for the model in force, for the one in shadow, or for both."""

    model: str
    both: int = 0
    only_live: int = 0
    only_shadow: int = 0

    def plus(self, more: "ShadowCounts") -> "ShadowCounts":
        """The sum of two counts of one model."""
        return ShadowCounts(
            self.model, self.both + more.both, self.only_live + more.only_live, self.only_shadow + more.only_shadow
        )


Unread = Literal["skipped", "lost"]


class LedgerRecord(msgspec.Struct, frozen=True):
    """The outcome counts of one partition in one micro-batch.

    `first_offset` to `last_offset`, both included, join the previous record's without gap; offsets in between that
    carry no message (Kafka's own control records, aborted messages) make the counts add up to less than the range.
    `histogram` counts scored messages by rarity (`model.serving.calibration.rarity_histogram`); `control_offset` is an
    alert's. `shadow` is None while no model runs in shadow. `group` is the consumer group; None in records from before
    they named it. `unread` says that nothing was scored: "skipped" by a start at the latest message, "lost" when the
    broker had deleted it before it was read.
    """

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    passed: int
    alerted: int
    dead: int
    model: str
    threshold: float
    histogram: tuple[int, ...]
    control_offset: int | None = None
    shadow: ShadowCounts | None = None
    group: str | None = None
    unread: Unread | None = None


class Ruling(NamedTuple):
    """By what transactions were scored: the model's version, and the offset of the last change (None: of none)."""

    model: str
    control_offset: int | None


class UnreadableMessage(EddyError):
    """A message on one of Eddy's own topics is not Eddy's."""


def coordinates(record: Record) -> Coordinates:
    return Coordinates(record.topic, record.partition, record.offset)


def alert_message(topic: str, key: bytes | None, alert: Alert) -> Message:
    headers = _cloud_event(ALERT_TYPE, alert.input, alert.detected_at)
    return Message(topic, key, _encode(alert), (*headers, ("content-type", b"application/json")))


def alert_messages(
    publishing: Publishing,
    records: Sequence[Record],
    decoded: Decoded,
    verdicts: Verdicts,
    rows: Sequence[int],
    ruling: Ruling,
    at: datetime,
) -> list[Message]:
    """One message for each of `rows` (of `decoded` and `verdicts`); `decoded` is what `records` held."""
    sources = [records[decoded.kept[k]] for k in rows]
    reasons = verdicts.reasons(rows, publishing.contributions)
    alerts = [
        Alert(
            transaction_id=decoded.transaction_id(k),
            score=float(verdicts.score[k]),
            threshold=verdicts.threshold,
            rarity=float(verdicts.rarity[k]),
            model=ruling.model,
            control_offset=ruling.control_offset,
            contributions=contributions,
            input=coordinates(record),
            event_time=decoded.event_time(k),
            detected_at=at,
        )
        for record, k, contributions in zip(sources, rows, reasons, strict=True)
    ]
    return [alert_message(publishing.alerts, record.key, alert) for record, alert in zip(sources, alerts, strict=True)]


def dead_letter_messages(
    publishing: Publishing, records: Sequence[Record], decoded: Decoded, at: datetime
) -> list[Message]:
    """One message for each record that `decoded` refused."""
    names = [field.name for field in decoded.schema.fields]
    refused = sorted(decoded.refused.items())
    return [_dead_letter_message(publishing, names, records[i], reason, at) for i, reason in refused]


def _dead_letter_message(
    publishing: Publishing, names: Sequence[str], record: Record, refused: Refused, at: datetime
) -> Message:
    payload = (record.value or b"")[: publishing.payload_max_bytes]
    headers = (
        *_cloud_event(DEAD_LETTER_TYPE, coordinates(record), at),
        ("content-type", b"application/octet-stream"),
        ("category", refused.category.encode()),
        ("reason", refused.reason.encode()),
        ("size", str(len(record.value or b"")).encode()),
    )
    key = None if record.key is None else record.key[:KEY_MAX_BYTES]
    shown = _masked(payload, names) if publishing.payload == "masked" else payload
    return Message(publishing.dead_letters, key, shown, headers)


def ledger_message(topic: str, entry: LedgerRecord) -> Message:
    return Message(topic, str(entry.partition).encode(), _encode(entry))


def read_alert(record: Record) -> Alert:
    return _read(record, _alert_decoder)


def read_ledger(record: Record) -> LedgerRecord:
    return _read(record, _ledger_decoder)


def read_dead_letter(record: Record) -> DeadLetter:
    headers = {name: value or b"" for name, value in record.headers}  # Kafka knows headers without a value
    try:
        topic, partition, offset = headers["ce_id"].decode().rsplit(":", 2)
        return DeadLetter(
            input=Coordinates(topic, int(partition), int(offset)),
            category=headers["category"].decode(),
            reason=headers["reason"].decode(),
            size=int(headers["size"]),
            payload=record.value or b"",
            refused_at=datetime.fromisoformat(headers["ce_time"].decode()),
        )
    except (KeyError, ValueError):
        raise UnreadableMessage(f"{coordinates(record)} is not a dead letter of Eddy's") from None


def _masked(payload: bytes, names: Sequence[str]) -> bytes:
    """The same bytes with letters, digits and non-ASCII replaced, but for field names of the schema.

    What remains shows the structure (which field, which kind of value, where it breaks off) and nothing personal.
    """
    shown = bytearray(payload.translate(_MASK))
    if names:
        for match in re.finditer(
            rb'"(?:' + b"|".join(re.escape(name.encode()) for name in names) + rb')"\s*:', payload
        ):
            shown[match.start() : match.end()] = match.group()
    return bytes(shown)


def input_of(record: Record) -> tuple[Partition, int]:
    """The input coordinates of an alert or a dead letter, from its `ce_id` alone."""
    for name, value in record.headers:
        if name == "ce_id":
            with contextlib.suppress(ValueError):
                topic, partition, offset = (value or b"").decode().rsplit(":", 2)
                return Partition(topic, int(partition)), int(offset)
    raise UnreadableMessage(f"{coordinates(record)} has no header ce_id of Eddy's: it was not published by Eddy")


def _cloud_event(kind: str, source: Coordinates, at: datetime) -> tuple[Header, ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", kind.encode()),
        ("ce_source", SOURCE.encode()),
        ("ce_id", str(source).encode()),
        ("ce_time", at.isoformat().encode()),
    )


def _mask_table() -> bytes:
    letters, digits = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789"
    return bytes(120 if b in letters else 48 if b in digits else 63 if b > 126 else b for b in range(256))


T = TypeVar("T")


def _read(record: Record, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return decoder.decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreadableMessage(f"{coordinates(record)} was not published by Eddy: {error}") from None


_MASK = _mask_table()
_encode = msgspec.json.Encoder().encode
_alert_decoder = msgspec.json.Decoder(Alert)
_ledger_decoder = msgspec.json.Decoder(LedgerRecord)
