"""What a table accepts, messages accept too, and both read it as the same; what is refused is refused by both."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eddy.messaging.codec import TransactionCodec
from eddy.messaging.refusals import Category
from eddy.model.data.conversion import TableError, columns_of
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema

FIELDS = {
    "id": Field("id", Kind.IDENTIFIER, role="transaction", nullable=True),
    "number": Field("number", Kind.NUMERIC, nullable=True),
    "flag": Field("flag", Kind.NUMERIC, unit="boolean"),
    "level": Field("level", Kind.CATEGORICAL, nullable=True),
    "code": Field("code", Kind.CATEGORICAL, unit="integer", nullable=True),
    "time": Field("time", Kind.TIMESTAMP, unit="iso8601"),
    "seconds": Field("seconds", Kind.TIMESTAMP, unit="s"),
    "millis": Field("millis", Kind.TIMESTAMP, unit="ms"),
}
SCHEMA = TransactionSchema(tuple(FIELDS.values()))
PLAIN: dict[str, Any] = {
    "id": "t-1",
    "number": 12.5,
    "flag": True,
    "level": "a",
    "code": 5411,
    "time": "2026-03-01T12:00:00Z",
    "seconds": 1772366400,
    "millis": 1772366400000,
}
CODEC = TransactionCodec(SCHEMA)


def read(row: dict[str, Any]) -> Columns:
    decoded = CODEC.decode_values([json.dumps(row).encode()])
    assert not decoded.refused, decoded.refused[0].reason
    return decoded.columns


def same(one: Columns, other: Columns) -> None:
    np.testing.assert_array_equal(one.numeric, other.numeric)
    np.testing.assert_array_equal(one.timestamp, other.timestamp)
    assert one.categorical.tolist() == other.categorical.tolist()


SPELLINGS: dict[str, dict[Any, Any]] = {
    "number": {"12.50": 12.5, " 12.5 ": 12.5, "1.25e1": 12.5, "+12.5": 12.5, "-3": -3, ".5": 0.5, 12: 12, 10**20: 1e20},
    "level": {5411: "5411", 3.0: "3", 2.5: "2.5"},
    "code": {"5411": 5411, "0742": 742, 5411.0: 5411},
    "time": {
        "2026-03-01T12:00Z": "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00z": "2026-03-01T12:00:00Z",
        "2026-03-01 12:00:00": "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+01": "2026-03-01T11:00:00Z",
        "2026-03-01T12:00:00-0530": "2026-03-01T17:30:00Z",
        "2026-03-01 12:00:00 +00:00": "2026-03-01T12:00:00Z",
        "2026-03-01 12:00:00.123 Z": "2026-03-01T12:00:00.123Z",
        " 2026-03-01T12:00:00,5Z ": "2026-03-01T12:00:00.5Z",
        "2026-03-01T12:00:00.123000000Z": "2026-03-01T12:00:00.123Z",
        "2026-03-01": "2026-03-01T00:00:00Z",
    },
    "seconds": {"1772366400": 1772366400, "1772366400.5": 1772366400.5},
    "millis": {"1772366400000": 1772366400000},
}
CASES = [(field, written, plain) for field, pairs in SPELLINGS.items() for written, plain in pairs.items()]


@pytest.mark.parametrize(("field", "written", "plain"), CASES)
def test_a_message_and_a_table_read_a_value_as_if_it_were_written_plainly(field: str, written: Any, plain: Any) -> None:
    row = PLAIN | {field: written}
    same(read(row), read(PLAIN | {field: plain}))
    same(columns_of(pd.DataFrame([row]), SCHEMA), read(row))


@pytest.mark.parametrize("field", ["id", "number", "level", "code"])
def test_null_may_be_left_out_where_the_field_may_be_null(field: str) -> None:
    absent = {name: value for name, value in PLAIN.items() if name != field}
    same(read(absent), read(PLAIN | {field: None}))


@pytest.mark.parametrize("identifier", [None, 17, "17"])
def test_an_identifier_is_text_or_nothing(identifier: Any) -> None:
    decoded = CODEC.decode_values([json.dumps(PLAIN | {"id": identifier}).encode()])
    assert decoded.transaction_id(0) == (None if identifier is None else "17")


@pytest.mark.parametrize("flag", ["true", "False", 1, "0"])
def test_truth_may_be_written_as_text_or_a_number(flag: Any) -> None:
    assert read(PLAIN | {"flag": flag}).numeric[0, 1] == float(flag in ("true", 1))


WRONG = [
    ("number", "12,50", Category.WRONG_TYPE),
    ("number", "12 EUR", Category.WRONG_TYPE),
    ("number", "", Category.WRONG_TYPE),
    ("number", "1e999", Category.OUT_OF_RANGE),
    ("number", 1e31, Category.OUT_OF_RANGE),
    ("flag", "maybe", Category.WRONG_TYPE),
    ("code", "A17", Category.WRONG_TYPE),
    ("code", 1.5, Category.WRONG_TYPE),
    ("time", "yesterday", Category.EVENT_TIME),
    ("time", "01.03.2026 12:00", Category.EVENT_TIME),
    ("time", "2026-02-30T12:00:00Z", Category.EVENT_TIME),
    ("seconds", "soon", Category.EVENT_TIME),
    ("seconds", "-1", Category.EVENT_TIME),
]


@pytest.mark.parametrize(("field", "value", "category"), WRONG)
def test_what_no_message_may_hold_no_table_may(field: str, value: Any, category: Category) -> None:
    row = PLAIN | {field: value}
    refused = CODEC.decode_values([json.dumps(row).encode()]).refused[0]
    assert refused.category is category
    assert f"`{field}`" in refused.reason
    assert not value or str(value) not in refused.reason
    if field != "flag":  # a table has a column of truth values, or none
        with pytest.raises(TableError, match=field):
            columns_of(pd.DataFrame([row]), SCHEMA)


def test_one_unusual_spelling_does_not_make_another_field_refused() -> None:
    """Plain reading takes any number of digits behind the second, and so does reading with patience."""
    digits = PLAIN | {"time": "2026-03-01T12:00:00.500000000000Z"}
    same(read(digits | {"number": "12.50"}), read(digits))


def test_one_unusual_spelling_does_not_hide_what_is_wrong() -> None:
    unusual = json.dumps(PLAIN | {"number": "12.50"})
    doubled = unusual.replace('"code": 5411', '"code": 5411, "code": 1')
    without = json.dumps({name: value for name, value in (PLAIN | {"number": "12.50"}).items() if name != "flag"})
    strict = TransactionCodec(SCHEMA, unknown_fields="refuse")
    unknown = json.dumps(PLAIN | {"number": "12.50", "note": 1})
    found = [codec.decode_values([text.encode()]).refused[0].category for codec, text in (
        (CODEC, doubled), (CODEC, without), (strict, unknown), (CODEC, unusual[:-3]),
    )]  # fmt: skip
    assert found == [Category.DUPLICATE_KEY, Category.MISSING_FIELD, Category.UNKNOWN_FIELD, Category.TRUNCATED]


@given(st.floats(-1e29, 1e29), st.integers(0, 2**40), st.datetimes(pd.Timestamp("1971"), pd.Timestamp("2199")))
def test_whatever_is_written_as_text_is_read_as_it_was(number: float, code: int, time: Any) -> None:
    row = PLAIN | {"number": number, "code": code, "time": time.isoformat()}
    text = row | {"number": repr(number), "code": str(code), "time": f" {time.isoformat(sep=' ')} +00 "}
    same(read(text), read(row))
    same(columns_of(pd.DataFrame([text]), SCHEMA), read(row))
