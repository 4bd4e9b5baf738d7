"""From the bytes on the wire to rows that can be scored, or to the reason why not.

The fast path is one call of msgspec per message and one look at its quotes; whatever looks unusual there takes the
slow path, which reads the message again with care. A message is never the cause of an exception: it ends as a row or as
a `Refused` with a category and a reason that names fields and types, never values, because values are personal data.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Literal, NoReturn

import msgspec
import numpy as np

from eddy.messaging.ports import Record
from eddy.model.schema.schema import EARLIEST_S, LATEST_S, Columns, Field, Kind, TransactionSchema

REASON_MAX_CHARS = 200
TEXT_MAX_CHARS = 4_000
KEY_MAX_BYTES = 4_000
FIELD_NAME_MAX_CHARS = 256
NUMBER_MAX = 1e15
UNKNOWN_FIELDS_MOST = 32


class Category(StrEnum):
    """Why a message was refused: the header `category` of a dead letter, and a label of a metric."""

    NULL_VALUE = "null-value"
    EMPTY = "empty"
    WHITESPACE = "whitespace"
    NOT_UTF8 = "not-utf8"
    BYTE_ORDER_MARK = "byte-order-mark"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing-bytes"
    MALFORMED = "malformed"
    NOT_AN_OBJECT = "not-an-object"
    TOO_DEEP = "too-deep"
    DUPLICATE_KEY = "duplicate-key"
    MISSING_FIELD = "missing-field"
    UNKNOWN_FIELD = "unknown-field"
    FIELD_NAME_TOO_LONG = "field-name-too-long"
    WRONG_TYPE = "wrong-type"
    NOT_FINITE = "not-finite"
    OUT_OF_RANGE = "out-of-range"
    BAD_TEXT = "bad-text"
    EVENT_TIME = "event-time"
    UNSCORABLE = "unscorable"
    KEY_NOT_UTF8 = "key-not-utf8"
    KEY_TOO_LONG = "key-too-long"
    HEADER_NOT_UTF8 = "header-not-utf8"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one message cannot be scored. The reason has at most 200 characters and quotes no value."""

    category: Category
    reason: str


UNSCORABLE = Refused(Category.UNSCORABLE, "the model's score is not a finite number: `eddy models verify` checks it")


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
        return None if field is None else str(getattr(self.rows[k], field.attribute))

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
        self._decoder = msgspec.json.Decoder(schema.struct(forbid_unknown=unknown_fields == "refuse"))
        sent = [field for field in schema.fields if field.kind not in (Kind.IGNORED, Kind.LABEL)]
        texts = [field for field in sent if _is_text(field)]
        nullable = [field.attribute for field in texts if field.nullable]
        self._unknown = _UnknownFields(field.name for field in sent)
        self._texts = [(field.name, attrgetter(field.attribute)) for field in texts]
        self._nulls = attrgetter(*nullable, nullable[0]) if nullable else None  # named twice: always gives a tuple
        self._quotes = 2 * (len(sent) + len(texts) + sum(map(_is_quoted_time, sent)))

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Reads n records: key and headers first, then the values. Never raises for anything that a record contains."""
        if _have_plain_envelopes(records):
            return self.decode_values([record.value for record in records])
        bad = {i: refused for i, record in enumerate(records) if (refused := _refused_envelope(record))}
        sound = [i for i in range(len(records)) if i not in bad]
        return self.decode_values([records[i].value for i in sound]).among(sound, bad)

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
            except (msgspec.DecodeError, UnicodeError, TypeError, RecursionError, _Unacceptable) as error:
                refused[index] = _why(value, error)
            else:
                rows.append(row)
                kept.append(index)
        return self._within_range(rows, kept, refused)

    def _inspect(self, value: bytes, row: msgspec.Struct) -> None:
        """Reads an unusual message again: valid text, each key once, no absurd names, no absurd or control text."""
        found = _read_with_care(value)
        for name, text_of in self._texts:
            text = text_of(row)
            if text is not None and (len(text) > TEXT_MAX_CHARS or "\0" in text):
                _refuse(Category.BAD_TEXT, f"text of `{name}` has a NUL or more than {TEXT_MAX_CHARS} characters")
        self._unknown.met(found)

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


def _have_plain_envelopes(records: Sequence[Record]) -> bool:
    """The usual case, checked for all records at once: no headers, and short keys of ASCII."""
    keys = [record.key or b"" for record in records]
    short = max(map(len, keys), default=0) <= KEY_MAX_BYTES
    return short and b"".join(keys).isascii() and not any(map(attrgetter("headers"), records))


def _refused_envelope(record: Record) -> Refused | None:
    """What is wrong with a record apart from its value; None if nothing is.

    The broker's client hands header names on as text, with what was not UTF-8 replaced by U+FFFD.
    """
    key = record.key or b""
    if len(key) > KEY_MAX_BYTES:
        return Refused(Category.KEY_TOO_LONG, f"the message's key has more than {KEY_MAX_BYTES} bytes")
    if not _is_utf8(key):
        return Refused(Category.KEY_NOT_UTF8, "the message's key is not UTF-8")
    if any("\ufffd" in name for name, _ in record.headers):
        return Refused(Category.HEADER_NOT_UTF8, "the name of a header is not UTF-8")
    return None


class _Unacceptable(Exception):
    """Carries a refusal out of the slow path."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


def _refuse(category: Category, reason: str) -> NoReturn:
    raise _Unacceptable(Refused(category, reason))


class _UnknownFields:
    """Fields that the schema does not name, once they were met: what is the same in every message must cost little.

    What was met decides how long a message takes, never how it ends.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = frozenset(known)
        self._names: tuple[str, ...] = ()
        self._decode: Callable[[bytes], msgspec.Struct] | None = None

    def quotes(self, value: bytes) -> int | None:
        """How many quotes such fields put into a message of ASCII without escapes; None where that is not told."""
        if self._decode is None or not value.isascii():
            return None
        found = [bytes(raw) for raw in msgspec.structs.astuple(self._decode(value)) if raw]
        for raw in found:
            if raw.startswith((b"{", b"[")):
                _read_with_care(raw)
        return sum(2 + raw.count(b'"') for raw in found)

    def met(self, names: Iterable[str]) -> None:
        new = [name for name in names if name not in self._known and name not in self._names]
        if new and len(self._names) + len(new) <= UNKNOWN_FIELDS_MOST:
            self._names = (*self._names, *new)
            rename = {f"field_{number}": name for number, name in enumerate(self._names)}
            fields = [(attribute, msgspec.Raw, msgspec.Raw()) for attribute in rename]
            self._decode = msgspec.json.Decoder(msgspec.defstruct("Unknown", fields, rename=rename)).decode


def _read_with_care(value: bytes) -> Any:
    return json.loads(value.decode(), object_pairs_hook=_each_key_once, parse_int=_ignore, parse_float=_ignore)


def _each_key_once(pairs: list[tuple[str, Any]]) -> set[str]:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        _refuse(Category.DUPLICATE_KEY, "a field is there more than once: which one counts is anybody's guess")
    if max(map(len, names), default=0) > FIELD_NAME_MAX_CHARS:
        _refuse(Category.FIELD_NAME_TOO_LONG, f"the name of a field has more than {FIELD_NAME_MAX_CHARS} characters")
    return names


def _ignore(_: str) -> None:
    """Numbers were read already; a slow path must not stumble over one with 5,000 digits in an unknown field."""


def _is_text(field: Field) -> bool:
    return field.kind in (Kind.CATEGORICAL, Kind.IDENTIFIER) and field.unit != "integer"


def _is_quoted_time(field: Field) -> bool:
    return field.kind is Kind.TIMESTAMP and field.unit == "iso8601"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _why(value: bytes | None, error: Exception) -> Refused:
    if isinstance(error, _Unacceptable):
        return error.refused
    return _why_by_bytes(value) or _why_by_error(value or b"", error)


def _why_by_bytes(value: bytes | None) -> Refused | None:
    if value is None:
        return Refused(Category.NULL_VALUE, "the message has no value (a tombstone)")
    if not value:
        return Refused(Category.EMPTY, "the message is empty")
    if not value.strip():
        return Refused(Category.WHITESPACE, "the message is white space only")
    if value.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return Refused(Category.BYTE_ORDER_MARK, "the message starts with a byte order mark: send UTF-8 without one")
    if not _is_utf8(value):
        return Refused(Category.NOT_UTF8, "the message is not UTF-8")
    return None


def _why_by_error(value: bytes, error: Exception) -> Refused:
    if isinstance(error, RecursionError):
        return Refused(Category.TOO_DEEP, "the message is nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        return _why_by_schema(str(error))
    return _why_by_syntax(value, str(error))


def _why_by_schema(message: str) -> Refused:
    """Tells apart what msgspec says of well-formed JSON; its messages name fields and types, never values."""
    if message.startswith("Object contains unknown field"):
        return Refused(Category.UNKNOWN_FIELD, "the message has a field that the schema does not name")
    category = Category.WRONG_TYPE
    if message.startswith("Expected `object`"):
        category = Category.NOT_AN_OBJECT
    elif message.startswith("Object missing required field"):
        category = Category.MISSING_FIELD
    elif message.startswith("Number out of range"):
        category = Category.OUT_OF_RANGE
    elif message.startswith("Invalid RFC3339"):
        category = Category.EVENT_TIME
    return Refused(category, message[:REASON_MAX_CHARS])


def _why_by_syntax(value: bytes, message: str) -> Refused:
    if "surrogate" in message or ("truncated" in message and _is_complete(value)):
        return Refused(Category.BAD_TEXT, "text has half a surrogate pair")
    if "truncated" in message:
        return Refused(Category.TRUNCATED, "the message ends too early")
    if "trailing characters" in message:
        return Refused(Category.TRAILING_BYTES, "there is more after the message's end")
    if _names_no_number(value, message):
        return Refused(Category.NOT_FINITE, "NaN and Infinity are no JSON numbers: send null")
    return Refused(Category.MALFORMED, message[:REASON_MAX_CHARS])


def _is_complete(value: bytes) -> bool:
    """Whether Python's parser, which lets half surrogate pairs pass, finds the end that msgspec did not."""
    try:
        json.loads(value, parse_int=_ignore, parse_float=_ignore)
    except (ValueError, RecursionError):
        return False
    return True


def _names_no_number(value: bytes, message: str) -> bool:
    """Whether the character that msgspec stumbled over begins `NaN` or `Infinity`; it says so as `(byte 71)`."""
    place = message.rpartition("(byte ")[2].rstrip(")")
    start = int(place) if place.isdecimal() else len(value)
    return value[start : start + 9].lstrip(b"-").startswith((b"NaN", b"Infinity"))
