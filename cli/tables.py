"""What the commands about tables share: their arguments, reading with progress, bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import err

if TYPE_CHECKING:  # pandas would cost every command a second
    from pandas import DataFrame

    from eddy.model.data.conversion import Sample
    from eddy.model.schema.schema import TransactionSchema

Data = Annotated[
    str,
    typer.Argument(
        help="Table of past transactions: a CSV, Parquet, JSON-lines or npz file, a pattern such as 'days/*.parquet', "
        "or - for JSON lines on standard input.",
        metavar="DATA",
        show_default=False,
    ),
]
Artifacts = Annotated[
    Path | None, typer.Option("--artifacts", help="Model store (default: EDDY_ARTIFACTS).", file_okay=False)
]
SchemaFile = Annotated[
    Path | None, typer.Option("--schema", help="Schema file from `eddy schema` (default: inferred).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, without progress.")]


def schema_of(file: Path | None) -> TransactionSchema | None:
    """The schema of a file; None without one.

    Raises:
        SchemaError: naming file, line and remedy.
    """
    from eddy.model.schema.schema import SchemaError, TransactionSchema

    if file is None:
        return None
    try:
        return TransactionSchema.from_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise SchemaError(f"{file} cannot be read ({error}): give a schema file in UTF-8") from None
    except SchemaError as error:
        raise SchemaError(f"{file}: {error}") from None


def checked_schema(file: Path | None, schema: TransactionSchema | None, table: DataFrame) -> TransactionSchema | None:
    """The schema of a file, if the table has the fields that it scores.

    Raises:
        SchemaError: naming file, line and remedy.
    """
    from eddy.model.schema.schema import SchemaError
    from eddy.model.schema.toml import line_of

    absent = [name for name in schema.scored if name not in table] if schema else []
    if absent and file is not None:
        line = line_of(absent[0], file.read_text(encoding="utf-8"))
        raise SchemaError(
            f"{file}, line {line}: the table has no column {absent[0]}; it has {', '.join(table.columns)}: correct the "
            "name, or remove the line"
        )
    return schema


def read(
    data: str, rows: int = 0, seed: int = 0, schema: TransactionSchema | None = None, quiet: bool = False
) -> Sample:
    """A sample of the data (`model.data.conversion.read_sample`), with a bar that shows the rate. 0 rows: all.

    Raises:
        TableError: it cannot be read.
    """
    from eddy.model.data.conversion import read_sample
    from eddy.model.data.sources import expected_rows

    with counting(f"reading {Path(data).name}", expected_rows(data), quiet=quiet) as advance:
        return read_sample(data, rows, seed, advance, texts=schema.texts if schema else ())


@contextmanager
def counting(
    doing: str, total: int | None = None, unit: str = "rows", quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """A bar on standard error that shows rate and time left; what it gives is called with the number done so far."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} {task.fields[unit]}"),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=err, disable=quiet, transient=True) as bar:
        task = bar.add_task(doing, total=total, unit=unit, rate="")

        def advance(done: int) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            bar.update(task, completed=done, rate=f"{done / elapsed:,.0f}/s" if elapsed else "")

        yield advance


@contextmanager
def sharing(quiet: bool = False) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error; what it gives is called with what is being done and the share of all that is done."""
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=err, disable=quiet) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda doing, share: bar.update(task, description=doing, completed=share)
