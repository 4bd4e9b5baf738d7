from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eddy.model.schema.schema import Field, Kind, Role, SchemaError, TransactionSchema

MESSAGE = {
    "transaction_id": "t-1",
    "card_id": "c-1",
    "event_time": "2026-03-01T12:34:56.789Z",
    "amount": 12.5,
    "distance_km": None,
    "temperature": 3,
    "shop": "fuel",
    "country": "DE",
}


def decode(schema: TransactionSchema, message: dict[str, Any], forbid_unknown: bool = False) -> Any:
    return msgspec.json.decode(msgspec.json.encode(message), type=schema.struct(forbid_unknown))


def one_field(kind: Kind, **arguments: Any) -> TransactionSchema:
    return TransactionSchema((Field("amount", Kind.NUMERIC), Field("it", kind, **arguments)))


@st.composite
def schemas(draw: st.DrawFn) -> TransactionSchema:
    whole = st.sampled_from([None, "integer"])
    units: dict[Kind, st.SearchStrategy[str | None]] = {
        Kind.TIMESTAMP: st.sampled_from(["iso8601", "s", "ms"]),
        Kind.NUMERIC: st.none() | st.text(),
        Kind.IDENTIFIER: whole,
        Kind.CATEGORICAL: whole,
    }
    names = draw(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True))
    roles: dict[Kind, list[Role | None]] = {
        Kind.NUMERIC: ["amount", None],
        Kind.TIMESTAMP: ["time", None],
        Kind.IDENTIFIER: ["transaction", "card", None],
    }
    fields = [Field(names[0], Kind.NUMERIC)]
    for name in names[1:]:
        kind = draw(st.sampled_from(Kind))
        left = [
            role for role in roles.get(kind, [None]) if role not in {field.role for field in fields} or role is None
        ]
        unit = draw(units.get(kind, st.none()))
        nullable = kind in (Kind.NUMERIC, Kind.CATEGORICAL) and draw(st.booleans())
        plain = kind is Kind.NUMERIC and unit != "boolean"
        finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3).map(tuple)
        missing = draw(st.none() | finite) if plain else None
        fields.append(Field(name, kind, draw(st.sampled_from(left)), unit or None, nullable, missing))
    return TransactionSchema(tuple(fields))


@given(schemas())
def test_a_schema_written_out_and_read_back_is_the_same(schema: TransactionSchema) -> None:
    assert TransactionSchema.from_toml(schema.to_toml()) == schema


WRONG_EDITS = [
    ('[fields]\namount = {kind = "numerc"}', ["line 2", "amount", "numerc", '"numeric"']),
    ('[fields]\n\n"a b" = {kind = "timestamp", unit = "h"}', ["line 3", "a b", "'h'", "iso8601"]),
    ('[fields]\namount = {kind = "numeric", rolle = "amount"}', ["line 2", "rolle", "role"]),
    ('[fields]\namount = {kind = "numeric", role = "price"}', ["line 2", "amount", "price", '"amount"']),
    ('[fields]\nshop = {kind = "categorical", role = "amount"}', ["line 2", "shop", "numeric", "categorical"]),
    ('[fields]\nwhen = {kind = "numeric", role = "time"}', ["line 2", "when", "timestamp", "numeric"]),
    ('[fields]\na = {kind = "numeric", nullable = "yes"}', ["line 2", "nullable true or false"]),
    ('[fields]\na = {kind = "numeric", missing = -1}', ["line 2", "a", "missing a list of numbers"]),
    ('[fields]\na = {kind = "numeric", missing = ["-1"]}', ["line 2", "a", "missing a list of numbers"]),
    ('[fields]\na = {kind = "numeric", missing = [nan]}', ["line 2", "a", "finite numbers, such as [-1]"]),
    (
        '[fields]\na = {kind = "categorical", missing = [-1]}',
        ["line 2", "a", "is for numbers", "categorical", "remove"],
    ),
    ('[fields]\na = {kind = "numeric", unit = "boolean", missing = [0]}', ["line 2", "is for numbers", "boolean"]),
    ('[fields]\nat = {kind = "timestamp", nullable = true}', ["line 2", "at", "only fields of kind", "identifier"]),
    ('[fields]\nfraud = {kind = "label", unit = "boolean"}', ["line 2", "fraud", "not read from messages", "remove"]),
    ('[fields]\nfraud = {kind = "label", role = "card"}', ["line 2", "fraud", "identifier", "label"]),
    ('[fields]\nfraud = {kind = "label", nullable = true}', ["line 2", "fraud", "can be null"]),
    ('[fields]\nshop = {kind = "categorical", unit = "EUR"}', ["line 2", "shop", "integer", "EUR"]),
    ("[fields]\namount = 5", ["line 2", "amount", "5", "kind"]),
    ('[fields]\namount = "numeric"', ["line 2", "amount", "numeric", "kind"]),
    ('[fields]\nid = {kind = "identifier"}', ["no field can be scored", "id"]),
    ("[fields]\n", ["no field can be scored"]),
    (
        '[fields]\na = {kind = "numeric"}\nb = {kind = "numeric"}\na = {kind = "label"}',
        ["lines 2, 4", "`a`", "leave one"],
    ),
    ('[fields]\n"a b" = {kind = "numeric"}\n"a b" = {kind = "numeric"}', ["lines 2, 3", "`a b`", "leave one"]),
    ('[fields]\na = {kind = "numeric", kind = "label"}', ["TOML", "line 2"]),
    ('[fields]\na = {kind = "numeric",,}\nb = 1', ["TOML", "line 2"]),
    ("[fields]\na = {kind = numeric}", ["TOML", "line 2"]),
    ('[fields]\na {kind = "numeric"}', ["TOML", "line 2", "amount = "]),
    ('[fields]\na = {kind = "numeric"', ["TOML"]),
    ('a = {kind = "numeric"}', ["[fields]"]),
    ("fields = 3", ["[fields]"]),
    ('b = {kind = "numeric"}\n[fields]\na = {kind = "numeric"}', ["line 1", "`b`", "outside"]),
    ("", ["[fields]"]),
    (
        '[fields]\na = {kind="numeric", role="amount"}\n\nb = {kind="numeric", role="amount"}',
        ["lines 2, 4", "a, b", 'role = "amount"'],
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG_EDITS)
def test_a_wrong_edit_is_told_with_line_field_and_remedy(text: str, said: list[str]) -> None:
    with pytest.raises(SchemaError) as raised:
        TransactionSchema.from_toml(text)
    for words in said:
        assert words in str(raised.value)


def test_reasons_are_comments_that_change_nothing(schema: TransactionSchema) -> None:
    reasons = {"amount": "what was paid # and\nnot refunded", "shop": 'is "text"', "nobody": "is not there"}
    text = schema.to_toml(reasons)
    assert TransactionSchema.from_toml(text) == schema
    assert "# what was paid # and?not refunded\n" in text
    assert "nobody" not in text


def test_other_lines_are_put_below_as_comments_that_change_nothing(schema: TransactionSchema) -> None:
    text = schema.to_toml({}, {"temperature": 'temperature = {kind = "ignored"}\n'})
    assert TransactionSchema.from_toml(text) == schema
    assert '\n# temperature = {kind = "ignored"}?\n' in text


def test_numbers_that_stand_for_a_missing_value_are_read_as_null_is() -> None:
    schema = one_field(Kind.NUMERIC, missing=(-1.0, -999_999_999.0))
    assert schema.fields[1].nullable
    rows = [decode(schema, {"amount": -1, "it": value}) for value in (-1, None, -999999999, -2, 1e300)]
    read = schema.columns(rows).numeric
    np.testing.assert_array_equal(read[:, 1], [np.nan, np.nan, np.nan, -2, 1e300])
    np.testing.assert_array_equal(read[:, 0], [-1] * 5)
    without_null = schema.columns([rows[0], rows[3]]).numeric
    np.testing.assert_array_equal(without_null[:, 1], [np.nan, -2])


def test_that_there_are_none_can_be_said_too() -> None:
    said = TransactionSchema.from_toml('[fields]\na = {kind = "numeric", missing = []}').fields[0]
    assert (said.missing, said.nullable) == ((), False)


def test_categories_may_be_whole_numbers_in_messages() -> None:
    schema = one_field(Kind.CATEGORICAL, unit="integer", nullable=True)
    rows = [decode(schema, {"amount": 1, "it": value}) for value in (5411, None, -1)]
    assert schema.columns(rows).categorical.tolist() == [["5411"], [""], ["-1"]]
    for wrong in ("5411", 5411.5, 2**63):
        with pytest.raises(msgspec.ValidationError):
            decode(schema, {"amount": 1, "it": wrong})


def test_a_timestamp_without_a_unit_is_iso8601() -> None:
    schema = TransactionSchema.from_toml('[fields]\nat = {kind = "timestamp"}')
    assert schema.fields[0].unit == "iso8601"


def test_fields_are_read_with_their_wire_types(schema: TransactionSchema) -> None:
    row = decode(schema, MESSAGE)
    assert row.transaction_id == "t-1"
    assert row.event_time == datetime(2026, 3, 1, 12, 34, 56, 789_000, UTC)
    assert row.amount == 12.5
    assert row.distance_km is None
    assert type(row.temperature) is float


@pytest.mark.parametrize("name", ["transaction_id", "amount", "distance_km", "shop", "event_time"])
def test_every_field_must_be_there_nullable_or_not(schema: TransactionSchema, name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        decode(schema, {key: value for key, value in MESSAGE.items() if key != name})


@pytest.mark.parametrize(
    ("name", "value"),
    [("amount", "12"), ("amount", True), ("amount", None), ("shop", 7), ("event_time", 5), ("card_id", None)],
)
def test_a_value_of_another_type_is_refused(schema: TransactionSchema, name: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(schema, {**MESSAGE, name: value})


@pytest.mark.parametrize("kind", [Kind.IGNORED, Kind.LABEL])
def test_ignored_fields_and_labels_are_neither_needed_nor_read(kind: Kind) -> None:
    schema = one_field(kind)
    assert not hasattr(decode(schema, {"amount": 1}), "it")
    assert decode(schema, {"amount": 1, "it": [{}]}).amount == 1


def test_unknown_fields_are_refused_only_when_asked() -> None:
    schema = one_field(Kind.IGNORED)
    message = {"amount": 1, "it": {"deep": 1}, "other": 1}
    assert decode(schema, message).amount == 1
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        decode(schema, message, forbid_unknown=True)
    del message["other"]
    assert decode(schema, message, forbid_unknown=True).amount == 1


@pytest.mark.parametrize("name", ["with space", "a.b", "class", "__class__", "9x", "", "préfixe", "x-y", "\N{SNOWMAN}"])
def test_a_field_may_have_any_name_but_none(name: str) -> None:
    if not name:
        with pytest.raises(SchemaError):
            TransactionSchema((Field(name, Kind.NUMERIC),))
        return
    schema = TransactionSchema((Field(name, Kind.NUMERIC), Field("other", Kind.CATEGORICAL)))
    row = decode(schema, {name: 2.5, "other": "x"})
    assert schema.columns([row]).numeric.tolist() == [[2.5]]


def test_columns_hold_what_the_rows_hold(schema: TransactionSchema) -> None:
    rows = [decode(schema, MESSAGE), decode(schema, {**MESSAGE, "distance_km": 2, "country": None, "amount": -1})]
    columns = schema.columns(rows)
    assert len(columns) == 2
    np.testing.assert_array_equal(columns.numeric, [[12.5, np.nan, 3.0], [-1.0, 2.0, 3.0]])
    assert columns.categorical.tolist() == [["fuel", "DE"], ["fuel", ""]]
    assert columns.timestamp.tolist() == [[1772368496.789]] * 2


def test_no_rows_give_empty_columns_of_the_right_width(schema: TransactionSchema) -> None:
    columns = schema.columns([])
    assert (columns.numeric.shape, columns.categorical.shape, columns.timestamp.shape) == ((0, 3), (0, 2), (0, 1))


def test_a_kind_that_no_field_has_gives_no_columns() -> None:
    columns = TransactionSchema((Field("shop", Kind.CATEGORICAL),))
    read = columns.columns([decode(columns, {"shop": "x"})])
    assert (read.numeric.shape, read.timestamp.shape) == ((1, 0), (1, 0))


@pytest.mark.parametrize(
    ("unit", "value", "seconds"),
    [
        ("iso8601", "2026-03-01T12:00:00Z", 1772366400.0),
        ("iso8601", "2026-03-01T12:00:00", 1772366400.0),
        ("iso8601", "2026-03-01T13:00:00+01:00", 1772366400.0),
        ("s", 1772366400.25, 1772366400.25),
        ("ms", 1772366400250, 1772366400.25),
    ],
)
def test_times_become_seconds_and_are_utc_without_an_offset(unit: str, value: object, seconds: float) -> None:
    schema = one_field(Kind.TIMESTAMP, unit=unit)
    assert schema.columns([decode(schema, {"amount": 1, "it": value})]).timestamp.tolist() == [[seconds]]


def test_true_and_false_can_be_numbers_and_identifiers_integers() -> None:
    flag = one_field(Kind.NUMERIC, unit="boolean")
    assert flag.columns([decode(flag, {"amount": 1, "it": True})]).numeric.tolist() == [[1.0, 1.0]]
    account = one_field(Kind.IDENTIFIER, unit="integer")
    assert decode(account, {"amount": 1, "it": 4711}).it == 4711


def test_scored_fields_come_numbers_first_then_categories_then_times(schema: TransactionSchema) -> None:
    assert schema.scored == ("amount", "distance_km", "temperature", "shop", "country", "event_time")
    card, amount = schema.role("card"), schema.role("amount")
    assert card is not None
    assert amount is not None
    assert (card.name, amount.name) == ("card_id", "amount")
