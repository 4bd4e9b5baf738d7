"""A table replayed says to the stream what it said to training: the same columns, whatever the file looks like."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.model.data.conversion import columns_of
from eddy.model.data.sampling import read_table
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.producer.replay import Replay

ROWS = 3_000
Write = Callable[[pd.DataFrame, Path], object]


def payments() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "transaction_id": [f"t-{n}" for n in range(ROWS)],
            "card_id": [f"{n:04}" for n in rng.integers(0, 90, ROWS)],
            "event_time": [f"2026-01-{1 + n // 200:02}T{n % 200 // 9:02}:{n % 200 % 9:02}:00" for n in range(ROWS)],
            "amount": rng.lognormal(3, 1, ROWS).round(2),
            "country": rng.choice(["NA", "DE", "null", "FR"], ROWS),
            "shop": rng.choice(["bakery, large", 'the "inn"', " fuel", "café"], ROWS),
            "mcc": rng.choice([5411, 5812, 742], ROWS),
            "distance_km": rng.choice([1.0, 2.5, np.nan], ROWS),
            "online": rng.random(ROWS) < 0.4,
        }
    )


def late_zeros(table: pd.DataFrame, path: Path) -> None:
    """Codes have a leading zero for the first time in the last row, far behind the first piece."""
    codes = table["mcc"].where(table["mcc"] != 742, 5411).astype(str)
    codes.iloc[-1] = "0742"
    table.assign(mcc=codes, note="x" * 2_000).to_csv(path.with_suffix(".csv"), index=False)


def late_text(table: pd.DataFrame, path: Path) -> None:
    """A category is NA, which stands for a missing number, in all of the first piece."""
    countries = ["NA"] * (ROWS - 400) + ["DE"] * 400
    table.assign(country=countries, note="x" * 2_000).to_csv(path.with_suffix(".csv"), index=False)


def utf8_bytes(table: pd.DataFrame, path: Path) -> None:
    """Text without the mark of text, as some writers of Parquet leave it."""
    plain = pa.Table.from_pandas(table, preserve_index=False)
    raw = [column.cast(pa.binary()) if pa.types.is_large_string(column.type) else column for column in plain.columns]
    pyarrow.parquet.write_table(pa.table(raw, plain.column_names), path.with_suffix(".parquet"), row_group_size=700)


def sparse_lines(table: pd.DataFrame, path: Path) -> None:
    """Lines of JSON that lack a key wherever it has no value."""
    lines = (row.dropna().to_json(force_ascii=False) for _, row in table.iterrows())
    path.with_suffix(".jsonl").write_text("\n".join(lines), encoding="utf-8")


SHAPES: dict[str, Write] = {
    "csv": lambda table, path: table.to_csv(path.with_suffix(".csv"), index=False),
    "csv.gz": lambda table, path: table.to_csv(path.with_suffix(".csv.gz"), index=False),
    "semicolons": lambda table, path: table.to_csv(path.with_suffix(".csv"), index=False, sep=";"),
    "decimal commas": lambda table, path: table.to_csv(path.with_suffix(".csv"), index=False, sep=";", decimal=","),
    "dollars": lambda table, path: table.assign(amount=table["amount"].map("${:,.2f}".format)).to_csv(
        path.with_suffix(".csv"), index=False
    ),
    "tabs": lambda table, path: table.to_csv(path.with_suffix(".tsv"), index=False, sep="\t"),
    "quoted names": lambda table, path: table.rename(columns={"shop": "shop; or, shop"}).to_csv(
        path.with_suffix(".csv"), index=False, sep=";"
    ),
    "spaces in the header": lambda table, path: path.with_suffix(".csv").write_text(
        "  " + table.to_csv(index=False).replace(",", " , ", len(table.columns) - 1), encoding="utf-8"
    ),
    "late leading zeros": late_zeros,
    "late text": late_text,
    "parquet": lambda table, path: table.to_parquet(path.with_suffix(".parquet"), row_group_size=700),
    "parquet of times": lambda table, path: table.assign(
        event_time=pd.to_datetime(table["event_time"]).dt.tz_localize("Europe/Berlin")
    ).to_parquet(path.with_suffix(".parquet")),
    "parquet of categories": lambda table, path: table.astype({"shop": "category"}).to_parquet(
        path.with_suffix(".parquet")
    ),
    "parquet of bytes": utf8_bytes,
    "lines of JSON": lambda table, path: table.to_json(path.with_suffix(".jsonl"), orient="records", lines=True),
    "sparse lines of JSON": sparse_lines,
    "times with offsets": lambda table, path: table.assign(event_time=table["event_time"] + "+02:00").to_csv(
        path.with_suffix(".csv"), index=False
    ),
    "times in milliseconds": lambda table, path: table.assign(
        event_time=pd.to_datetime(table["event_time"]).astype("datetime64[ms]").astype("int64")
    ).to_csv(path.with_suffix(".csv"), index=False),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_stream_decodes_what_training_read(tmp_path: Path, shape: str) -> None:
    SHAPES[shape](payments(), tmp_path / "table")
    (path,) = tmp_path.iterdir()
    learned = read_table(path)
    schema = infer(learned)
    expected = columns_of(learned, schema)
    assert {"amount", "event_time", "country"} <= set(schema.scored)

    for replay in (Replay(path, schema), Replay(path)):
        values = [value for batch in replay.batches() for value in batch.values]
        decoded = TransactionCodec(schema).decode_values(values)
        assert not decoded.refused
        assert decoded.columns.categorical.tolist() == expected.categorical.tolist()
        np.testing.assert_array_equal(decoded.columns.numeric, expected.numeric)
        np.testing.assert_array_equal(decoded.columns.timestamp, expected.timestamp)


def test_whole_numbers_that_are_categories_have_no_decimal_point_whatever_stands_beside_them(tmp_path: Path) -> None:
    schema = TransactionSchema(
        (
            Field("card", Kind.CATEGORICAL, role="card"),
            Field("at", Kind.TIMESTAMP, role="time", unit="s"),
        )
    )
    table = pd.DataFrame({"card": [1.0, 2.5, 3.0, 4.0], "at": [1.0, 2.0, 3.0, 4.0]})
    assert columns_of(table, schema).categorical[:, 0].tolist() == ["1", "2.5", "3", "4"]
    assert columns_of(table[2:], schema).categorical[:, 0].tolist() == ["3", "4"]
    table.to_parquet(tmp_path / "t.parquet", row_group_size=2)
    keys = [key for batch in Replay(tmp_path / "t.parquet", schema).batches() for key in batch.keys]
    assert keys == [b"1", b"2.5", b"3", b"4"]


def test_a_nullable_key_absent_from_a_whole_piece_of_json_is_sent_as_null(tmp_path: Path) -> None:
    fields = (
        Field("card", Kind.IDENTIFIER, role="card"),
        Field("at", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, nullable=True),
    )
    line = '{"card": "a", "at": "2026-01-01T00:00:00Z"}\n'
    (tmp_path / "1.jsonl").write_text(line)
    (tmp_path / "2.jsonl").write_text(line.replace("}", ', "amount": 2}'))
    replay = Replay(str(tmp_path / "*.jsonl"), TransactionSchema(fields))
    values = [value for batch in replay.batches() for value in batch.values]
    decoded = TransactionCodec(replay.schema).decode_values(values)
    np.testing.assert_array_equal(decoded.columns.numeric[:, 0], [np.nan, 2.0])
