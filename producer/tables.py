"""Reading and writing tables of transactions (Parquet, CSV), in pieces. pandas and pyarrow are imported only here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eddy.model.errors import EddyError
from eddy.producer.synthetic import Transactions

if TYPE_CHECKING:
    import pandas as pd

ROWS = 50_000
_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".csv.gz")


class TableError(EddyError):
    """A table that cannot be used; the message says why, what was received and what to do."""


@dataclass(frozen=True)
class Table:
    """A file of transactions.

    Args:
        path: where it is.
        columns: the names of its columns.
        size: roughly how many bytes it takes in memory.
    """

    path: Path
    columns: tuple[str, ...]
    size: int
    _read: Callable[[Sequence[str], Sequence[str], int], Iterator["pd.DataFrame"]]

    def frames(
        self, columns: Sequence[str] | None = None, texts: Sequence[str] = (), rows: int = ROWS
    ) -> Iterator["pd.DataFrame"]:
        """The rows in the order of the file, `rows` at a time.

        Args:
            columns: which ones, None: all.
            texts: columns to be read as text even where they look like numbers (a CSV does not know that `007` is one).
            rows: most rows of one frame.
        """
        return self._read(self.columns if columns is None else columns, texts, rows)


def open_table(path: Path) -> Table:
    """Looks at the head of a file.

    Raises:
        TableError: there is no such file, it is of another kind, it is broken, or the libraries are not installed.
    """
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    require("pandas", "pyarrow")
    if path.name.endswith(_PARQUET):
        return _open_parquet(path)
    if path.name.endswith(_CSV):
        return _open_csv(path)
    raise TableError(f"{path} is neither of {', '.join(_PARQUET + _CSV)}: convert it to one of these")


def require(*libraries: str) -> None:
    """Makes sure that libraries can be imported.

    Raises:
        TableError: naming what to install.
    """
    for library in libraries:
        try:
            import_module(library)
        except ImportError:
            raise TableError(
                f"tables need {library}, which is not installed: pip install 'eddy-stream[tables]'"
            ) from None


def write_parquet(path: Path, chunks: Iterable[Transactions]) -> int:
    """Writes transactions with their labels (`is_fraud`, `fraud_kind`), whole or not at all. Returns how many.

    Raises:
        TableError: the name does not end like Parquet, the place cannot be written, or pyarrow is not installed.
    """
    if not path.name.endswith(_PARQUET):
        raise TableError(f"tables are written as Parquet, so the name must end in .parquet; received {path}")
    require("pyarrow")
    aside = path.with_name(f".{path.name}.part")
    try:
        written = _write_parquet(aside, chunks)
        aside.replace(path)
    except OSError as error:
        raise TableError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        aside.unlink(missing_ok=True)
    return written


def _write_parquet(path: Path, chunks: Iterable[Transactions]) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    writer, written = None, 0
    try:
        for chunk in chunks:
            table = pa.table(_labelled(chunk))
            writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            written += len(chunk)
    finally:
        if writer is not None:
            writer.close()
    return written


def _labelled(chunk: Transactions) -> dict[str, Any]:
    import pyarrow as pa

    columns: dict[str, Any] = dict(chunk.columns)
    columns["event_time"] = pa.array(columns["event_time"], pa.timestamp("ms", tz="UTC"))
    return {**columns, "is_fraud": chunk.is_fraud, "fraud_kind": chunk.fraud_kind}


def _open_parquet(path: Path) -> Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            groups = (file.metadata.row_group(index).total_byte_size for index in range(file.num_row_groups))
            size = sum(groups) * 3
            names = tuple(file.schema_arrow.names)
    except (pa.ArrowInvalid, OSError) as error:
        raise TableError(f"{path} cannot be read as Parquet: {error}") from None

    def read(columns: Sequence[str], texts: Sequence[str], rows: int) -> Iterator["pd.DataFrame"]:  # noqa: ARG001
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(rows, columns=list(columns)):
                yield batch.to_pandas()

    return Table(path, names, size, read)


def _open_csv(path: Path) -> Table:
    import pandas as pd

    def read(columns: Sequence[str], texts: Sequence[str], rows: int) -> Iterator["pd.DataFrame"]:
        types = dict.fromkeys(texts, "str")
        try:
            with pd.read_csv(path, usecols=list(columns), dtype=types, chunksize=rows) as frames:
                yield from frames
        except (ValueError, OSError) as error:
            raise TableError(f"{path} cannot be read as CSV: {error}") from None

    try:
        names = tuple(map(str, pd.read_csv(path, nrows=0).columns))
    except (ValueError, OSError) as error:
        raise TableError(f"{path} cannot be read as CSV: {error}") from None
    return Table(path, names, path.stat().st_size * (10 if path.name.endswith(".gz") else 3), read)
