"""Where tables come from: files, several files, standard input; always in pieces, so that memory stays bounded.

Every format gives the same columns for the same rows. Text that looks like numbers becomes numbers, as one would expect
of a CSV. What a column is, all of its rows decide: a piece that disagrees with those before is refused (`MixedColumn`),
and `model.data.sampling.read_sample` then reads the column as text from its first row on.
"""

import glob
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from eddy.model.data.files.csv import CODE, ONLY_WORDS
from eddy.model.data.files.formats import SPARSE, RowsOf, format_of, json_lines, rows_in, standard_input
from eddy.model.data.files.opening import BROKEN, TEXT, TableError
from eddy.model.data.files.opening import MixedColumn as MixedColumn
from eddy.model.data.values import numbers

STANDARD_INPUT = "-"
ROWS = 65_536


@dataclass(frozen=True)
class Piece:
    """Some rows of a file: its name, the rows, and the place of the first of them in the file, from 0."""

    file: str
    table: pd.DataFrame
    first: int


def pieces(
    source: str | Path, rows: int = ROWS, known: Mapping[str, str] = MappingProxyType({}), *, consistent: bool = True
) -> Iterator[Piece]:
    """The rows of a source in order, at most `rows` at a time; none where it has none.

    Args:
        source: a file, a glob pattern (its files in the order of their names), or "-" for lines of JSON on standard
            input.
        known: what columns are to be read as: text even where they look like numbers, or a style of numbers.
        consistent: refuse columns that are numbers at first and text later.

    Raises:
        TableError: there is no such file, one cannot be read, or their columns differ.
    """
    columns, found = _Columns(consistent), dict(known)
    for name, read in _files(source):
        first = 0
        for frame in _unbroken(name, read(rows, found)):
            yield Piece(name, columns.checked(name, frame, first), first)
            first += len(frame)


def expected_rows(source: str | Path) -> int | None:
    """About how many rows a source has, for bars; None where that would have to be counted.

    Raises:
        TableError: there is no such file.
    """
    if str(source) == STANDARD_INPUT:
        return None
    expected = [rows_in(path) for path in files(source)]
    return None if None in expected else sum(rows for rows in expected if rows is not None)


def files(source: str | Path) -> tuple[Path, ...]:
    """The files that a source names, in order.

    Raises:
        TableError: there is none.
    """
    path = Path(source)
    if path.is_file():
        return (path,)
    if path.is_dir():
        raise TableError(f"{path} is a directory: name its files by a pattern, such as '{path}/*.parquet'")
    matching = glob.glob(str(source), recursive=True)  # noqa: PTH207 (Path.glob knows no absolute patterns)
    found = tuple(sorted(Path(name) for name in matching if Path(name).is_file()))
    if not found and glob.has_magic(str(source)):
        raise TableError(f"no file matches {source}: correct the pattern")
    if not found:
        raise TableError(f"there is no file {path}: give a CSV or Parquet file of transactions")
    return found


def _files(source: str | Path) -> Iterator[tuple[str, RowsOf]]:
    if str(source) == STANDARD_INPUT:
        yield "standard input", lambda rows, known: json_lines(standard_input(), rows, known)
        return
    for path in files(source):
        yield str(path), format_of(path)


def _unbroken(name: str, frames: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The frames; what the libraries say of a broken file becomes one sentence."""
    try:
        yield from frames
    except MixedColumn as error:
        raise MixedColumn(error.column, f"{name}: {error}", error.wanted) from None
    except TableError as error:
        raise TableError(f"{name} cannot be read: {error}") from None
    except BROKEN as error:
        first_line = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TableError(f"{name} cannot be read: {first_line}; write or fetch it again") from None


@dataclass
class _Columns:
    """What is known of a source's columns from the pieces so far."""

    consistent: bool
    names: tuple[str, ...] = ()
    first_file: str = ""
    kinds: dict[str, str] = field(default_factory=dict)

    def checked(self, file: str, frame: pd.DataFrame, first: int) -> pd.DataFrame:
        frame.columns = frame.columns.astype(str)
        if not self.names:
            self.names, self.first_file = tuple(frame.columns), file
        elif file != self.first_file and not frame.attrs.get(SPARSE):
            frame = self._as_in_the_first_file(file, frame)
        words = frame.attrs.pop(ONLY_WORDS, ())
        for name in frame.columns if self.consistent else ():
            self._check_kind(file, frame[name], _ONLY_WORDS if name in words else _coarse_kind(frame[name]), first)
        return frame

    def _as_in_the_first_file(self, file: str, frame: pd.DataFrame) -> pd.DataFrame:
        missing = [name for name in self.names if name not in frame]
        extra = [name for name in frame.columns if name not in self.names]
        if not missing and not extra:
            return frame[list(self.names)]
        lacks = f"lacks {', '.join(missing)}" if missing else ""
        adds = f"adds {', '.join(extra)}" if extra else ""
        raise TableError(
            f"{file} has other columns than {self.first_file}: it {' and '.join(filter(None, (lacks, adds)))}; "
            "give files of the same columns"
        )

    def _check_kind(self, file: str, column: "pd.Series[Any]", kind: str | None, first: int) -> None:
        if kind is None:
            return
        name = str(column.name)
        known = self.kinds.setdefault(name, kind)
        if {kind, known} == {_NUMBERS, _ONLY_WORDS}:
            self.kinds[name] = _NUMBERS
        elif kind != known:
            raise self._mixed(file, column, kind, first)

    def _mixed(self, file: str, column: "pd.Series[Any]", kind: str, first: int) -> MixedColumn:
        name = str(column.name)
        row, value = _first_text(column) if kind == TEXT else (0, column.iloc[0])
        return MixedColumn(
            name,
            f"{file}: column {name}, row {first + row + 1}: {value!r} is {kind}, but the rows before are "
            f"{self.kinds[name]}: correct the cell or leave it empty; or set the column to categorical, identifier or "
            "ignored in a schema and give that",
        )


_NUMBERS, _BOOLEANS, _ONLY_WORDS = "numbers", "true or false", "words for missing numbers"


def _coarse_kind(column: "pd.Series[Any]") -> str | None:
    """None where there is no value, or where the values bring their own types."""
    if not column.notna().any():
        return None
    if types.is_bool_dtype(column) or types.infer_dtype(column, skipna=True) == "boolean":
        return _BOOLEANS
    if types.is_numeric_dtype(column):
        return _NUMBERS
    is_text = isinstance(column.dtype, pd.StringDtype) or any(isinstance(value, str) for value in column)
    return TEXT if is_text else None


def _first_text(column: "pd.Series[Any]") -> tuple[int, object]:
    """The first cell that is no number, or a code."""
    is_code = column.astype(str).str.fullmatch(CODE).to_numpy(np.bool_)
    row = int(np.argmax((np.isnan(numbers(column)) & column.notna().to_numpy()) | is_code))
    return row, column.iloc[row]
