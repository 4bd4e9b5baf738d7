"""The formats that a table can have, each as a reader that gives its rows in pieces.

    .csv .tsv      comma, semicolon, tab or bar between cells; numbers with a decimal point; UTF-8
    .jsonl .ndjson one JSON object per line
    .parquet .pq   also of several row groups
    .npz .npy      a matrix X, labels y, further arrays of the same length

Text files may be compressed: .gz, .bz2, .xz, .zst, .zip (of one file).
"""

import bz2
import csv as python_csv
import gzip
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import zstandard
from numpy.typing import NDArray

RowsOf = Callable[[int, frozenset[str]], Iterator[pd.DataFrame]]
"""Reads a file: most rows of a piece, and columns that are text whatever they look like."""


class TableError(ValueError):
    """A table cannot be used; the message names file, column, row where it can, and says what to do."""


BROKEN = (
    OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard.ZstdError,
    pa.ArrowException, NotImplementedError, python_csv.Error,
)  # fmt: skip
"""What the libraries raise about files that are broken or of another kind."""

_BLOCK = 1 << 24
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "-nan")
"""What stands for no number in a column of numbers. In text only an empty cell is missing: NA may be a country."""


def format_of(path: Path) -> RowsOf:
    """The reader of a file, by its name.

    Raises:
        TableError: no format is known by that name.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-2:-1] if suffixes[-1:] and suffixes[-1] in _COMPRESSED else suffixes[-1:]
    if last in ([".parquet"], [".pq"]):
        return lambda rows, texts: parquet(path, rows, texts)
    if last in ([".csv"], [".tsv"]):
        return lambda rows, texts: _each_at_most(rows, csv(path, texts))
    if last in ([".jsonl"], [".ndjson"], [".json"]):
        return lambda rows, _: _json_file(path, rows)
    if last in ([".npz"], [".npy"]):
        return lambda rows, _: matrix(path, rows)
    raise TableError(
        f"{path} is neither .csv (also compressed), .parquet, .jsonl nor .npz: convert it, or name it as what it is"
    )


def parquet(path: Path, rows: int, texts: frozenset[str]) -> Iterator[pd.DataFrame]:
    with pa.parquet.ParquetFile(path) as file:
        _refuse_duplicates(file.schema_arrow.names)
        for batch in file.iter_batches(rows):
            plain = pa.table({name: _plain(batch[name], name in texts) for name in batch.schema.names})
            yield _frame(plain.select([name for name in plain.column_names if not name.startswith("__index_level_")]))


def _plain(column: pa.Array, as_text: bool) -> pa.Array:
    """A column as CSV and JSON could hold it too: no dictionaries, decimals, days."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        column = pa.array([value if value is None else value.hex() for value in column.to_pylist()], pa.string())
    if as_text and (pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)):
        column = _as_text(column)
    return column


def _as_text(numbers: pa.Array) -> pa.Array:
    """Numbers as text; whole ones without a decimal point, also where gaps have made them floats."""
    try:
        return numbers.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        return numbers.cast(pa.string())


def csv(path: Path, texts: frozenset[str]) -> Iterator[pd.DataFrame]:
    names, delimiter = _head(path)
    _refuse_duplicates([name for name in names if name])
    bad: list[Any] = []

    def refuse(row: Any) -> str:
        bad.append(row)
        return "error"

    known: dict[str, str] = dict.fromkeys(texts, "text")
    with opened(path) as file:
        try:
            with pa.csv.open_csv(
                file,
                pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
                pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            ) as reader:
                for batch in reader:
                    yield _frame(_typed_table(batch, known))
        except pa.ArrowInvalid as error:
            raise _csv_error(path, error, bad) from None


def _csv_error(path: Path, error: Exception, bad: list[Any]) -> TableError:
    if bad:
        row = bad[0]
        return TableError(
            f"line {row.number} has {row.actual_columns} cells, the header has {row.expected_columns}: correct it "
            "(text that holds the separator must be in double quotes)"
        )
    if "UTF8" in str(error):
        return TableError(f"{_first_line_not_utf8(path)} is not UTF-8: save the file in that encoding")
    return TableError(f"{error}; write or fetch it again")


def _first_line_not_utf8(path: Path) -> str:
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"line {number}"
    return "a line"


def _head(path: Path) -> tuple[list[str], str]:
    """Names of the columns, and what separates cells."""
    with opened(path) as file:
        text = file.read(1 << 18).decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise TableError("it is empty: give a table of past transactions")
    if "\0" in text:
        raise TableError("it is not text: give a CSV file in UTF-8, or name it as what it is")
    first_line = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t|", key=lambda mark: (mark == "," and mark in first_line, first_line.count(mark)))
    return next(python_csv.reader(io.StringIO(text.lstrip()), delimiter=delimiter)), delimiter


def _typed_table(batch: pa.RecordBatch, known: dict[str, str]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for place, name in enumerate(batch.schema.names):
        columns[name or f"unnamed_{place}"] = _typed(batch.column(place), name, known)
    return pa.table(columns)


def _typed(cells: pa.Array, name: str, known: dict[str, str]) -> pa.Array:
    """Numbers where all cells are; else true and false; else text. What it found first it goes on looking for."""
    if cells.null_count == len(cells) and known.get(name) != "text":
        return pa.nulls(len(cells), pa.float64())
    if known.get(name) == "text":
        return cells
    numbers = _numbers(cells, name in known)
    if numbers is None and known.get(name) != "numbers":
        numbers = _booleans(cells)
    known.setdefault(name, "text" if numbers is None else "numbers")
    return cells if numbers is None else numbers


def _numbers(cells: pa.Array, known: bool) -> pa.Array | None:
    """The numbers that the cells hold; None if one holds none, or is a code such as 0042 or of 16 digits and more."""
    if not known and pc.any(pc.match_substring_regex(cells, r"^\s*(0\d+|\d{19,})\s*$")).as_py():
        return None
    for kind in (pa.int64(), pa.float64()):
        try:
            return cells.cast(kind)
        except pa.ArrowInvalid:
            continue
    trimmed = pc.utf8_trim_whitespace(cells)
    missing = pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(_MISSING))
    try:
        return pc.if_else(missing, None, trimmed).cast(pa.float64())
    except pa.ArrowInvalid:
        return None


def _booleans(cells: pa.Array) -> pa.Array | None:
    words = pc.utf8_lower(cells)
    told = pc.is_in(words, value_set=pa.array(["true", "false"]))
    if not pc.all(pc.or_(told, pc.is_null(cells))).as_py():
        return None
    return pc.if_else(pc.is_null(cells), None, pc.equal(words, "true"))


def _json_file(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    with opened(path) as file:
        yield from json_lines(file, rows)


def json_lines(lines: Iterable[bytes], rows: int) -> Iterator[pd.DataFrame]:
    """Objects, one a line. A key that a line lacks is a missing value."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    held: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            held.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise TableError(f"line {number} is no JSON object ({error}): one line is one transaction") from None
        if len(held) >= rows:
            yield pd.DataFrame(held)
            held = []
    if held:
        yield pd.DataFrame(held)


def standard_input() -> BinaryIO:
    return cast(BinaryIO, sys.stdin.buffer)


def matrix(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """The columns of X are x0, x1, ... with as many digits as it takes to sort; other arrays go by their names."""
    loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
    arrays: dict[str, NDArray[Any]] = {"X": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    columns = _columns_of_arrays(arrays)
    length = len(next(iter(columns.values())))
    for begin in range(0, length, rows):
        yield pd.DataFrame({name: np.asarray(values[begin : begin + rows]) for name, values in columns.items()})


def _columns_of_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name, values in arrays.items():
        if values.dtype.kind not in "biufSUMV":
            raise TableError(f"array {name} holds {values.dtype}: give real numbers or text")
        if values.dtype.names:
            found |= {column: values[column] for column in values.dtype.names}
        elif values.ndim == 2 and values.shape[1] > 1:
            digits = len(str(values.shape[1] - 1))
            prefix = "x" if name == "X" else f"{name}_"
            found |= {f"{prefix}{place:0{digits}}": values[:, place] for place in range(values.shape[1])}
        else:
            found[name] = values.ravel() if values.ndim == 2 else values
    _check_arrays(found)
    return found


def _check_arrays(columns: dict[str, NDArray[Any]]) -> None:
    shapes = {name: values.shape for name, values in columns.items()}
    if not shapes or any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in list(shapes.items())[:6]) or "none"
        raise TableError(
            f"its arrays must be a matrix X of rows and columns, labels y, and others with one value per row; "
            f"received {listed}"
        )


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, decompressed by what its name says."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return _only_member(path)
    openers: dict[str, Callable[[Path], Any]] = {
        ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": zstandard.open,
    }  # fmt: skip
    return cast(BinaryIO, openers[suffix](path) if suffix in openers else path.open("rb"))


def _only_member(path: Path) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise TableError(f"it holds {len(members)} files: unpack it, and give one table")
    return cast(BinaryIO, archive.open(members[0]))


def _each_at_most(rows: int, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        for begin in range(0, len(frame), rows):
            yield frame.iloc[begin : begin + rows].reset_index(drop=True)


def _frame(table: pa.Table) -> pd.DataFrame:
    return cast(pd.DataFrame, table.to_pandas(ignore_metadata=True))


def _refuse_duplicates(names: Iterable[str]) -> None:
    listed = list(names)
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        raise TableError(f"column {', '.join(twice)} is there more than once: rename or drop one")
