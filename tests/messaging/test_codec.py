"""Every message ends as a row or as a refusal with its category; none ends as an exception."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from messaging.codec import REASON_MAX_CHARS, Category, Refused, TransactionCodec, refused_envelope
from model.schema import Field, Kind, TransactionSchema

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


POISON = {
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
    "text for a number": (raw(b"77", b'"77"'), Category.WRONG_TYPE),
    "boolean for a number": (raw(b"77", b"true"), Category.WRONG_TYPE),
    "null for a number": (raw(b"77", b"null"), Category.WRONG_TYPE),
    "number for a text": (raw(b'"grocery"', b"3"), Category.WRONG_TYPE),
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


@pytest.fixture(scope="module")
def codec() -> TransactionCodec:
    return TransactionCodec(SCHEMA)


def refusal(codec: TransactionCodec, value: bytes | None) -> Refused:
    decoded = codec.decode([value])
    assert not decoded.rows
    return decoded.refused[0]


@pytest.mark.parametrize("name", POISON)
def test_each_poison_gets_its_category(codec: TransactionCodec, name: str) -> None:
    value, category = POISON[name]
    assert refusal(codec, value).category is category


@pytest.mark.parametrize("name", POISON)
def test_a_reason_is_short_and_quotes_no_value(codec: TransactionCodec, name: str) -> None:
    reason = refusal(codec, POISON[name][0]).reason
    assert 0 < len(reason) <= REASON_MAX_CHARS
    assert "4111" not in reason
    assert "grocery" not in reason


@pytest.mark.parametrize(
    "value",
    [
        message(),
        message(category="never seen"),
        message(category=None, distance_km=None),
        message(category='say "cheese"'),
        message(category="caf\u00e9"),
        json.dumps(SOUND | {"category": "caf\u00e9"}, indent=1).encode(),
        message(event_time="1970-01-01T00:00:00Z"),
        message(event_time="2026-03-01T12:00:00"),
        message(amount=-5, distance_km=1e15),
        with_unknown(b'"terminal":{"id":[1,2,{"a":null}]}'),
        with_unknown(b'"serial":' + b"9" * 5000),
        with_unknown(b'"note":"' + b"n" * 100_000 + b'"'),
        message() + b"\n",
    ],
)
def test_what_is_unusual_but_sound_is_read(codec: TransactionCodec, value: bytes) -> None:
    decoded = codec.decode([value])
    assert not decoded.refused
    assert decoded.kept == [0]


def test_rows_keep_their_places_among_refused_messages(codec: TransactionCodec) -> None:
    decoded = codec.decode([b"", message(amount=1), None, message(amount=1e20), message(amount=2)])
    assert decoded.kept == [1, 4]
    assert sorted(decoded.refused) == [0, 2, 3]
    assert decoded.columns.numeric[:, 0].tolist() == [1.0, 2.0]


def test_no_messages_are_no_rows(codec: TransactionCodec) -> None:
    decoded = codec.decode([])
    assert (len(decoded.rows), decoded.refused, decoded.columns.numeric.shape) == (0, {}, (0, 2))


def test_unknown_fields_are_refused_where_that_is_the_policy() -> None:
    strict = TransactionCodec(SCHEMA, unknown_fields="refuse")
    found = refusal(strict, with_unknown(b'"4111111111111111":1'))
    assert found.category is Category.UNKNOWN_FIELD
    assert "4111" not in found.reason
    assert not strict.decode([message()]).refused


def test_a_key_must_be_short_utf8() -> None:
    assert refused_envelope(b"c-1", []) is None
    assert refused_envelope("caf\u00e9".encode(), []) is None
    assert refused_envelope(None, []) is None
    not_text, too_long = refused_envelope(b"\xff\xfe", []), refused_envelope(b"k" * 5_000, [])
    assert not_text is not None
    assert not_text.category is Category.KEY_NOT_UTF8
    assert too_long is not None
    assert too_long.category is Category.KEY_TOO_LONG


def test_the_name_of_a_header_must_be_utf8() -> None:
    found = refused_envelope(None, ["trace", "\ufffd"])
    assert found is not None
    assert found.category is Category.HEADER_NOT_UTF8


pieces = st.sampled_from([value for value, _ in POISON.values() if value and len(value) < 5_000] + [message()])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message with bytes replaced, removed, doubled or put in."""
    data = bytearray(draw(pieces))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        until = at + draw(st.integers(0, 6))
        data[at:until] = draw(st.one_of(st.binary(max_size=6), st.just(bytes(data[at:until] * 2))))
    return bytes(data)


@settings(max_examples=2_000, deadline=None)
@given(st.one_of(damaged(), st.binary(max_size=200), pieces))
@example(b'{"a":NaN')
@example(b"\xed\xa0\x80")
def test_fuzzed_bytes_are_read_or_refused_and_nothing_else(value: bytes) -> None:
    decoded = TransactionCodec(SCHEMA).decode([value, message()])
    assert len(decoded.rows) + len(decoded.refused) == 2
    assert 1 in decoded.kept
    for found in decoded.refused.values():
        assert len(found.reason) <= REASON_MAX_CHARS
