"""Why messages are refused: the categories, and how a reason is found once reading has failed.

A reason names fields and types, never values, because values are personal data.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import NoReturn

import msgspec

from eddy.messaging import envelopes
from eddy.messaging.ports import Record

REASON_MAX_CHARS = 200
KEY_MAX_BYTES = 4_000


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
    ENVELOPE = "envelope"
    KEY_TOO_LONG = "key-too-long"
    HEADER_NOT_UTF8 = "header-not-utf8"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one message cannot be scored. The reason has at most 200 characters and quotes no value."""

    category: Category
    reason: str


_MAY_BE_ENVELOPES = (Category.MISSING_FIELD, Category.NOT_AN_OBJECT, Category.NOT_UTF8, Category.MALFORMED)

UNSCORABLE = Refused(Category.UNSCORABLE, "the model's score is not a finite number: `eddy models verify` checks it")


class Unacceptable(Exception):
    """Carries a refusal out of the slow path."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


def refuse(category: Category, reason: str) -> NoReturn:
    raise Unacceptable(Refused(category, reason))


def refused_envelopes(records: Sequence[Record]) -> dict[int, Refused]:
    """The records, by index, whose key or headers are not sound, whatever their value."""
    if _have_plain_envelopes(records):
        return {}
    return {i: refused for i, record in enumerate(records) if (refused := _refused_envelope(record))}


def _have_plain_envelopes(records: Sequence[Record]) -> bool:
    """The usual case, checked for all records at once: no headers, and short keys."""
    longest = max((len(record.key or b"") for record in records), default=0)
    return longest <= KEY_MAX_BYTES and not any(map(attrgetter("headers"), records))


def _refused_envelope(record: Record) -> Refused | None:
    """What is wrong with a record apart from its value; None if nothing is.

    The broker's client hands header names on as text, with what was not UTF-8 replaced by U+FFFD.
    """
    key = record.key or b""
    if len(key) > KEY_MAX_BYTES:
        return Refused(Category.KEY_TOO_LONG, f"the message's key has more than {KEY_MAX_BYTES} bytes")
    if any("\ufffd" in name for name, _ in record.headers):
        return Refused(Category.HEADER_NOT_UTF8, "the name of a header is not UTF-8")
    return None


def reason_for(value: bytes | None, error: Exception, fields: Sequence[str]) -> Refused:
    """Why a message cannot be read; `fields` are those that every transaction has."""
    found = _why(value, error)
    envelope = envelopes.name_of(value, fields) if value and found.category in _MAY_BE_ENVELOPES else None
    return found if envelope is None else Refused(Category.ENVELOPE, envelope[:REASON_MAX_CHARS])


def _why(value: bytes | None, error: Exception) -> Refused:
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
    if isinstance(error, Unacceptable):
        return error.refused
    if isinstance(error, RecursionError):
        return Refused(Category.TOO_DEEP, "the message is nested too deeply")
    if isinstance(error, msgspec.ValidationError):
        return _why_by_schema(str(error))
    return _why_by_syntax(value, str(error))


def _why_by_schema(message: str) -> Refused:
    """The category of a schema error of msgspec, whose messages name fields and types, never values."""
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
        json.loads(value, parse_int=ignore_number, parse_float=ignore_number)
    except (ValueError, RecursionError):
        return False
    return True


def _names_no_number(value: bytes, message: str) -> bool:
    """Whether `NaN` or `Infinity` begins where msgspec failed; it names the place as `(byte 71)`."""
    place = message.rpartition("(byte ")[2].rstrip(")")
    start = int(place) if place.isdecimal() else len(value)
    return value[start : start + 9].lstrip(b"-").startswith((b"NaN", b"Infinity"))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def ignore_number(_: str) -> None:
    """Numbers were read already; the slow path must not fail on one with 5,000 digits in an unknown field."""
