from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eddy.model.config import TrainingConfig
from eddy.model.data.conversion import TableError
from eddy.model.data.sampling import read_sample
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.training.prepare import FEWEST_ROWS, Prepared, prepare

MakeTable = Callable[..., pd.DataFrame]


@pytest.fixture
def labelled(schema: TransactionSchema) -> TransactionSchema:
    return TransactionSchema((*schema.fields, Field("is_fraud", Kind.LABEL)))


def refusal(table: pd.DataFrame, schema: TransactionSchema) -> str:
    with pytest.raises(TableError) as raised:
        prepare(table, schema)
    return str(raised.value)


def test_labelled_anomalies_are_set_apart(make_table: MakeTable, labelled: TransactionSchema) -> None:
    table = make_table(1_000).assign(is_fraud=np.arange(1_000) % 50 == 0)
    clean = prepare(table, labelled)
    assert (len(clean.columns), len(clean.anomalies), clean.left_out) == (980, 20, 20)
    assert clean.columns.numeric[0, 0] == table["amount"][1]
    assert clean.anomalies.numeric[1, 0] == table["amount"][50]
    assert "20 of 1,000 rows are labelled as anomalies (2.00%): they were left out" in clean.notes[0]


def test_they_are_learned_from_when_asked(make_table: MakeTable, labelled: TransactionSchema) -> None:
    table = make_table(1_000).assign(is_fraud=np.arange(1_000) % 50 == 0)
    kept = prepare(table, labelled, TrainingConfig(keep_labelled=True))
    assert (len(kept.columns), len(kept.anomalies), kept.left_out) == (1_000, 20, 0)
    assert "as asked" in kept.notes[0]


def test_without_labels_there_is_nothing_to_set_apart_and_nothing_to_note(
    make_table: MakeTable, schema: TransactionSchema, labelled: TransactionSchema
) -> None:
    for given in (schema, labelled):  # the table need not have the label that the schema names
        clean = prepare(make_table(600), given)
        assert (len(clean.columns), len(clean.anomalies), clean.notes) == (600, 0, ())
        assert clean.schema == given


def dropped(clean: Prepared) -> set[str]:
    return {field.name for field in clean.schema.of_kind(Kind.IGNORED)}


def test_columns_that_say_nothing_are_dropped_with_a_note(make_table: MakeTable, schema: TransactionSchema) -> None:
    table = make_table(600).assign(distance_km=np.nan, country=None, temperature=7.0, shop="fuel")
    clean = prepare(table, schema)
    assert dropped(clean) == {"distance_km", "country", "temperature", "shop"}
    assert clean.schema.scored == ("amount", "event_time")
    assert clean.columns.numeric.shape == (600, 1)
    notes = " ".join(clean.notes)
    for words in ("distance_km was dropped: it has no value", "temperature was dropped: it has the same value"):
        assert words in notes


def test_what_varies_only_among_anomalies_is_dropped_too(make_table: MakeTable, labelled: TransactionSchema) -> None:
    fraud = np.arange(1_000) % 50 == 0
    clean = prepare(make_table(1_000).assign(is_fraud=fraud, temperature=np.where(fraud, 9.0, 7.0)), labelled)
    assert dropped(clean) == {"temperature"}
    assert clean.anomalies.numeric.shape == (20, 2)


def test_a_role_ends_with_its_column(make_table: MakeTable, schema: TransactionSchema) -> None:
    assert prepare(make_table(600).assign(amount=1.0), schema).schema.role("amount") is None


def test_that_rows_were_drawn_from_more_is_noted(
    make_table: MakeTable, schema: TransactionSchema, tmp_path: Path
) -> None:
    make_table(2_000).to_parquet(tmp_path / "t.parquet")
    assert prepare(read_sample(tmp_path / "t.parquet", 0).table, schema).notes == ()
    assert prepare(read_sample(tmp_path / "t.parquet", 700).table, schema).notes == (
        "700 rows were drawn at random from 2,000: the table was read in pieces.",
    )


def test_too_few_rows_are_refused(make_table: MakeTable, labelled: TransactionSchema) -> None:
    message = refusal(make_table(FEWEST_ROWS - 1), labelled)
    assert f"{FEWEST_ROWS - 1} rows are too few: give at least {FEWEST_ROWS}" in message
    message = refusal(make_table(1_000).assign(is_fraud=1), labelled)
    assert "0 rows (1000 more are labelled anomalous) are too few" in message


def test_a_constant_table_is_refused(make_table: MakeTable, schema: TransactionSchema) -> None:
    assert "all 600 rows are the same" in refusal(make_table(600).iloc[[0] * 600], schema)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("amount", np.inf, ["row 18", "inf", "not finite"]),
        ("temperature", -np.inf, ["row 18", "not finite"]),
        ("amount", "EUR 5", ["row 18", "'EUR 5'", "decimal point"]),
        ("temperature", "mild", ["row 18", "'mild'", "schema"]),
        ("event_time", None, ["row 18", "iso8601"]),
    ],
)
def test_cells_that_cannot_be_learned_from_are_refused_by_column_and_row(
    make_table: MakeTable, schema: TransactionSchema, name: str, value: object, said: list[str]
) -> None:
    table = make_table(600).astype({name: object})
    table.loc[17, name] = value
    message = refusal(table, schema)
    for words in (f"column {name}", *said):
        assert words in message


def test_rows_keep_their_numbers_when_others_are_left_out(make_table: MakeTable, labelled: TransactionSchema) -> None:
    table = make_table(1_000).assign(is_fraud=np.arange(1_000) < 100)
    table.loc[700, "amount"] = np.inf
    assert "row 701" in refusal(table, labelled)


LABELS: dict[str, tuple[list[object], list[str]]] = {
    "a number of several": ([0, 1, 2, 3], ["more than two values", "0, 1, 2, 3", "ignored"]),
    "fractions": ([0.1, 0.2, 0.3, 0.4], ["none is known to mean normal"]),
    "1 and 2": ([1, 2, 1, 1], ["1, 2", "none is known to mean normal"]),
    "letters": (["A", "B", "A", "A"], ["a, b", "none is known to mean normal"]),
    "words none of which is normal": (["theft", "spree", "testing", "theft"], ["none is known to mean normal"]),
}


@pytest.mark.parametrize("case", LABELS)
def test_a_label_that_does_not_tell_what_is_normal_is_refused(
    make_table: MakeTable, labelled: TransactionSchema, case: str
) -> None:
    values, said = LABELS[case]
    message = refusal(make_table(1_000).assign(is_fraud=values * 250), labelled)
    for words in ("is_fraud", *said):
        assert words in message


@pytest.mark.parametrize(
    "values",
    [[0, 0, 0, 1], [0.0, 0.0, 1.0, np.nan], [False, True, False, False], ["normal", "theft", "spree", "normal"],
     [None, None, None, "theft"], ["", "", "", "theft"], ["0", "0", "1", "0"], [0, 0, 0, 0]],
)  # fmt: skip
def test_labels_of_two_values_or_of_words_are_understood(
    make_table: MakeTable, labelled: TransactionSchema, values: list[object]
) -> None:
    assert len(prepare(make_table(1_000).assign(is_fraud=values * 250), labelled).columns) >= 500


def test_a_label_of_several_kinds_may_stand_beside_one_of_two_values(
    make_table: MakeTable, labelled: TransactionSchema
) -> None:
    both = TransactionSchema((*labelled.fields, Field("scenario", Kind.LABEL)))
    table = make_table(1_000).assign(is_fraud=[0, 1] * 500, scenario=[0, 1, 0, 2, 0, 3, 0, 1] * 125)
    assert len(prepare(table, both).anomalies) == 500
