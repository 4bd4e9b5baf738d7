"""CSV, in pieces: cells are read as text, then each column becomes what all of its cells are."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from eddy.model.data.files import TableError, opened, refuse_duplicates

_BLOCK = 1 << 22
_MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "-nan")
"""What stands for no number in a column of numbers. In text only an empty cell is missing: NA may be a country."""


def batches(path: Path, texts: frozenset[str]) -> Iterator[pa.Table]:
    head = _head(path)
    _refuse_data_as_header(head.names)
    refuse_duplicates(head.names)
    known: dict[str, str] = dict.fromkeys(texts, "text")
    with opened(path) as file:
        try:
            with pa.csv.open_csv(
                file,
                pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=head.names, skip_rows=head.lines),
                pa.csv.ParseOptions(delimiter=head.delimiter, newlines_in_values=True),
                pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(head.names, pa.string()), null_values=[""], strings_can_be_null=True
                ),
            ) as reader:
                for batch in reader:
                    yield _typed_table(batch, known)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise _csv_error(path, error) from None


def _refuse_data_as_header(names: list[str]) -> None:
    """Numbers are no names, unless they count the columns."""
    counted = names == [str(place) for place in range(len(names))]
    if not counted and all(re.fullmatch(r"\s*[-+]?\d*\.?\d+(e[-+]?\d+)?\s*", name, re.I) for name in names):
        raise TableError("its first line holds numbers, not the names of the columns: add a line with names")


def _csv_error(path: Path, error: Exception) -> TableError:
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", str(error))
    if ragged:
        line, wanted, got = ragged.groups()
        return TableError(
            f"line {line} has {got} cells, the header has {wanted}: correct it (text that holds the separator must be "
            "in double quotes)"
        )
    if "UTF8" in str(error) or isinstance(error, UnicodeDecodeError):
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


_DELIMITERS = ",;\t|"
_LOOK_LINES = 20


@dataclass(frozen=True)
class _Head:
    """How a file begins: the names of its columns, what separates cells, and the lines before the first row."""

    names: list[str]
    delimiter: str
    lines: int


def _head(path: Path) -> _Head:
    with opened(path) as file:
        text = file.read(1 << 18).decode("utf-8-sig", errors="replace")
    body = text.lstrip("\r\n ")
    if not body.strip():
        raise TableError("it is empty: give a table of past transactions")
    if "\0" in text:
        raise TableError("it is not text: give a CSV file in UTF-8, or name it as what it is")
    before = len(text[: len(text) - len(body)].rstrip(" ").splitlines())
    told = re.match(r'"?sep=(.)"?\s*?(\r\n|\n|\r)', body)  # Excel's
    if told:
        body, before = body[told.end() :], before + 1
    delimiter = told[1] if told else max(_DELIMITERS, key=lambda mark: _fit(body, mark))
    cells, lines = next(_records(body, delimiter))
    if any("\ufffd" in cell for cell in cells):
        raise TableError(f"line {before + 1} is not UTF-8: save the file in that encoding")
    names = [cell.strip() or f"unnamed_{place}" for place, cell in enumerate(cells)]
    return _Head(names, delimiter, before + lines)


def _fit(text: str, delimiter: str) -> tuple[bool, float, int, bool]:
    """How well a separator fits: it gives several names, and as many cells in the rows below."""
    counts = [len(cells) for cells, _ in islice(_records(text, delimiter), _LOOK_LINES)]
    alike = counts.count(counts[0]) / len(counts)
    return counts[0] > 1, alike, counts[0], delimiter == ","


def _records(text: str, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """The cells of each line that has any, and how many lines have been read so far."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return ((cells, reader.line_num) for cells in reader if cells)


def _typed_table(batch: pa.RecordBatch, known: dict[str, str]) -> pa.Table:
    return pa.table({name: _typed(batch.column(name), name, known) for name in batch.schema.names})


_LONGEST_CELL = 100_000


def _refuse_endless(name: str, cells: pa.Array) -> None:
    """A quote that nobody closes swallows the rows that follow."""
    if (pc.max(pc.binary_length(cells)).as_py() or 0) > _LONGEST_CELL:
        raise TableError(
            f"column {name} has a cell of more than {_LONGEST_CELL:,} characters: is there a quote that is not closed?"
        )


def _typed(cells: pa.Array, name: str, known: dict[str, str]) -> pa.Array:
    """Numbers where all cells are; else true and false; else text. What it found first it goes on looking for."""
    before = known.get(name)
    if cells.null_count == len(cells) and before != "text":
        return pa.nulls(len(cells), pa.float64())
    found = None if before == "text" else _numbers(cells, before)
    if found is None and before in (None, "booleans"):
        found = _booleans(cells)
    if found is None:
        _refuse_endless(name, cells)
    known[name] = _kind(found)
    return cells if found is None else found


def _kind(found: pa.Array | None) -> str:
    if found is None:
        return "text"
    kinds = {pa.int64(): "whole", pa.float64(): "fractions", pa.bool_(): "booleans"}
    return kinds[found.type]


_PROBE = 100


def _numbers(cells: pa.Array, before: str | None) -> pa.Array | None:
    """The numbers that the cells hold; None if one holds none, or is a code such as 0042 or of 19 digits and more.

    Failed casts are slow, so a few cells tell which one to try.
    """
    if before is None and pc.any(pc.match_substring_regex(cells, r"^\s*(0\d+|\d{19,})\s*$")).as_py():
        return None
    probe = _cast(cells[:_PROBE], whole=before != "fractions")
    if probe is None:
        return None
    return _cast(cells, whole=probe.type == pa.int64())


def _cast(cells: pa.Array, whole: bool) -> pa.Array | None:
    for kind in (pa.int64(), pa.float64()) if whole else (pa.float64(),):
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
