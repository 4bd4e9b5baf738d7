"""The formats that a table can have, each as a reader that gives its rows in pieces.

    .csv .tsv      comma, semicolon, tab or bar between cells; numbers as in `spelled_numbers`; UTF-8
    .jsonl .ndjson one JSON object per line
    .parquet .pq   also of several row groups
    .npz .npy      a matrix X, labels y, further arrays of the same length

Text files may be compressed: .gz, .bz2, .xz, .zst, .zip (of one file).
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from eddy.model.data import values
from eddy.model.data.files import csv
from eddy.model.data.files.opening import BROKEN, TEXT, TableError, opened, refuse_duplicates

RowsOf = Callable[[int, dict[str, str]], Iterator[pd.DataFrame]]
"""Reads a file: most rows of a piece, and what columns are known to be; CSV adds to it what it learns of them."""


_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip")


def format_of(path: Path) -> RowsOf:
    """The reader of a file, by its name.

    Raises:
        TableError: no format is known by that name.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    last = suffixes[-2:-1] if suffixes[-1:] and suffixes[-1] in _COMPRESSED else suffixes[-1:]
    if last in ([".parquet"], [".pq"]):
        return lambda rows, known: parquet(path, rows, known)
    if last in ([".csv"], [".tsv"]):
        return lambda rows, known: _each_at_most(rows, csv.frames(path, known))
    if last in ([".jsonl"], [".ndjson"], [".json"]):
        return lambda rows, known: _json_file(path, rows, known)
    if last in ([".npz"], [".npy"]):
        return lambda rows, _: matrix(path, rows)
    raise TableError(
        f"{path} is neither .csv (also compressed), .parquet, .jsonl nor .npz: convert it, or name it as what it is"
    )


SPARSE = "sparse"
_HEAD = 1 << 18


def rows_in(path: Path) -> int | None:
    """About how many rows a file has: as Parquet says, or by the length of the first lines of text; else None."""
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return int(pa.parquet.read_metadata(path).num_rows)
        if suffix in (".csv", ".tsv", ".jsonl", ".ndjson", ".json"):
            with path.open("rb") as file:
                head = file.read(_HEAD)
            return round(path.stat().st_size / max(len(head), 1) * head.count(b"\n"))
    except BROKEN:
        return None  # reading it says why
    return None


def parquet(path: Path, rows: int, known: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    with pa.parquet.ParquetFile(path) as file:
        refuse_duplicates(file.schema_arrow.names)
        for batch in file.iter_batches(rows):
            plain = pa.table({name: _plain(batch[name], known.get(name) == TEXT) for name in batch.schema.names})
            named = plain.select([name for name in plain.column_names if not name.startswith("__index_level_")])
            yield named.to_pandas(ignore_metadata=True)


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
        column = pa.array([value if value is None else _of_bytes(value) for value in column.to_pylist()], pa.string())
    if as_text and (pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind)):
        column = _as_text(column)
    return column


def _of_bytes(value: bytes) -> str:
    """Text that was not marked as such, as some writers leave it; what is none in hexadecimal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex()
    return value.hex() if "\0" in text else text


def _as_text(numbers: pa.Array) -> pa.Array:
    """Numbers as text; whole ones without a decimal point, also where gaps have made them floats."""
    try:
        return numbers.cast(pa.int64()).cast(pa.string())
    except pa.ArrowInvalid:
        return numbers.cast(pa.string())


def _json_file(path: Path, rows: int, known: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    with opened(path) as file:
        yield from json_lines(file, rows, known)


def json_lines(lines: Iterable[bytes], rows: int, known: Mapping[str, str]) -> Iterator[pd.DataFrame]:
    """Objects, one a line. A key that a line lacks is a missing value, so frames may have different columns, and say so
    by the attribute `SPARSE`."""
    for held in _objects(lines, rows):
        frame = pd.DataFrame(held)
        frame.attrs[SPARSE] = True
        yield frame.assign(**{name: values.texts(frame[name]) for name in map(str, frame) if known.get(name) == TEXT})


def _objects(lines: Iterable[bytes], rows: int) -> Iterator[list[dict[str, Any]]]:
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
            yield held
            held = []
    if held:
        yield held


def standard_input() -> BinaryIO:
    return cast(BinaryIO, sys.stdin.buffer)


def matrix(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """The columns of X are x0, x1, ... with as many digits as it takes to sort; other arrays go by their names."""
    loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
    arrays: dict[str, NDArray[Any]] = {"X": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    columns = _columns_of_arrays(arrays)
    length = len(next(iter(columns.values())))
    for begin in range(0, length, rows):
        yield pd.DataFrame({name: _text(np.asarray(values[begin : begin + rows])) for name, values in columns.items()})


def _text(values: NDArray[Any]) -> NDArray[Any]:
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _columns_of_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.dtype.kind not in "biufSUMV":
            raise TableError(f"array {name} holds {array.dtype}: give real numbers or text")
        if array.dtype.names:
            found |= {column: array[column] for column in array.dtype.names}
        elif array.ndim == 2 and array.shape[1] > 1:
            digits = len(str(array.shape[1] - 1))
            prefix = "x" if name == "X" else f"{name}_"
            found |= {f"{prefix}{place:0{digits}}": array[:, place] for place in range(array.shape[1])}
        else:
            found[name] = array.ravel() if array.ndim == 2 else array
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


def _each_at_most(rows: int, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for frame in frames:
        for begin in range(0, len(frame), rows):
            yield frame.iloc[begin : begin + rows].reset_index(drop=True)
