from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.conversion import TableError, anomalous, columns_of
from eddy.model.data.sampling import read_table
from eddy.model.schema.schema import Field, Kind, TransactionSchema

MakeTable = Callable[..., pd.DataFrame]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
def test_csv_and_parquet_give_the_columns_of_the_table(
    tmp_path: Path, make_table: MakeTable, schema: TransactionSchema, name: str
) -> None:
    table = make_table(200)
    write = table.to_parquet if name.endswith("parquet") else table.to_csv
    write(tmp_path / name, index=False)
    expected, read = columns_of(table, schema), columns_of(read_table(tmp_path / name), schema)
    np.testing.assert_allclose(read.numeric, expected.numeric, rtol=1e-12)
    assert read.categorical.tolist() == expected.categorical.tolist()
    assert read.timestamp.tolist() == expected.timestamp.tolist()


def test_a_table_is_read_as_the_stream_would_be(schema: TransactionSchema) -> None:
    table = pd.DataFrame(
        {
            "event_time": ["2026-03-01T12:00:00", "2026-03-01 13:00:00.5+01:00"],
            "amount": ["12.5", 3],
            "distance_km": [None, 1.0],
            "temperature": [1, 2],
            "shop": ["fuel", "fuel"],
            "country": [None, "DE"],
        }
    )
    columns = columns_of(table, schema)
    np.testing.assert_array_equal(columns.numeric, [[12.5, np.nan, 1.0], [3.0, 1.0, 2.0]])
    assert columns.categorical.tolist() == [["fuel", ""], ["fuel", "DE"]]
    assert columns.timestamp.tolist() == [[1772366400.0], [1772366400.5]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, ["no file", "none.csv"]),
        ("t.xlsx", b"x", ["t.xlsx", ".csv", ".parquet"]),
        ("t.parquet", b"not parquet", ["t.parquet", "cannot be read"]),
        ("t.csv", b"", ["t.csv", "cannot be read"]),
        ("t.csv", b"a,b\n", ["t.csv", "no rows"]),
        ("t.csv", b"a,b\n1,\xff\xfe\n", ["t.csv", "cannot be read"]),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes | None, said: list[str]) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as raised:
        read_table(tmp_path / name)
    for words in said:
        assert words in str(raised.value)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("amount", "12 EUR", ["amount", "row 3", "'12 EUR'", "not a number"]),
        ("amount", np.inf, ["amount", "row 3", "not finite"]),
        ("event_time", "yesterday", ["event_time", "row 3", "'yesterday'", "iso8601"]),
        ("event_time", None, ["event_time", "row 3"]),
        ("event_time", "1969-12-31T00:00:00", ["event_time", "row 3", "1970"]),
        ("event_time", "2200-01-01T00:00:00", ["event_time", "row 3", "2199"]),
        ("event_time", "9999-12-31 23:59:59", ["event_time", "row 3", "2199"]),
        ("event_time", "0001-01-01", ["event_time", "row 3", "1970"]),
    ],
)
def test_a_wrong_value_is_told_with_column_row_and_remedy(
    make_table: MakeTable, schema: TransactionSchema, column: str, value: object, said: list[str]
) -> None:
    table = make_table(10).astype({column: object})
    table.loc[2, column] = value
    with pytest.raises(TableError) as raised:
        columns_of(table, schema)
    for words in said:
        assert words in str(raised.value)


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        ([5411, 742], ["5411", "742"]),
        ([5411.0, None], ["5411", ""]),
        (["5411", "0742"], ["5411", "742"]),
        (["5411", None], ["5411", ""]),
    ],
)
def test_codes_that_are_whole_numbers_in_messages_are_so_in_tables(values: list[object], levels: list[str]) -> None:
    schema = TransactionSchema((Field("mcc", Kind.CATEGORICAL, unit="integer", nullable=True),))
    assert columns_of(pd.DataFrame({"mcc": values}), schema).categorical[:, 0].tolist() == levels


@pytest.mark.parametrize("values", [[2, -1, None], [2.0, -1.0, None], ["2", "-1", None], ["2.0", "-1.0", None]])
def test_numbers_that_stand_for_a_missing_value_are_missing(values: list[object]) -> None:
    schema = TransactionSchema((Field("days", Kind.NUMERIC, missing=(-1.0,)),))
    read = columns_of(pd.DataFrame({"days": values}), schema)
    np.testing.assert_array_equal(read.numeric[:, 0], [2, np.nan, np.nan])


@pytest.mark.parametrize("value", ["A17", 5411.5])
def test_a_code_that_is_no_whole_number_is_told(value: object) -> None:
    schema = TransactionSchema((Field("mcc", Kind.CATEGORICAL, unit="integer"),))
    with pytest.raises(TableError, match=r"mcc, row 2: .* not a whole number.*integer"):
        columns_of(pd.DataFrame({"mcc": [5411, value]}), schema)


@pytest.mark.parametrize("values", [[5411.0, 742.0, None], [5411, 742, 1]])
def test_numbers_without_fractions_have_no_point_as_levels(values: list[object]) -> None:
    schema = TransactionSchema((Field("mcc", Kind.CATEGORICAL),))
    assert columns_of(pd.DataFrame({"mcc": values}), schema).categorical[:2, 0].tolist() == ["5411", "742"]


@pytest.mark.parametrize(
    ("values", "unit", "said"),
    [
        ([1772366400, 1772366401], "iso8601", ["1772366400", "unit iso8601"]),
        ([1772366400, 1772366401], "ms", ["January 1970", 'unit = "s"']),
        ([1772366400000, 1772366401000], "s", ["unit s", "iso8601, s, ms"]),
        (["2026-03-01T12:00:00", "2026-03-01T12:00:00"], "s", ["unit s", "2026-03-01T12:00:00"]),
        (list(pd.to_datetime(["2026-03-01", "2026-03-02"])), "ms", ["unit ms"]),
    ],
)
def test_times_in_another_unit_than_the_schema_says_are_told(values: list[object], unit: str, said: list[str]) -> None:
    schema = TransactionSchema((Field("at", Kind.TIMESTAMP, unit=unit),))
    with pytest.raises(TableError) as raised:
        columns_of(pd.DataFrame({"at": values}), schema)
    for words in ("column at, row 1", *said):
        assert words in str(raised.value)


def test_a_column_that_is_not_there_is_told(make_table: MakeTable, schema: TransactionSchema) -> None:
    with pytest.raises(TableError, match="shop, country"):
        columns_of(make_table(10).drop(columns=["shop", "country"]), schema)


@pytest.mark.parametrize(
    ("values", "strange"),
    [
        ([0, 1, 0], [1]),
        ([False, True, False], [1]),
        (["", "spree", None], [1]),
        (["legit", "FRAUD", "Normal"], [1]),
        ([0.0, 1.0, np.nan], [1]),
    ],
)
def test_rows_that_a_label_calls_anomalous_are_found(values: list[object], strange: list[int]) -> None:
    schema = TransactionSchema((Field("amount", Kind.NUMERIC), Field("label", Kind.LABEL)))
    table = pd.DataFrame({"amount": [1.0, 2.0, 3.0], "label": values})
    assert np.flatnonzero(anomalous(table, schema)).tolist() == strange


@pytest.mark.parametrize(("name", "factor"), [("microseconds", 10**6), ("nanoseconds", 10**9)])
@pytest.mark.parametrize("unit", ["s", "ms"])
def test_times_in_a_finer_unit_are_named_as_what_they_are(name: str, factor: int, unit: str) -> None:
    schema = TransactionSchema((Field("at", Kind.TIMESTAMP, role="time", unit=unit),))
    table = pd.DataFrame({"at": [(1_767_225_600 + n) * factor for n in range(3)]})
    with pytest.raises(TableError, match=f"looks like {name}: divide by {factor // 1_000:,}"):
        columns_of(table, schema)


def test_labels_may_be_written_with_quotes() -> None:
    schema = TransactionSchema((Field("amount", Kind.NUMERIC), Field("Class", Kind.LABEL)))
    table = pd.DataFrame({"amount": 1.0, "Class": ["'0'", "'1'", '"0"']})
    assert anomalous(table, schema).tolist() == [False, True, False]
