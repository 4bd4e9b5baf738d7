"""What the commands about tables share: their arguments, and reading with progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import err, say
from eddy.monitoring.progress import counting

if TYPE_CHECKING:  # pandas would cost every command a second
    from pandas import DataFrame

    from eddy.model.data.sampling import Sample
    from eddy.model.data.schema_inference import Guess
    from eddy.model.schema.schema import TransactionSchema
    from eddy.producer.rehearsal import Rehearsal

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
SampleRows = Annotated[int, typer.Option(help="Rows to sample at random from a larger table; 0: use all rows.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, without progress.")]


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
    from eddy.model.data.conversion import completed
    from eddy.model.schema.schema import SchemaError
    from eddy.model.schema.toml import line_of

    absent = [name for name in schema.scored if name not in completed(table, schema)] if schema else []
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
    """A sample of the data (`model.data.sampling.read_sample`), with a bar that shows the rate. 0 rows: all.

    Raises:
        TableError: it cannot be read.
    """
    from eddy.model.data.files.sources import expected_rows
    from eddy.model.data.sampling import read_sample

    with counting(f"reading {Path(data).name}", expected_rows(data), quiet=quiet) as advance:
        return read_sample(data, rows, seed, advance, texts=schema.texts if schema else ())


def guesses_of(table: DataFrame, schema: TransactionSchema | None) -> tuple[Guess, ...]:
    """What a table's columns are: as the schema says, or else as they seem."""
    from eddy.model.data.schema_inference import guess
    from eddy.model.exploration.typed_table import by_schema

    return by_schema(table, schema) if schema else guess(table)


def say_columns(guesses: tuple[Guess, ...]) -> None:
    """Says on standard error which columns are scored and which are ignored, with a warning where that may be wrong."""
    from eddy.model.data.column_kinds import IN_DOUBT
    from eddy.model.schema.schema import Kind

    ignored = [one for one in guesses if one.field.kind is Kind.IGNORED]
    scored = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.TIMESTAMP)
    say(f"Scores: {_listed([one.field.name for one in guesses if one.field.kind in scored], ', ')}.", err)
    if ignored:
        say(f"Ignores: {_listed([f'{one.field.name} ({one.why})' for one in ignored], '; ')}.", err)
    roles = {one.field.role for one in guesses}
    absent = [role for role in ("amount", "time") if role not in roles]
    if absent and any(one.field.kind is Kind.CATEGORICAL for one in guesses):  # a bare matrix has no names to go by
        text = f"warning: no column is known to be the {' or the '.join(absent)}: if one is, say so in a schema file"
        say(f'{text}, by role = "{absent[0]}".', err, "yellow")
    for one in ignored:
        if one.why.startswith(IN_DOUBT):
            say(f"warning: column {one.field.name} is left out: it {one.why}.", err, "yellow")


def rehearsed(table: DataFrame, schema: TransactionSchema) -> Rehearsal:
    """Reads some of the rows as messages; says on standard error how many would be refused, and why.

    Raises:
        TableError: most would be, or a cell is not what the schema says.
    """
    from eddy.model.data.conversion import TableError, columns_of
    from eddy.producer.rehearsal import rehearse

    found = rehearse(table, schema)
    if found.refused:
        columns_of(table, schema)  # names the cell, if the table is refused as well
    if found.fails:
        raise TableError(f"{found.sentence}: correct the schema, or send messages as it says")
    if found.refused:
        say(f"warning: {found.sentence}: correct the schema where it is wrong.", err, "yellow")
    return found


_LISTED = 30


def _listed(names: list[str], separator: str) -> str:
    """The names, but of a wide table only the first."""
    more = f"{separator}and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return separator.join(names[:_LISTED]) + more
