"""From a table as it came to rows that can be learned from: anomalies apart, empty columns out, or a refusal."""

from dataclasses import dataclass

import pandas as pd

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.data.conversion import NORMAL_WORDS, TableError, anomalous, columns_of, words_of
from eddy.model.data.sampling import ROWS_DRAWN, ROWS_OF_SOURCE
from eddy.model.schema.schema import Columns, Field, Kind, SchemaError, TransactionSchema

FEWEST_ROWS = 500


@dataclass(frozen=True, eq=False)
class Prepared:
    """What training learns from.

    Args:
        columns: the rows to learn from.
        schema: of these columns: the given one, without those that say nothing.
        anomalies: the rows that a label calls anomalous.
        notes: what was done, in sentences.
        left_out: how many of the table's rows are not among the columns.
    """

    columns: Columns
    schema: TransactionSchema
    anomalies: Columns
    notes: tuple[str, ...]
    left_out: int


def prepare(table: pd.DataFrame, schema: TransactionSchema, config: TrainingConfig = DEFAULTS) -> Prepared:
    """Takes labelled anomalies out (unless `config.keep_labelled`) and drops columns that say nothing.

    Raises:
        TableError: the rows cannot be learned from; says why and what to do.
    """
    _check_labels(table, schema)
    anomalies = anomalous(table, schema)
    left_out = 0 if config.keep_labelled else int(anomalies.sum())
    rows = table if config.keep_labelled else table[~anomalies]
    _check_count(len(rows), left_out)
    columns = columns_of(rows, schema)
    silent = _silent(columns, schema)
    notes = _notes_on_sample(table)
    notes += [_note_on_labels(int(anomalies.sum()), len(table), config.keep_labelled)] if anomalies.any() else []
    notes += [f"Column {name} was dropped: it {why} in the {len(rows):,} rows." for name, why in silent.items()]
    cleaned = _without(schema, silent, len(rows))
    if silent:
        columns = columns_of(rows, cleaned)
    return Prepared(columns, cleaned, columns_of(table[anomalies], cleaned), tuple(notes), left_out)


def _notes_on_sample(table: pd.DataFrame) -> list[str]:
    rows, drawn = table.attrs.get(ROWS_OF_SOURCE, 0), table.attrs.get(ROWS_DRAWN)
    if drawn != len(table) or drawn >= rows:
        return []
    return [f"{drawn:,} rows were drawn at random from {rows:,}: the table was read in pieces."]


def _note_on_labels(labelled: int, rows: int, kept: bool) -> str:
    done = "are among the rows to learn from, as asked" if kept else "were left out of training"
    return f"{labelled:,} of {rows:,} rows are labelled as anomalies ({labelled / rows:.2%}): they {done}."


def _check_count(rows: int, left_out: int) -> None:
    if rows < FEWEST_ROWS:
        but = f" ({left_out} more are labelled anomalous)" if left_out else ""
        raise TableError(f"{rows} rows{but} are too few: give at least {FEWEST_ROWS} normal transactions")


def _check_labels(table: pd.DataFrame, schema: TransactionSchema) -> None:
    """Refuses labels that do not say what is normal. Kinds of anomalies may stand beside a label of two values."""
    labels = [field.name for field in schema.of_kind(Kind.LABEL) if field.name in table]
    values = {name: sorted(set(words_of(table[name]))) for name in labels}
    for name, found in values.items():
        if len(found) > 1 and not set(found) & NORMAL_WORDS:
            raise TableError(
                f"label {name} has the values {_some(found)}, of which none is known to mean normal: write 0 for "
                "normal and 1 for anomalous rows, or set it to ignored in the schema"
            )
    if values and all(_are_several_numbers(found) for found in values.values()):
        name, found = next(iter(values.items()))
        raise TableError(
            f"label {name} has more than two values ({_some(found)}): give a column with 0 for normal and 1 for "
            "anomalous rows, or set this one to ignored in the schema"
        )


def _are_several_numbers(values: list[str]) -> bool:
    """Whether there are more than two, not one of them a word: what they mean is anybody's guess."""
    given = [value for value in values if value]
    return len(given) > 2 and bool(pd.to_numeric(pd.Series(given), errors="coerce").notna().all())


def _some(values: list[str]) -> str:
    return ", ".join(values[:5]) + (", ..." if len(values) > 5 else "")


def _silent(columns: Columns, schema: TransactionSchema) -> dict[str, str]:
    """Columns that say nothing, and why."""
    values = [*columns.numeric.T, *columns.categorical.T, *columns.timestamp.T]
    found = {}
    for name, column in zip(schema.scored, values, strict=True):
        if (pd.isna(column) | (column == "")).all():
            found[name] = "has no value"
        elif (column == column[0]).all():
            found[name] = "has the same value"
    return found


def _without(schema: TransactionSchema, silent: dict[str, str], rows: int) -> TransactionSchema:
    fields = (Field(field.name, Kind.IGNORED) if field.name in silent else field for field in schema.fields)
    try:
        return TransactionSchema(tuple(fields)) if silent else schema
    except SchemaError:
        raise TableError(f"all {rows} rows are the same: there is nothing to learn; give real transactions") from None
