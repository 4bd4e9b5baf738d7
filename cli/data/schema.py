"""`eddy schema`: infers the schema of a table, as a file to edit."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eddy.cli.console import err, fail, print_json, say, written_to
from eddy.cli.tables import AsJson, Data, SampleRows, read, say_columns

if TYPE_CHECKING:
    from eddy.model.data.sampling import Sample
    from eddy.model.data.schema_inference import Guess

Out = Annotated[Path | None, typer.Option("--out", help="Write the schema to this file, which must not exist yet.")]


def schema(data: Data, to: Out = None, sample_rows: SampleRows = 200_000, as_json: AsJson = False) -> None:
    """Infer a schema from a table, with reasons, as a file to edit.

    Training, the consumer and the API all use this schema. Correct wrong kinds, then pass the file to
    `eddy train --schema`.
    Ignored fields are neither required in messages nor read.

    Examples:

        eddy schema transactions.csv > schema.toml

        eddy schema 'days/*.parquet' --out schema.toml

    Exit codes: 0 done, 1 the table cannot be used, 2 wrong usage, 130 Ctrl-C.
    """
    from eddy.model.data.schema_inference import as_schema, guess

    if to is not None and to.exists():
        fail(f"{to} exists already: delete it, or choose another path with --out")
    sample = read(data, sample_rows, quiet=as_json)
    guesses = guess(sample.table)
    text = as_schema(guesses).to_toml({one.field.name: one.why for one in guesses}, _instead(sample, guesses))
    if as_json:
        fields = [{**asdict(one.field), "why": one.why} for one in guesses]
        print_json({"rows": sample.rows, "rows_seen": len(sample.table), "fields": fields})
    if to is not None:
        with written_to(to), to.open("x", encoding="utf-8") as file:
            file.write(text)
    elif not as_json:
        typer.echo(text, nl=False)
    if not as_json:
        _report(sample, guesses, to)


def _instead(sample: Sample, guesses: tuple[Guess, ...]) -> dict[str, str]:
    """By field, the line for numbers that seem to stand for a missing value."""
    from eddy.model.data import sentinels

    fields = {one.field.name: one.field for one in guesses}
    found = sentinels.in_table(sample.table, fields.values())
    return {name: sentinels.suggestion(fields[name], seen) for name, seen in found.items()}


def _report(sample: Sample, guesses: tuple[Guess, ...], to: Path | None) -> None:
    """What the file does not say: how many rows it was inferred from, and which roles are missing."""
    rows = f"all {sample.rows:,} rows" if sample.whole else f"{len(sample.table):,} of {sample.rows:,} rows"
    missing = [role for role in ("card", "amount", "time") if all(one.field.role != role for one in guesses)]
    without = f" No column seems to be the {', the '.join(missing)}." if missing else ""
    written = f" Written to {to}." if to else ""
    say_columns(guesses)
    say(f"Inferred from {rows}.{without}{written}", err)
