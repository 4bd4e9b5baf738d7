"""CSV, in pieces: cells are read as text, then each column becomes what all of its cells are."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from eddy.model.data import spelled_numbers
from eddy.model.data.files.opening import TEXT, MixedColumn, TableError, opened, refuse_duplicates

ONLY_WORDS = "only_words"
CODE = r"^\s*(0\d+|\d{19,})\s*$"
"""What is no number although it has only digits."""

_BLOCK = 1 << 22


def frames(path: Path, known: dict[str, str]) -> Iterator[pd.DataFrame]:
    """The rows of a file, some at a time; each column is what all of its cells in these rows are.

    The attribute `ONLY_WORDS` of a frame lists columns of which these rows have nothing but words for missing numbers,
    such as NA: text, if other rows have text.

    Args:
        known: what columns are: text, or numbers in a style of `spelled_numbers`. What is learned is added.

    Raises:
        MixedColumn: how numbers are written shows only after rows that were read otherwise.
    """
    head = _head(path)
    _refuse_data_as_header(head.names)
    refuse_duplicates(head.names)
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
                    yield _typed_frame(batch, known)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise _csv_error(path, error) from None


_DATUM = re.compile(r"[-+]?\d+[.,]\d+|\d{10,}|\d{4}-\d\d-\d\d([ T].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?")
"""What no column is called: a decimal number, a card's number, a time."""


def _refuse_data_as_header(names: list[str]) -> None:
    """Numbers are no names, unless they count the columns."""
    counted = names == [str(place) for place in range(len(names))]
    if sum(_DATUM.fullmatch(name) is not None for name in names) > 1:
        raise TableError("its first line holds data, not the names of the columns: add a line with names")
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


def _typed_frame(batch: pa.RecordBatch, known: dict[str, str]) -> pd.DataFrame:
    columns = {name: _typed(_unquoted(batch.column(name)), name, known) for name in batch.schema.names}
    frame = cast(pd.DataFrame, pa.table(columns).to_pandas())
    frame.attrs[ONLY_WORDS] = [
        name for name, typed in columns.items() if typed.null_count == len(typed) > batch.column(name).null_count
    ]
    return frame


def _unquoted(cells: pa.Array) -> pa.Array:
    """Without the ="..." by which Excel is made to leave digits alone."""
    if not pc.any(pc.starts_with(cells[:_PROBE], '="')).as_py():
        return cells
    return pc.replace_substring_regex(cells, r'^="(.*)"$', r"\1")


_LONGEST_CELL = 100_000


def _refuse_endless(name: str, cells: pa.Array) -> None:
    """A quote that nobody closes swallows the rows that follow."""
    if (pc.max(pc.binary_length(cells)).as_py() or 0) > _LONGEST_CELL:
        raise TableError(
            f"column {name} has a cell of more than {_LONGEST_CELL:,} characters: is there a quote that is not closed?"
        )


def _typed(cells: pa.Array, name: str, known: dict[str, str]) -> pa.Array:
    """Numbers where all cells are; else true and false; else text, and then also in the rows that follow."""
    if known.get(name) == TEXT:
        return cells
    if cells.null_count == len(cells):
        return pa.nulls(len(cells), pa.float64())
    found = None if known.get(name) == spelled_numbers.COMMA else _numbers(cells)
    if found is not None:
        if found.type == pa.float64() and found.null_count < len(found):
            _settle(name, spelled_numbers.POINT, known)
        return found
    found = _spelled(cells, name, known)
    if found is None:
        found = _booleans(cells)
    if found is None:
        _refuse_endless(name, cells)
    if found is None and known.get(name) != _IN_DOUBT:
        known[name] = TEXT
    return cells if found is None else found


_IN_DOUBT = "in doubt"


def _spelled(cells: pa.Array, name: str, known: dict[str, str]) -> pa.Array | None:
    """Numbers in the spelling of the column; None where they are none, or where that is in doubt so far."""
    if not spelled_numbers.styles(cells[:_PROBE]):
        return None
    fitting, before = spelled_numbers.styles(cells), known.get(name)
    if len(fitting) == 2 and before in (None, _IN_DOUBT):
        known[name] = _IN_DOUBT
        return None
    if not fitting:
        return None
    style = before if before in fitting else min(fitting)
    if style == spelled_numbers.COMMA or spelled_numbers.marked(cells):
        _settle(name, style, known)
    return spelled_numbers.read(cells, style)


def _settle(name: str, style: str, known: dict[str, str]) -> None:
    if known.setdefault(name, style) != style:
        raise MixedColumn(
            name, f"column {name} has numbers in more than one spelling: write all with a decimal point", style
        )


_PROBE = 100


def _numbers(cells: pa.Array) -> pa.Array | None:
    """The numbers that the cells hold; None if one holds none, or is a code.

    Failed casts are slow, so a few cells tell which one to try.
    """
    probe = _cast(cells[:_PROBE], whole=True)
    if probe is None or _has_code(cells):
        return None
    return _cast(cells, whole=probe.type == pa.int64())


def _has_code(cells: pa.Array) -> bool:
    """Whether a cell is a code such as 0042, or has 19 digits and more. Most columns have none that begins like one."""
    lengths = pc.binary_length(cells)
    zeros = pc.and_(pc.starts_with(cells, "0"), pc.greater(lengths, 1))
    maybe = pc.or_(pc.or_(zeros, pc.starts_with(cells, " ")), pc.greater_equal(lengths, 19))
    return bool(pc.any(pc.match_substring_regex(cells.filter(maybe), CODE)).as_py())


def _cast(cells: pa.Array, whole: bool) -> pa.Array | None:
    for kind in (pa.int64(), pa.float64()) if whole else (pa.float64(),):
        try:
            return cells.cast(kind)
        except pa.ArrowInvalid:
            continue
    trimmed, missing = pc.utf8_trim_whitespace(cells), spelled_numbers.missing(cells)
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
