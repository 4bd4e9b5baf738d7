"""Messages that must be refused, each with its category: shared by the tests of the codec and of the whole loop."""

import json
from typing import Any

from eddy.messaging.refusals import Category
from eddy.model.schema.schema import Field, Kind, TransactionSchema

SCHEMA = TransactionSchema(
    (
        Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
        Field("card_id", Kind.IDENTIFIER, role="card"),
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount"),
        Field("distance_km", Kind.NUMERIC, nullable=True),
        Field("category", Kind.CATEGORICAL, nullable=True),
    )
)
SOUND: dict[str, Any] = {
    "transaction_id": "t-1",
    "card_id": "4111111111111111",
    "event_time": "2026-03-01T12:00:00.123Z",
    "amount": 77,
    "distance_km": 1.5,
    "category": "grocery",
}
DEEP = b"[" * 100_000 + b"]" * 100_000


def message(**changes: Any) -> bytes:
    return json.dumps(SOUND | changes, separators=(",", ":"), ensure_ascii=False).encode()


def raw(old: bytes, new: bytes) -> bytes:
    assert old in message()
    return message().replace(old, new)


def with_unknown(text: bytes) -> bytes:
    return message()[:-1] + b"," + text + b"}"


POISON: dict[str, tuple[bytes | None, Category]] = {
    "null value": (None, Category.NULL_VALUE),
    "empty": (b"", Category.EMPTY),
    "white space": (b" \n\t", Category.WHITESPACE),
    "not UTF-8": (raw(b"grocery", b"groc\xffery"), Category.NOT_UTF8),
    "not UTF-8 in an unknown field": (with_unknown(b'"note":"\xff"'), Category.NOT_UTF8),
    "byte order mark": (b"\xef\xbb\xbf" + message(), Category.BYTE_ORDER_MARK),
    "UTF-16": (message().decode().encode("utf-16"), Category.BYTE_ORDER_MARK),
    "truncated": (message()[:-7], Category.TRUNCATED),
    "trailing bytes": (message() + b"{}", Category.TRAILING_BYTES),
    "top-level array": (b"[1]", Category.NOT_AN_OBJECT),
    "top-level null": (b"null", Category.NOT_AN_OBJECT),
    "top-level number": (b"17", Category.NOT_AN_OBJECT),
    "nested 100,000 deep": (with_unknown(b'"x":' + DEEP), Category.TOO_DEEP),
    "doubled key": (raw(b'"amount":77', b'"amount":77,"amount":1'), Category.DUPLICATE_KEY),
    "doubled key, escaped": (raw(b'"amount":77', b'"amount":77,"\\u0061mount":1'), Category.DUPLICATE_KEY),
    "doubled key behind a null": (
        raw(b'"grocery"', b'null,"amount":1'),
        Category.DUPLICATE_KEY,
    ),
    "missing field": (raw(b'"amount":77,', b""), Category.MISSING_FIELD),
    "text for a number": (raw(b"77", b'"77 EUR"'), Category.WRONG_TYPE),
    "boolean for a number": (raw(b"77", b"true"), Category.WRONG_TYPE),
    "null for a number": (raw(b"77", b"null"), Category.WRONG_TYPE),
    "list for a text": (raw(b'"grocery"', b'["grocery"]'), Category.WRONG_TYPE),
    "object for a number": (raw(b"77", b'{"EUR":77}'), Category.WRONG_TYPE),
    "in an envelope": (b'{"payload":' + message() + b"}", Category.ENVELOPE),
    "NaN": (raw(b"77", b"NaN"), Category.NOT_FINITE),
    "Infinity": (raw(b"77", b"-Infinity"), Category.NOT_FINITE),
    "1e999": (raw(b"77", b"1e999"), Category.OUT_OF_RANGE),
    "1e38": (raw(b"77", b"1e38"), Category.OUT_OF_RANGE),
    "integer of 5,000 digits": (raw(b"77", b"7" * 5000), Category.OUT_OF_RANGE),
    "half a surrogate pair": (raw(b"grocery", b"\\ud800"), Category.BAD_TEXT),
    "NUL in a text": (raw(b"grocery", b"gro\\u0000cery"), Category.BAD_TEXT),
    "text of a megabyte": (message(category="x" * 1_000_000), Category.BAD_TEXT),
    "field name of a megabyte": (with_unknown(b'"' + b"k" * 1_000_000 + b'":1'), Category.FIELD_NAME_TOO_LONG),
    "not JSON": (b"transaction=1&amount=3", Category.MALFORMED),
    "single quotes": (message().replace(b'"', b"'"), Category.MALFORMED),
    "year 10,000": (message(event_time="10000-01-01T00:00:00Z"), Category.EVENT_TIME),
    "no time": (message(event_time="yesterday"), Category.EVENT_TIME),
    "year 1969": (message(event_time="1969-12-31T23:59:59Z"), Category.EVENT_TIME),
    "year 2200": (message(event_time="2200-01-01T00:00:00Z"), Category.EVENT_TIME),
}


class RawName(str):
    """The name of a header that goes onto the wire as other bytes than its own."""

    raw: bytes

    def __new__(cls, raw: bytes) -> "RawName":
        made = super().__new__(cls, "raw")
        made.raw = raw
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:  # noqa: ARG002
        return self.raw


ENVELOPES: dict[str, tuple[bytes, tuple[tuple[str, bytes], ...], Category]] = {
    "key of 5,000 bytes": (b"k" * 5_000, (), Category.KEY_TOO_LONG),
    "header name not UTF-8": (b"c-1", ((RawName(b"tr\xffce"), b"1"),), Category.HEADER_NOT_UTF8),
    "header name of one bad byte": (b"c-1", (("trace", b"1"), (RawName(b"\x80"), b"2")), Category.HEADER_NOT_UTF8),
}
"""Key, headers, and the category; the message itself is sound."""
