"""Tables from every format and from several files: the same rows, or one sentence that says what is wrong."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard

from eddy.model.data.conversion import TableError, columns_of
from eddy.model.data.files.sources import ROWS, MixedColumn
from eddy.model.data.sampling import read_pieces, read_sample, read_table
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema

MakeTable = Callable[..., pd.DataFrame]

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "amount": rng.random(300).round(3),
            "count": rng.integers(0, 9, 300),
            "shop": rng.choice(["fuel", "NA", "Café, bar", 'the "inn"'], 300),
            "note": [None, "x"] * 150,
            "online": rng.random(300) < 0.5,
        }
    )


def write(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, row_group_size=70)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        table.to_csv(path, index=False)
    return path


def said(source: str | Path, read: Callable[[str | Path], object] = read_table) -> str:
    with pytest.raises(TableError) as raised:
        read(source)
    return str(raised.value)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_every_format_gives_the_same_rows(table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    read = read_table(write(table, tmp_path / name))
    assert read["shop"].tolist() == table["shop"].tolist()
    assert read["note"].isna().tolist() == table["note"].isna().tolist()
    assert read["online"].tolist() == table["online"].tolist()
    assert read["count"].dtype == np.int64
    np.testing.assert_array_equal(read["amount"], table["amount"])


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_files_may_be_compressed(table: pd.DataFrame, tmp_path: Path, packing: str, kind: str) -> None:
    plain = write(table, tmp_path / f"t.{kind}")
    packed = tmp_path / f"t.{kind}.{packing}"
    packed.write_bytes(PACK[packing](plain.read_bytes()))
    pd.testing.assert_frame_equal(read_table(packed), read_table(plain))


def test_a_zip_may_hold_one_table(table: pd.DataFrame, tmp_path: Path) -> None:
    plain = write(table, tmp_path / "t.csv")
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.write(plain, "t.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv.zip"), read_table(plain))
    with zipfile.ZipFile(tmp_path / "two.csv.zip", "w") as archive:
        archive.write(plain, "a.csv")
        archive.write(plain, "b.csv")
    assert "holds 2 files" in said(tmp_path / "two.csv.zip")


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_cells_may_be_separated_otherwise(table: pd.DataFrame, tmp_path: Path, separator: str) -> None:
    table.to_csv(tmp_path / "t.csv", index=False, sep=separator)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), read_table(write(table, tmp_path / "comma.csv")))


def test_a_matrix_becomes_columns_that_sort_and_a_label(tmp_path: Path) -> None:
    x = np.arange(36.0).reshape(3, 12)
    np.savez(tmp_path / "m.npz", X=x, y=np.array([0, 1, 0]), row=np.arange(3))
    read = read_table(tmp_path / "m.npz")
    assert read.columns.tolist() == [f"x{place:02}" for place in range(12)] + ["y", "row"]
    np.testing.assert_array_equal(read.to_numpy()[:, :12], x)
    np.save(tmp_path / "m.npy", x[:, :3])
    assert read_table(tmp_path / "m.npy").columns.tolist() == ["x0", "x1", "x2"]
    np.save(tmp_path / "s.npy", np.array([(1.5, b"a"), (2.5, b"b")], [("amount", float), ("shop", "S1")]))
    assert read_table(tmp_path / "s.npy")["shop"].tolist() == ["a", "b"]


def test_several_files_are_one_table_in_the_order_of_their_names(table: pd.DataFrame, tmp_path: Path) -> None:
    for name, begin in (("day-2", 100), ("day-1", 0), ("day-3", 200)):
        write(table[begin : begin + 100], tmp_path / f"{name}.csv")
    read = read_table(str(tmp_path / "day-*.csv"))
    np.testing.assert_array_equal(read["amount"], table["amount"])
    assert read.index.tolist() == list(range(300))


def test_columns_may_stand_in_another_order_but_must_be_the_same(table: pd.DataFrame, tmp_path: Path) -> None:
    write(table, tmp_path / "1.csv")
    write(table[table.columns[::-1]], tmp_path / "2.csv")
    assert read_table(str(tmp_path / "*.csv")).columns.tolist() == table.columns.tolist()
    write(table.rename(columns={"shop": "store"}), tmp_path / "3.csv")
    message = said(str(tmp_path / "*.csv"))
    for words in ("3.csv has other columns than", "1.csv", "lacks shop", "adds store"):
        assert words in message


def test_pieces_are_as_large_as_asked_and_together_the_table(table: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        pieces = list(read_pieces(write(table, tmp_path / name), rows=64))
        assert max(map(len, pieces)) <= 64
        np.testing.assert_array_equal(pd.concat(pieces)["amount"], table["amount"])
        assert pd.concat(pieces).index.tolist() == list(range(300))


def test_lines_of_json_come_on_standard_input(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = table.to_json(orient="records", lines=True).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    np.testing.assert_array_equal(read_table("-")["amount"], table["amount"])


def test_a_sample_is_uniform_in_order_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    whole = pd.DataFrame({"n": np.arange(20_000), "text": "x"})
    whole.to_csv(tmp_path / "t.csv", index=False)
    whole.to_parquet(tmp_path / "t.parquet", row_group_size=900)
    seen: list[int] = []
    one = read_sample(tmp_path / "t.csv", 1_000, seed=4, progress=seen.append)
    assert (one.rows, len(one.table), one.whole, seen[-1]) == (20_000, 1_000, False, 20_000)
    drawn = one.table["n"].to_numpy()
    assert (np.diff(drawn) > 0).all()
    assert one.table.index.tolist() == drawn.tolist()
    counts = np.histogram(drawn, 10, (0, 20_000))[0]
    assert abs(counts - 100).max() < 40  # four standard deviations
    assert read_sample(tmp_path / "t.parquet", 1_000, seed=4).table["n"].tolist() == drawn.tolist()
    assert read_sample(tmp_path / "t.csv", 1_000, seed=5).table["n"].tolist() != drawn.tolist()
    assert read_sample(tmp_path / "t.csv", 20_000).whole
    assert read_sample(tmp_path / "t.csv", 0).whole


def test_a_table_made_with_the_same_seed_is_sampled_fairly(tmp_path: Path) -> None:
    pd.DataFrame({"value": np.random.default_rng(4).random(5_000)}).to_parquet(tmp_path / "t.parquet")
    assert 0.45 < read_sample(tmp_path / "t.parquet", 1_000, seed=4).table["value"].mean() < 0.55


def test_every_row_is_as_likely_to_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eddy.model.data.files.sources.ROWS", 7)
    pd.DataFrame({"n": np.arange(40)}).to_csv(tmp_path / "t.csv", index=False)
    drawn = [read_sample(tmp_path / "t.csv", 10, seed=seed).table["n"].to_numpy() for seed in range(200)]
    assert {len(rows) for rows in drawn} == {10}
    counts = np.bincount(np.concatenate(drawn), minlength=40)
    assert abs(counts - 50).max() < 27  # 200 x 1/4, within four and a half standard deviations


BROKEN: dict[str, tuple[str, bytes, list[str]]] = {
    "empty": ("t.csv", b"", ["empty"]),
    "only space": ("t.csv", b"\n\n  \n", ["empty"]),
    "header only": ("t.csv", b"a,b\n", ["no rows"]),
    "too many cells": ("t.csv", b"a,b\n1,2\n1,2,3\n", ["line 3", "3 cells", "header has 2"]),
    "too few cells": ("t.csv", b"a,b\n1,2\n1\n", ["line 3", "1 cells", "header has 2"]),
    "too few cells after a separator line": ("t.csv", b"sep=;\n\na;b\n1;2\n1\n", ["line 5", "1 cells", "header has 2"]),
    "doubled but for spaces": ("t.csv", b"a,b, a\n1,2,3\n", ["column a", "more than once"]),
    "doubled names": ("t.csv", b"a,b,a\n1,2,3\n", ["column a", "more than once"]),
    "no header": ("t.csv", b"1.5,2,-3e-4\n1,2,3\n", ["first line", "names"]),
    "not UTF-8": ("t.csv", "a,b\n1,é\n".encode("latin-1"), ["line 2", "not UTF-8"]),
    "not UTF-8 in a number": ("t.csv", b"a,b\n1,2\n1\xff,2\n", ["line 3", "not UTF-8"]),
    "not UTF-8 in the header": ("t.csv", "é,b\n1,2\n".encode("latin-1"), ["not UTF-8"]),
    "UTF-16": ("t.csv", "a,b\n1,2\n".encode("utf-16"), ["not text"]),
    "binary": ("t.csv", bytes(range(256)) * 9, ["not text"]),
    "quote not closed": ("t.csv", b'a,b\n1,"2\n' + b"3,4\n" * 30_000, ["column b", "quote"]),
    "cut gzip": ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9_999)[:-20], ["cannot be read"]),
    "no gzip": ("t.csv.gz", b"a,b\n1,2\n", ["cannot be read"]),
    "no bz2": ("t.csv.bz2", b"a,b\n1,2\n", ["cannot be read"]),
    "cut xz": ("t.csv.xz", lzma.compress(b"a,b\n" * 9_999)[:-20], ["cannot be read"]),
    "no zst": ("t.csv.zst", b"a,b\n1,2\n", ["cannot be read"]),
    "no zip": ("t.csv.zip", b"a,b\n1,2\n", ["cannot be read"]),
    "no parquet": ("t.parquet", b"PAR1 and no more", ["cannot be read"]),
    "empty parquet": ("t.parquet", b"", ["cannot be read"]),
    "JSON array": ("t.jsonl", b'[{"a": 1}]\n', ["line 1", "no JSON object", "one line"]),
    "no JSON": ("t.jsonl", b'{"a": 1}\n{"a": \n', ["line 2", "no JSON object"]),
    "JSON not UTF-8": ("t.jsonl", b'{"a": "\xff"}\n', ["line 1"]),
    "JSON too deep": ("t.jsonl", b'{"a":' + b"[" * 99_999 + b"]" * 99_999 + b"}\n", ["line 1"]),
    "no JSON at all": ("t.jsonl", b"\n", ["no rows"]),
    "no npz": ("t.npz", b"PK and no more", ["cannot be read"]),
    "no npy": ("t.npy", b"\x93NUMPY", ["cannot be read"]),
    "another kind": ("t.xlsx", b"x", ["neither", ".csv", ".parquet"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_in_a_sentence_that_names_it(tmp_path: Path, case: str) -> None:
    name, content, words = BROKEN[case]
    (tmp_path / name).write_bytes(content)
    message = said(tmp_path / name)
    assert "\n" not in message
    for part in (name, *words):
        assert part in message


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("none.csv", "no file"),
        ("none*.csv", "no file matches"),
        ("", "directory"),
        ("days", "directory"),
    ],
)
def test_a_source_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, words: str
) -> None:
    (tmp_path / "days").mkdir()
    monkeypatch.chdir(tmp_path)
    assert words in said(source)


def test_arrays_that_are_no_table_are_refused(tmp_path: Path) -> None:
    for name, arrays in {
        "lengths.npz": {"X": np.zeros((3, 2)), "y": np.zeros(4)},
        "cube.npz": {"X": np.zeros((3, 2, 2))},
        "complex.npz": {"X": np.zeros((3, 2), complex)},
        "objects.npz": {"X": np.array([[{}, 1]], object)},
        "none.npz": {},
    }.items():
        np.savez(tmp_path / name, **arrays)
        assert name in said(tmp_path / name)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet", "t.jsonl", "t.npz"])
def test_no_damage_leads_to_anything_but_a_table_or_a_refusal(table: pd.DataFrame, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("npz"):
        np.savez_compressed(path, X=table[["amount", "count"]].to_numpy(), y=table["online"])
    else:
        write(table, path)
    sound, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(150):
        damaged = bytearray(sound[: rng.integers(0, len(sound) + 1)] if rng.random() < 0.3 else sound)
        for at in rng.integers(0, max(len(damaged), 1), rng.integers(1, 4)):
            damaged[at : at + 1] = bytes([rng.integers(0, 256)])
        path.write_bytes(damaged)
        with contextlib.suppress(TableError):
            read_table(path)


def test_a_column_of_numbers_that_turns_to_text_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eddy.model.data.files.csv._BLOCK", 64)
    codes = [f"{n:03}" if n >= 100 else str(n) for n in range(200)] + ["A17", "007"]
    pd.DataFrame({"code": codes, "n": range(202)}).to_csv(tmp_path / "t.csv", index=False)
    assert read_table(tmp_path / "t.csv")["code"].tolist() == codes
    with pytest.raises(MixedColumn) as raised:
        list(read_pieces(tmp_path / "t.csv"))
    for words in ("t.csv", "column code", "row 201", "'A17'", "categorical"):
        assert words in str(raised.value)
    assert pd.concat(read_pieces(tmp_path / "t.csv", texts=["code"]))["code"].tolist() == codes
    assert sum(map(len, read_pieces(tmp_path / "t.csv", consistent=False))) == 202


CELLS = ["7", "1.5", "0742", "NA", "true", "x", "", "1234567890123456789"]


@pytest.mark.parametrize("first", CELLS)
@pytest.mark.parametrize("last", CELLS)
def test_what_a_column_is_does_not_depend_on_the_order_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, last: str
) -> None:
    cells = [first] * 100 + [last] * 100
    pd.DataFrame({"c": cells, "n": 1}).to_csv(tmp_path / "whole.csv", index=False)
    whole = read_table(tmp_path / "whole.csv")["c"]
    monkeypatch.setattr("eddy.model.data.files.csv._BLOCK", 64)
    for order in (cells, cells[::-1]):
        pd.DataFrame({"c": order, "n": 1}).to_csv(tmp_path / "t.csv", index=False)
        read = read_table(tmp_path / "t.csv")["c"]
        read = read if order is cells else read[::-1]
        assert pd.api.types.is_numeric_dtype(read) == pd.api.types.is_numeric_dtype(whole)
        assert read.astype(object).fillna("").tolist() == whole.astype(object).fillna("").tolist()


def test_a_code_in_the_last_row_makes_categories_of_all(tmp_path: Path) -> None:
    codes = ["5411", "5812", "4121"] * 70_000 + ["0742"]
    for name, order in {"late.csv": codes, "early.csv": codes[::-1]}.items():
        pd.DataFrame({"mcc": order, "amount": 1.5, "note": "x" * 20}).to_csv(tmp_path / name, index=False)
        table = read_table(tmp_path / name)
        assert set(columns_of(table, infer(table)).categorical[:, 0]) == {"5411", "5812", "4121", "0742"}


def test_lines_of_json_that_are_numbers_at_first_and_text_later_are_text(tmp_path: Path) -> None:
    values = [1.0] * ROWS + [2.5, "A17", True, None, 3]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps({"code": value}) for value in values))
    read = read_table(tmp_path / "t.jsonl")["code"]
    assert set(read[:ROWS]) == {"1"}
    assert read[ROWS:].fillna("").tolist() == ["2.5", "A17", "true", "", "3"]


def test_a_typing_error_among_numbers_is_found_by_file_and_row(tmp_path: Path) -> None:
    good = pd.DataFrame({"amount": np.arange(1.0, 1_000.0), "shop": ["a", "b", "c"] * 333})
    good.to_csv(tmp_path / "day-1.csv", index=False)
    good.astype({"amount": str}).replace({"amount": {"17.0": "l7.0"}}).to_csv(tmp_path / "day-2.csv", index=False)
    table = read_table(str(tmp_path / "day-*.csv"))
    message = said("", lambda _: columns_of(table, infer(table)))
    for words in ("day-2.csv", "column amount", "row 17", "'l7.0'"):
        assert words in message


def test_whole_numbers_and_fractions_in_one_column_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eddy.model.data.files.csv._BLOCK", 64)
    values = [str(n) for n in range(200)] + ["1.5", "", " 7 ", "NA", "1e3"]
    pd.DataFrame({"n": values, "m": range(205)}).to_csv(tmp_path / "t.csv", index=False)
    read = read_table(tmp_path / "t.csv")["n"].tolist()
    np.testing.assert_array_equal(read[-5:], [1.5, np.nan, 7.0, np.nan, 1000.0])


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (b"\n\na,b\n1,2\n", {"a": [1], "b": [2]}),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
        (b"a,b\n1,2\n\n3,4", {"a": [1, 3], "b": [2, 4]}),
        (b'"a, b",c\n1,"x, ""y"""\n', {"a, b": [1], "c": ['x, "y"']}),
        (b"0,1,2\n5,6,7\n", {"0": [5], "1": [6], "2": [7]}),
        (b"a,b\ntrue,x\nFalse,y\n", {"a": [True, False], "b": ["x", "y"]}),
        (b'"a, b";c\n1;2\n', {"a, b": [1], "c": [2]}),
        (b"a, EUR;b;c\n1,50;2;x\n3,50;4;y\n", {"a, EUR": [1.5, 3.5], "b": [2, 4], "c": ["x", "y"]}),
        (b"a|b;c,d\n1|2\n", {"a": [1], "b;c,d": [2]}),
        (b"  a; b ;c\n1;2;3\n", {"a": [1], "b": [2], "c": [3]}),
        (b" a, b\n1,2\n", {"a": [1], "b": [2]}),
        (b'"a\nb",c\n1,2\n', {"a\nb": [1], "c": [2]}),
        (b"sep=;\na;b\n1;2,5\n", {"a": [1], "b": [2.5]}),
        (b'\xef\xbb\xbf"sep=|"\r\na|b\r\n1|2\r\n', {"a": [1], "b": [2]}),
        (b"a;b;;\n1;2;;\n", {"a": [1], "b": [2], "unnamed_2": [None], "unnamed_3": [None]}),
        (b"a\n1\n2\n", {"a": [1, 2]}),
    ],
)
def test_csv_may_be_written_in_many_ways(tmp_path: Path, content: bytes, columns: dict[str, list[object]]) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    read = read_table(tmp_path / "t.csv")
    assert read.astype(object).where(read.notna(), None).to_dict("list") == columns


def test_codes_keep_their_zeros_and_long_numbers_their_digits(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("zip,pan,n\n01234,1234567890123456789,1\n90001,1234567890123456780,0\n")
    read = read_table(tmp_path / "t.csv")
    assert read["zip"].tolist() == ["01234", "90001"]
    assert read["pan"].tolist() == ["1234567890123456789", "1234567890123456780"]
    assert read["n"].tolist() == [1, 0]


def test_parquet_types_that_messages_do_not_know_become_those_that_they_do(tmp_path: Path) -> None:
    columns = {
        "amount": pa.array([1.25, None]).cast(pa.decimal128(9, 2)),
        "shop": pa.array(["a", "b"]).dictionary_encode(),
        "day": pa.array([0, 1], pa.date32()),
        "raw": pa.array([b"\xff", None], pa.binary()),
        "bytes": pa.array(["café".encode(), b"\0"], pa.large_binary()),
        "parts": pa.array([[1], []]),
    }
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert read["amount"].dtype == np.float64
    assert read["shop"].tolist() == ["a", "b"]
    assert read["day"].tolist() == ["1970-01-01", "1970-01-02"]
    assert read["raw"].iloc[0] == "ff"
    assert read["bytes"].tolist() == ["café", "00"]
    assert {field.name for field in infer(read).of_kind(Kind.IGNORED)} >= {"day", "parts"}


def test_a_table_that_pandas_wrote_has_no_column_of_row_numbers(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2, 3]}, index=[5, 6, 9]).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").columns.tolist() == ["a"]
    pd.DataFrame({"a": [1, 2, 3]}).to_csv(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").columns.tolist() == ["unnamed_0", "a"]


def test_a_key_that_a_line_of_json_lacks_is_missing(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2}, {"b": "y", "c": True}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = read_table(tmp_path / "t.jsonl")
    assert read["b"].isna().tolist() == [False, True, False]
    assert read["c"].tolist()[2] is True


@pytest.fixture
def nullable() -> TransactionSchema:
    return TransactionSchema((Field("amount", Kind.NUMERIC), Field("shop", Kind.CATEGORICAL, nullable=True)))


def test_a_nullable_key_may_be_absent_from_whole_pieces_and_files_of_json(
    tmp_path: Path, nullable: TransactionSchema
) -> None:
    for name, shop in {"1.jsonl": {}, "2.jsonl": {"shop": "fuel"}, "3.jsonl": {}}.items():
        (tmp_path / name).write_text((json.dumps({"amount": 1, **shop}) + "\n") * 3)
    expected = [""] * 3 + ["fuel"] * 3 + [""] * 3
    pieces = read_pieces(str(tmp_path / "*.jsonl"), rows=2)
    found = np.concatenate([columns_of(piece, nullable).categorical[:, 0] for piece in pieces])
    assert found.tolist() == expected
    assert columns_of(read_table(str(tmp_path / "*.jsonl")), nullable).categorical[:, 0].tolist() == expected
    assert columns_of(read_table(tmp_path / "1.jsonl"), nullable).categorical[:, 0].tolist() == [""] * 3


def test_a_key_that_may_not_be_null_must_be_there_and_so_must_columns_of_other_formats(
    tmp_path: Path, nullable: TransactionSchema
) -> None:
    (tmp_path / "t.jsonl").write_text('{"shop": "fuel"}')
    (tmp_path / "t.csv").write_text("amount\n1\n")
    assert "has no column amount" in said("", lambda _: columns_of(read_table(tmp_path / "t.jsonl"), nullable))
    assert "has no column shop" in said("", lambda _: columns_of(read_table(tmp_path / "t.csv"), nullable))
