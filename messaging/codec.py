"""From the bytes on the wire to rows that can be scored, or to the reason why not.

The fast path is one call of msgspec per message and one look at its quotes; whatever looks unusual there takes the
slow path, which reads the message again with care. A message is never the cause of an exception: it ends as a row or as
a `Refused` with a category and a reason that names fields and types, never values, because values are personal data.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Literal

import msgspec
import numpy as np

from eddy.messaging.ports import Record
from eddy.messaging.refusals import (
    Category,
    Refused,
    Unacceptable,
    ignore_number,
    reason_for,
    refuse,
    refused_envelopes,
)
from eddy.messaging.tolerant import TolerantReader
from eddy.model.schema.schema import EARLIEST_S, LATEST_S, NUMBER_MAX, Columns, Field, Kind, TransactionSchema

TEXT_MAX_CHARS = 4_000
FIELD_NAME_MAX_CHARS = 256
UNKNOWN_FIELDS_MOST = 32
_UNREADABLE = (msgspec.DecodeError, UnicodeError, TypeError, RecursionError, Unacceptable)
_ESCAPED = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
"""Characters that stand in JSON only as escapes; msgspec has no fields with them in their names."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """n messages, read: rows[k] is message kept[k], columns hold the rows; the other messages are refused."""

    schema: TransactionSchema
    rows: Sequence[msgspec.Struct]
    columns: Columns
    kept: Sequence[int]
    refused: dict[int, Refused]

    def refusing(self, reasons: Mapping[int, Refused]) -> "Decoded":
        """The same, with these rows refused as well."""
        left = [k for k in range(len(self.rows)) if k not in reasons]
        refused = self.refused | {self.kept[k]: reason for k, reason in reasons.items()}
        rows, columns = [self.rows[k] for k in left], self.columns[np.array(left, np.intp)]
        return Decoded(self.schema, rows, columns, [self.kept[k] for k in left], refused)

    def among(self, indices: Sequence[int], others: Mapping[int, Refused]) -> "Decoded":
        """The same, where message i is number indices[i] of a longer sequence whose `others` are refused."""
        refused = {**others, **{indices[k]: reason for k, reason in self.refused.items()}}
        return Decoded(self.schema, self.rows, self.columns, [indices[k] for k in self.kept], refused)

    def transaction_id(self, k: int) -> str | None:
        """The id of rows[k]; None where the schema names no field as one."""
        field = self.schema.role("transaction")
        found = None if field is None else getattr(self.rows[k], field.attribute)
        return None if found is None else str(found)

    def transaction_ids(self) -> Sequence[str | None]:
        """The `transaction_id` of all rows, which is quicker for all of them at once."""
        field = self.schema.role("transaction")
        if field is None:
            return [None] * len(self.rows)
        found = map(attrgetter(field.attribute), self.rows)
        return [None if value is None else str(value) for value in found]

    def event_time(self, k: int) -> datetime | None:
        """When the transaction of rows[k] happened, as its message says; None where the schema has no time."""
        field = self.schema.role("time")
        if field is None:
            return None
        return datetime.fromtimestamp(float(self.columns.timestamp[k, self.schema.timestamps.index(field.name)]), UTC)


class TransactionCodec:
    """Reads transactions of one schema.

    Args:
        schema: the active model's.
        unknown_fields: what to do with a message that has fields the schema does not name.
    """

    def __init__(self, schema: TransactionSchema, unknown_fields: Literal["ignore", "refuse"] = "ignore") -> None:
        self._schema = schema
        row = schema.struct(forbid_unknown=unknown_fields == "refuse")
        self._decoder = msgspec.json.Decoder(row)
        sent = [field for field in schema.fields if field.kind not in (Kind.IGNORED, Kind.LABEL)]
        texts = [field for field in sent if _is_text(field)]
        nullable = [field.attribute for field in texts if field.nullable]
        self._tolerant = TolerantReader(schema, row, unknown_fields == "refuse")
        self._required = [field.name for field in sent if not field.nullable]
        self._unknown = _UnknownFields(field.name for field in sent)
        self._texts = [(field.name, attrgetter(field.attribute)) for field in texts]
        self._nulls = attrgetter(*nullable, nullable[0]) if nullable else None  # named twice: always gives a tuple
        self._quotes = 2 * (len(sent) + len(texts) + sum(map(_is_quoted_time, sent)))

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Reads n records: key and headers first, then the values. Never raises for anything that a record contains."""
        refused = refused_envelopes(records)
        if not refused:
            return self.decode_values([record.value for record in records])
        sound = [i for i in range(len(records)) if i not in refused]
        return self.decode_values([records[i].value for i in sound]).among(sound, refused)

    def decode_values(self, values: Sequence[bytes | None]) -> Decoded:
        """Reads n values that came without key and headers."""
        rows: list[msgspec.Struct] = []
        kept: list[int] = []
        refused: dict[int, Refused] = {}
        decode, quotes, nulls, unknown = self._decoder.decode, self._quotes, self._nulls, self._unknown.quotes
        messages: Sequence[Any] = values  # None fails to decode like any other bad value
        for index, value in enumerate(messages):
            try:
                row = decode(value)
                # Every field once and no escapes: exactly this many quotes. A null text would hide a doubled key.
                more = value.count(b'"') - quotes
                short = b"\\" not in value and len(value) <= TEXT_MAX_CHARS and not (nulls and None in nulls(row))
                if not short or (more and more != unknown(value)):
                    self._inspect(value, row)
            except _UNREADABLE as error:
                outcome = self._otherwise(value, error)
                if isinstance(outcome, Refused):
                    refused[index] = outcome
                    continue
                row = outcome
            rows.append(row)
            kept.append(index)
        return self._within_range(rows, kept, refused)

    def _otherwise(self, value: bytes | None, error: Exception) -> msgspec.Struct | Refused:
        """What could not be read plainly: read with more patience, where it is JSON of another shape."""
        if value is not None and isinstance(error, msgspec.ValidationError):
            try:
                row = self._tolerant.read(value)
                self._inspect(value, row)
            except _UNREADABLE as second:
                error = second
            else:
                return row
        return reason_for(value, error, self._required)

    def _inspect(self, value: bytes, row: msgspec.Struct) -> None:
        """Reads an unusual message again: valid text, each key once, no absurd names, no absurd or control text."""
        found = _read_with_care(value)
        for name, text_of in self._texts:
            text = text_of(row)
            if text is not None and (len(text) > TEXT_MAX_CHARS or "\0" in text):
                refuse(Category.BAD_TEXT, f"text of `{name}` has a NUL or more than {TEXT_MAX_CHARS} characters")
        self._unknown.remember(found)

    def _within_range(self, rows: list[msgspec.Struct], kept: list[int], refused: dict[int, Refused]) -> Decoded:
        columns = self._schema.columns(rows)
        large = np.abs(columns.numeric) > NUMBER_MAX
        untimely = ~((columns.timestamp >= EARLIEST_S) & (columns.timestamp < LATEST_S))
        decoded, bad = Decoded(self._schema, rows, columns, kept, refused), large.any(axis=1) | untimely.any(axis=1)
        if not bad.any():
            return decoded
        return decoded.refusing({k: self._out_of_range(large[k], untimely[k]) for k in np.flatnonzero(bad).tolist()})

    def _out_of_range(self, large: np.ndarray[Any, Any], untimely: np.ndarray[Any, Any]) -> Refused:
        if untimely.any():
            name = self._schema.timestamps[int(untimely.argmax())]
            return Refused(Category.EVENT_TIME, f"`{name}` is before 1970 or after 2199")
        name = self._schema.numeric[int(large.argmax())]
        return Refused(Category.OUT_OF_RANGE, f"`{name}` is beyond {NUMBER_MAX:g} in size")


class _UnknownFields:
    """Fields that were seen and that the schema does not name: what every message has must cost little.

    What was seen decides how long a message takes, never its outcome.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._names: tuple[str, ...] = ()
        self._decode: Callable[[bytes], msgspec.Struct] | None = None

    def quotes(self, value: bytes) -> int | None:
        """How many quotes such fields put into a message of ASCII without escapes; None where that cannot be said."""
        if self._decode is None or not value.isascii():
            return None
        found = [bytes(raw) for raw in msgspec.structs.astuple(self._decode(value)) if raw]
        for raw in found:
            if raw.startswith((b"{", b"[")):
                _read_with_care(raw)
        return sum(2 + raw.count(b'"') for raw in found)

    def remember(self, names: Iterable[str]) -> None:
        known = self._known.union(self._names)
        new = [name for name in names if name not in known and not _ESCAPED.search(name)]
        if new and len(self._names) + len(new) <= UNKNOWN_FIELDS_MOST:
            self._names = (*self._names, *new)
            rename = {f"field_{number}": name for number, name in enumerate(self._names)}
            fields = [(attribute, msgspec.Raw, msgspec.Raw()) for attribute in rename]
            self._decode = msgspec.json.Decoder(msgspec.defstruct("Unknown", fields, rename=rename)).decode


def _read_with_care(value: bytes) -> Any:
    return json.loads(
        value.decode(), object_pairs_hook=_each_key_once, parse_int=ignore_number, parse_float=ignore_number
    )


def _each_key_once(pairs: list[tuple[str, Any]]) -> set[str]:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        refuse(Category.DUPLICATE_KEY, "a field is there more than once: send each field once")
    if max(map(len, names), default=0) > FIELD_NAME_MAX_CHARS:
        refuse(Category.FIELD_NAME_TOO_LONG, f"the name of a field has more than {FIELD_NAME_MAX_CHARS} characters")
    return names


def _is_text(field: Field) -> bool:
    return field.kind in (Kind.CATEGORICAL, Kind.IDENTIFIER) and field.unit != "integer"


def _is_quoted_time(field: Field) -> bool:
    return field.kind is Kind.TIMESTAMP and field.unit == "iso8601"
