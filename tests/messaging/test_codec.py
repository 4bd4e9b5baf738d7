"""Every message ends as a row or as a refusal with its category; none ends as an exception."""

import json
import random
import struct
import uuid

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eddy.messaging.codec import UNKNOWN_FIELDS_MOST, TransactionCodec
from eddy.messaging.memory.cluster import MemoryRecord
from eddy.messaging.refusals import REASON_MAX_CHARS, Category, Refused
from tests.plugins.poison import POISON, SCHEMA, SOUND, message, with_unknown


@pytest.fixture(scope="module")
def codec() -> TransactionCodec:
    return TransactionCodec(SCHEMA)


def refusal(codec: TransactionCodec, value: bytes | None) -> Refused:
    decoded = codec.decode_values([value])
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
    decoded = codec.decode_values([value])
    assert not decoded.refused
    assert decoded.kept == [0]


def test_rows_keep_their_places_among_refused_messages(codec: TransactionCodec) -> None:
    decoded = codec.decode_values([b"", message(amount=1), None, message(amount=1e31), message(amount=2)])
    assert decoded.kept == [1, 4]
    assert sorted(decoded.refused) == [0, 2, 3]
    assert decoded.columns.numeric[:, 0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", [b'\\"amount', b"a\\\\b", b"a\\u0000b", b"a\\nb"])
def test_unknown_fields_may_have_names_with_escapes(codec: TransactionCodec, name: bytes) -> None:
    value = with_unknown(b'"' + name + b'":1')
    assert codec.decode_values([value, message(), value]).kept == [0, 1, 2]


def test_no_messages_are_no_rows(codec: TransactionCodec) -> None:
    decoded = codec.decode_values([])
    assert (len(decoded.rows), decoded.refused, decoded.columns.numeric.shape) == (0, {}, (0, 2))


def test_unknown_fields_are_refused_where_that_is_the_policy() -> None:
    strict = TransactionCodec(SCHEMA, unknown_fields="refuse")
    found = refusal(strict, with_unknown(b'"4111111111111111":1'))
    assert found.category is Category.UNKNOWN_FIELD
    assert "4111" not in found.reason
    assert not strict.decode_values([message()]).refused


def record(offset: int, key: bytes | None, value: bytes | None, header: str | None = None) -> MemoryRecord:
    return MemoryRecord("transactions", 0, offset, 0, key, value, () if header is None else ((header, b""),))


@pytest.mark.parametrize(
    ("key", "header", "category"),
    [
        (b"k" * 5_000, None, Category.KEY_TOO_LONG),
        (None, "\ufffd", Category.HEADER_NOT_UTF8),
    ],
)
def test_a_record_is_refused_for_its_key_or_headers_whatever_its_value(
    codec: TransactionCodec, key: bytes | None, header: str | None, category: Category
) -> None:
    for value in (message(), b"{"):
        assert codec.decode([record(0, key, value, header)]).refused[0].category is category


def test_sound_keys_and_headers_are_no_matter(codec: TransactionCodec) -> None:
    """Keys are handed on byte for byte: a long, a UUID, or Avro is as good as text."""
    keys = (
        b"c-1",
        "caf\u00e9".encode(),
        None,
        b"",
        struct.pack(">q", 2**63 - 1),
        uuid.UUID(int=2**127).bytes,
        b"\0\xff",
    )
    for header in ("trace", None):
        decoded = codec.decode([record(i, key, message(), header) for i, key in enumerate(keys)])
        assert (decoded.kept, decoded.refused) == (list(range(len(keys))), {})


def test_records_keep_their_places_among_those_refused_for_their_key(codec: TransactionCodec) -> None:
    values = [message(amount=1), message(amount=2), b"{", message(amount=3)]
    keys = [b"c-1", b"k" * 5_000, b"c-1", b"c-1"]
    decoded = codec.decode([record(i, key, value) for i, (key, value) in enumerate(zip(keys, values, strict=True))])
    assert decoded.kept == [0, 3]
    assert {i: refused.category for i, refused in decoded.refused.items()} == {
        1: Category.KEY_TOO_LONG,
        2: Category.TRUNCATED,
    }
    assert decoded.columns.numeric[:, 0].tolist() == [1.0, 3.0]


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
    decoded = TransactionCodec(SCHEMA).decode_values([value, message()])
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
    decoded = codec.decode_values(values)
    assert sorted([*decoded.kept, *decoded.refused]) == list(range(20_000))
    assert len(decoded.rows) == len(decoded.columns)
    assert max(len(found.reason) for found in decoded.refused.values()) <= REASON_MAX_CHARS


EXTRA = [b'"channel":"web"', b'"note":null', b'"n":7', b'"terminal":{"id":[1,"a"]}', b'"b":false']


@pytest.mark.parametrize("extra", EXTRA)
def test_a_known_unknown_field_costs_no_second_look(monkeypatch: pytest.MonkeyPatch, extra: bytes) -> None:
    codec, value = TransactionCodec(SCHEMA), with_unknown(extra)
    assert not codec.decode_values([value]).refused
    looks: list[bytes] = []
    monkeypatch.setattr(codec, "_inspect", lambda value, _: looks.append(value))
    assert not codec.decode_values([value] * 3 + [message()]).refused
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
    experienced.decode_values([with_unknown(one) for one in EXTRA])
    for sound in (message(), message(category=None)):
        value = sound[:-1] + b"," + extra + again + b"}"
        assert experienced.decode_values([value]).refused[0].category is category
        assert experienced.decode_values([value]).refused == fresh.decode_values([value]).refused


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.integers() | st.text(), max_size=3))
@example({'a "name"': 1})
@example({"back\\slash": 1})
@example({"tab\tname": 1})
@example({"\ud800": 1})
def test_unknown_fields_of_any_name_are_read_or_refused_whatever_was_seen_before(extra: dict[str, object]) -> None:
    fresh, full = TransactionCodec(SCHEMA), TransactionCodec(SCHEMA)
    full.decode_values([with_unknown(b'"f%d":1' % number) for number in range(UNKNOWN_FIELDS_MOST)])
    values = [json.dumps(SOUND | extra, ensure_ascii=True).encode(), message()]
    for _ in range(2):
        decoded = fresh.decode_values(values)
        assert sorted([*decoded.kept, *decoded.refused]) == [0, 1]
        assert 1 in decoded.kept
        assert full.decode_values(values).refused == decoded.refused


def test_unknown_fields_without_end_are_read_with_care_and_remembered_within_bounds() -> None:
    codec = TransactionCodec(SCHEMA)
    assert not codec.decode_values([with_unknown(b'"f%d":"x"' % number) for number in range(1_000)]).refused
    assert len(codec._unknown._names) <= UNKNOWN_FIELDS_MOST
