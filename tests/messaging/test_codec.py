"""Every message ends as a row or as a refusal with its category; none ends as an exception."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eddy.messaging.codec import (
    REASON_MAX_CHARS,
    UNKNOWN_FIELDS_MOST,
    Category,
    Refused,
    TransactionCodec,
    refused_envelope,
)
from tests.plugins.poison import POISON, SCHEMA, SOUND, message, with_unknown


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


@settings(max_examples=500, deadline=None)
@given(st.one_of(damaged(), st.binary(max_size=200), pieces))
@example(b'{"a":NaN')
@example(b"\xed\xa0\x80")
def test_fuzzed_bytes_are_read_or_refused_and_nothing_else(value: bytes) -> None:
    decoded = TransactionCodec(SCHEMA).decode([value, message()])
    assert len(decoded.rows) + len(decoded.refused) == 2
    assert 1 in decoded.kept
    for found in decoded.refused.values():
        assert len(found.reason) <= REASON_MAX_CHARS


def test_20_000_damaged_messages_are_read_or_refused_and_nothing_else(codec: TransactionCodec) -> None:
    """Many more than Hypothesis would try in the time; the seed is printed for those that fail."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sources = [value for value, _ in POISON.values() if value and len(value) < 2_000] + [message()] * 30
    values: list[bytes | None] = []
    for _ in range(20_000):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randint(0, 6)] = chance.randbytes(chance.randint(0, 6))
        values.append(bytes(data))
    decoded = codec.decode(values)
    assert sorted([*decoded.kept, *decoded.refused]) == list(range(20_000))
    assert len(decoded.rows) == len(decoded.columns)
    assert max(len(found.reason) for found in decoded.refused.values()) <= REASON_MAX_CHARS


EXTRA = [b'"channel":"web"', b'"note":null', b'"n":7', b'"terminal":{"id":[1,"a"]}', b'"b":false']


@pytest.mark.parametrize("extra", EXTRA)
def test_a_known_unknown_field_costs_no_second_look(monkeypatch: pytest.MonkeyPatch, extra: bytes) -> None:
    codec, value = TransactionCodec(SCHEMA), with_unknown(extra)
    assert not codec.decode([value]).refused
    looks: list[bytes] = []
    monkeypatch.setattr(codec, "_inspect", lambda value, _: looks.append(value))
    assert not codec.decode([value] * 3 + [message()]).refused
    assert looks == []


@pytest.mark.parametrize("extra", EXTRA)
@pytest.mark.parametrize(
    ("again", "category"),
    [
        (b',"amount":1', Category.DUPLICATE_KEY),
        (b',"category":"x"', Category.DUPLICATE_KEY),
        (b',"terminal":{"id":1,"id":2}', Category.DUPLICATE_KEY),
        (b',"channel":1,"channel":2', Category.DUPLICATE_KEY),
        (b',"terminal":"\xff"', Category.NOT_UTF8),
        (b',"' + b"n" * 300 + b'":1', Category.FIELD_NAME_TOO_LONG),
    ],
)
def test_what_was_met_changes_no_refusal(extra: bytes, again: bytes, category: Category) -> None:
    fresh, experienced = TransactionCodec(SCHEMA), TransactionCodec(SCHEMA)
    experienced.decode([with_unknown(one) for one in EXTRA])
    for sound in (message(), message(category=None)):
        value = sound[:-1] + b"," + extra + again + b"}"
        assert experienced.decode([value]).refused[0].category is category
        assert experienced.decode([value]).refused == fresh.decode([value]).refused


def test_unknown_fields_without_end_are_read_with_care_and_remembered_within_bounds() -> None:
    codec = TransactionCodec(SCHEMA)
    assert not codec.decode([with_unknown(b'"f%d":"x"' % number) for number in range(1_000)]).refused
    assert len(codec._unknown._names) <= UNKNOWN_FIELDS_MOST
