"""Times as spreadsheets write them are read where the column leaves no doubt, and asked about where it does."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.model.data.conversion import TableError, columns_of
from eddy.model.data.sampling import read_table
from eddy.model.data.schema_inference import guess, infer
from eddy.model.schema.schema import Field, Kind, SchemaError, TransactionSchema

DAYS = pd.Timestamp("2026-01-05 00:07:11", tz="UTC") + pd.to_timedelta(np.arange(600) * 3_601, unit="s")
WRITTEN = [
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%Y/%m/%d %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
]


def table(form: str, times: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"amount": rng.lognormal(3, 1, len(times)).round(2), "date": times.strftime(form)})


@pytest.mark.parametrize("form", WRITTEN)
def test_the_format_is_inferred_and_tables_and_messages_read_it(form: str, tmp_path: Path) -> None:
    table(form).to_csv(tmp_path / "t.csv", index=False)
    read = read_table(tmp_path / "t.csv")
    schema = infer(read)
    assert schema.fields[1] == Field("date", Kind.TIMESTAMP, "time", "iso8601", format=form)
    assert TransactionSchema.from_toml(schema.to_toml()) == schema
    expected = pd.to_datetime(DAYS.strftime(form), format=form, utc=True).astype("int64") / 1e9
    if pd.to_datetime(DAYS.strftime(form), format=form, utc=True).unit == "us":
        expected = expected * 1e3
    np.testing.assert_allclose(columns_of(read, schema).timestamp[:, 0], expected)
    messages = [json.dumps(row).encode() for row in read.to_dict("records")]
    decoded = TransactionCodec(schema).decode_values(messages)
    assert not decoded.refused
    np.testing.assert_allclose(decoded.columns.timestamp[:, 0], expected)
    iso = TransactionCodec(schema).decode_values([b'{"amount": 1, "date": "2026-01-05T00:07:11Z"}'])
    assert iso.columns.timestamp[0, 0] == DAYS[0].timestamp()


def test_where_day_and_month_may_be_either_both_formats_are_named() -> None:
    early = pd.DatetimeIndex([day for day in DAYS if day.day <= 12])
    found = guess(table("%m/%d/%Y %H:%M", early))[1]
    assert found.field.kind is Kind.IGNORED
    assert '"%d/%m/%Y %H:%M" or format = "%m/%d/%Y %H:%M"' in found.why
    assert guess(table("%d.%m.%Y %H:%M", early))[1].field.format == "%d.%m.%Y %H:%M"


def test_a_column_in_two_formats_is_left_out_with_the_reason() -> None:
    mixed = table("%d/%m/%Y %H:%M")
    mixed.loc[::7, "date"] = DAYS[::7].strftime("%Y/%m/%d %H:%M")
    found = guess(mixed)[1]
    assert (found.field.kind, "more than one format" in found.why) == (Kind.IGNORED, True)


@pytest.mark.parametrize(("form", "said"), [("%d.%m.%Y", "without a time of day"), ("%H:%M:%S", "without a day")])
def test_days_and_times_of_day_in_columns_of_their_own_are_to_be_joined(form: str, said: str) -> None:
    found = guess(table(form))[1]
    assert found.field.kind is Kind.IGNORED
    assert said in found.why
    assert "one column" in found.why


def test_a_cell_in_another_format_is_refused_by_its_row() -> None:
    rows = table("%d.%m.%Y %H:%M")
    schema = infer(rows)
    rows.loc[3, "date"] = "31.31.2026 10:00"
    with pytest.raises(TableError, match=r"column date, row 4: '31.31.2026 10:00' is no time"):
        columns_of(rows, schema)


@pytest.mark.parametrize(
    "line",
    [
        'date = {kind = "timestamp", format = "%d.%m"}',
        'date = {kind = "timestamp", format = "day"}',
        'date = {kind = "timestamp", unit = "s", format = "%d.%m.%Y %H:%M"}',
        'date = {kind = "categorical", format = "%d.%m.%Y %H:%M"}',
    ],
)
def test_a_format_that_cannot_be_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(SchemaError, match="line 3, field `date`: format"):
        TransactionSchema.from_toml(f'[fields]\namount = {{kind = "numeric"}}\n{line}\n')
