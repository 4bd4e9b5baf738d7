"""The bytes of files, decompressed by what their names say, and what may go wrong with them."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import zstandard

from eddy.model.errors import EddyError

TEXT = "text"


class TableError(EddyError, ValueError):
    """A table cannot be used; the message names file, column, row where it can, and says what to do."""


class MixedColumn(TableError):
    """A column is one thing in one piece and another in the next.

    Attributes:
        column: its name.
        wanted: what to read it as from the first row on: text, or numbers in a style of `model.data.spelled_numbers`.
    """

    def __init__(self, column: str, message: str, wanted: str = TEXT) -> None:
        super().__init__(message)
        self.column, self.wanted = column, wanted


BROKEN = (
    OSError, EOFError, ValueError, KeyError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard.ZstdError,
    pa.ArrowException, NotImplementedError, csv.Error,
)  # fmt: skip
"""What the libraries raise about files that are broken or of another kind."""


def opened(path: Path) -> BinaryIO:
    """The bytes of a file, decompressed by what its name says."""
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return _only_member(path)
    openers: dict[str, Callable[[Path], Any]] = {
        ".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _open_zst,
    }  # fmt: skip
    return cast(BinaryIO, openers[suffix](path) if suffix in openers else path.open("rb"))


def _open_zst(path: Path) -> io.BufferedReader:
    return io.BufferedReader(zstandard.open(path, "rb"))  # which alone has no lines


def _only_member(path: Path) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise TableError(f"it holds {len(members)} files: unpack it, and give one table")
    return cast(BinaryIO, archive.open(members[0]))


def refuse_duplicates(names: Iterable[str]) -> None:
    """Raises TableError if a column's name is there twice."""
    listed = list(names)
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        raise TableError(f"column {', '.join(twice)} is there more than once: rename or drop one")
