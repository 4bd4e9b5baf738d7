"""Writes tables: Parquet, CSV or lines of JSON, by the name of the file.

They are written aside and renamed, so there is never half a file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from eddy.model.errors import EddyError

if TYPE_CHECKING:
    import pandas as pd

Write = Callable[["pd.DataFrame"], object]
Format = Callable[[IO[bytes]], AbstractContextManager[Write]]


class OutputError(EddyError):
    """A table cannot be written there; the message says why and what to do."""


@contextmanager
def writing(path: Path) -> Iterator[Write]:
    """Gives a function that appends rows; what was there before is replaced when all went well, or else left alone.

    Raises:
        OutputError: the name tells no format, or the place cannot be written to.
    """
    opened = check(path)
    try:
        with _aside(path) as file, opened(file) as write:
            yield write
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): free space, or choose another place") from None


def check(path: Path) -> Format:
    """How to write a file of this name.

    Raises:
        OutputError: the name tells no format.
    """
    opened = _FORMATS.get(path.suffix)
    if opened is None:
        raise OutputError(f"{path}: give a name that ends in {', '.join(_FORMATS)}")
    return opened


@contextmanager
def _aside(path: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile("wb", prefix=".incomplete-", dir=path.parent, delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _allow_as_usual(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _allow_as_usual(descriptor: int) -> None:
    """Temporary files are their owner's alone; this one is to be what any other program would have made."""
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(descriptor, 0o666 & ~mask)


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    writers: list[parquet.ParquetWriter] = []

    def write(frame: pd.DataFrame) -> None:
        schema = writers[0].schema if writers else _schema(frame)
        if not writers:
            writers.append(parquet.ParquetWriter(file, schema))
        writers[0].write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))

    yield write
    for writer in writers:
        writer.close()


def _schema(frame: pd.DataFrame) -> object:
    """Text stays text, also where the first piece has none."""
    import pyarrow as pa

    first = pa.Schema.from_pandas(frame, preserve_index=False)
    return pa.schema(field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in first)


@contextmanager
def _csv(file: IO[bytes]) -> Iterator[Write]:
    def write(frame: pd.DataFrame) -> None:
        frame.to_csv(file, index=False, header=file.tell() == 0)

    yield write


@contextmanager
def _json_lines(file: IO[bytes]) -> Iterator[Write]:
    import msgspec

    encoder = msgspec.json.Encoder(enc_hook=lambda time: time.isoformat())  # of pandas
    yield lambda frame: file.write(encoder.encode_lines(frame.to_dict("records")))


_FORMATS = {".parquet": _parquet, ".pq": _parquet, ".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
