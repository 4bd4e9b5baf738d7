from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.conversion import TableError, columns_of
from eddy.model.data.sampling import Sample
from eddy.model.evaluation import baselines
from eddy.model.evaluation.evaluate import half, prepare, rows_of, run
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.detector import Detector

MakeTable = Callable[..., pd.DataFrame]
ROWS = 3_000


@pytest.fixture
def labelled(make_table: MakeTable) -> pd.DataFrame:
    """Two days and two hours; every fiftieth row is a fraud of one of two kinds."""
    fraud = np.arange(ROWS) % 50 == 0
    kind = np.where(fraud, np.where(np.arange(ROWS) % 100 == 0, "spree", "drained"), "")
    return make_table(ROWS).assign(is_fraud=fraud.astype(int), fraud_kind=kind)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the baseline that needs TensorFlow, which must not enter this process."""
    monkeypatch.setattr(baselines, "NAMES", ("isolation forest", "pca"))


def test_labels_are_found_although_the_model_was_trained_without_any(
    labelled: pd.DataFrame, schema: TransactionSchema
) -> None:
    rows = rows_of(labelled, schema)
    assert rows.labels == ("is_fraud", "fraud_kind")
    assert rows.anomalous is not None
    assert rows.anomalous.sum() == ROWS / 50
    assert rows.kinds is not None
    assert set(rows.kinds[rows.anomalous]) == {"spree", "drained"}


def test_the_schemas_own_label_counts_before_others(labelled: pd.DataFrame, schema: TransactionSchema) -> None:
    own = TransactionSchema((*schema.fields, Field("chargeback", Kind.LABEL)))
    rows = rows_of(labelled.assign(chargeback=np.arange(ROWS) == 7), own)
    assert rows.labels == ("chargeback",)
    assert rows.anomalous is not None
    assert np.flatnonzero(rows.anomalous).tolist() == [7]
    assert rows.kinds is None


def test_a_label_may_be_named(labelled: pd.DataFrame, schema: TransactionSchema) -> None:
    named = labelled.assign(verdict_of_analyst=["bad"] * 10 + ["normal"] * (ROWS - 10))
    rows = rows_of(named, schema, "verdict_of_analyst")
    assert rows.anomalous is not None
    assert rows.anomalous.sum() == 10
    with pytest.raises(TableError, match="no column nowhere"):
        rows_of(named, schema, "nowhere")


def test_labels_that_name_no_anomaly_are_no_labels(labelled: pd.DataFrame, schema: TransactionSchema) -> None:
    rows = rows_of(labelled.assign(is_fraud=0, fraud_kind=""), schema)
    assert rows.anomalous is None


def test_numbers_of_scenarios_are_kinds_too(labelled: pd.DataFrame, schema: TransactionSchema) -> None:
    table = labelled.drop(columns=["fraud_kind", "is_fraud"]).assign(tx_fraud_scenario=[0, 1, 2] * (ROWS // 3))
    rows = rows_of(table, schema)
    assert rows.anomalous is not None
    assert rows.kinds is not None
    assert set(rows.kinds[rows.anomalous]) == {"1", "2"}


def test_baselines_learn_from_the_first_half_in_time_and_all_are_evaluated_on_the_second(
    labelled: pd.DataFrame, schema: TransactionSchema
) -> None:
    shuffled = rows_of(labelled.sample(frac=1.0, random_state=0), schema)
    learned, evaluated, how = half(shuffled)
    assert "time" in how
    assert learned.table["event_time"].max() < evaluated.table["event_time"].min()
    assert len(evaluated) == ROWS / 2
    assert not learned.table["is_fraud"].any()


def test_without_a_time_or_without_frauds_in_the_second_half_the_half_is_a_random_one(
    labelled: pd.DataFrame, schema: TransactionSchema
) -> None:
    timeless = TransactionSchema(tuple(field for field in schema.fields if field.role != "time"))
    early_frauds = labelled.assign(is_fraud=(np.arange(ROWS) < 60).astype(int)).drop(columns="fraud_kind")
    for rows in (rows_of(labelled, timeless), rows_of(early_frauds, schema)):
        learned, evaluated, how = half(rows)
        assert "random" in how
        assert evaluated.anomalous is not None
        assert evaluated.anomalous.any()
        assert set(learned.table.index).isdisjoint(evaluated.table.index)


def test_too_few_rows_for_the_baselines_are_told_with_both_remedies(
    labelled: pd.DataFrame, schema: TransactionSchema
) -> None:
    with pytest.raises(TableError, match=r"--train.*--no-baselines"):
        half(rows_of(labelled[:600], schema))


@pytest.mark.usefixtures("light")
def test_all_methods_score_the_same_rows(detector: Detector, labelled: pd.DataFrame, schema: TransactionSchema) -> None:
    rows, training, notes = prepare(Sample(labelled, ROWS), schema)
    steps: list[float] = []
    evaluation = run([detector, detector], rows, 5, training, notes, lambda _, share: steps.append(share))
    assert [len(method.score) for method in evaluation.baselines] == [len(rows)] * 2
    np.testing.assert_array_equal(
        evaluation.models[0].verdicts.score, detector.detect(columns_of(rows.table, schema)).score
    )
    for method in (*evaluation.models, *evaluation.baselines):
        assert method.figures is not None
        assert (method.figures.rows, method.figures.anomalies) == (1_500, 30)
        assert len(method.figures.kinds) == 2
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert any("1,470 normal rows" in note for note in evaluation.notes)


@pytest.mark.usefixtures("light")
def test_baselines_may_have_a_table_of_their_own(
    detector: Detector, labelled: pd.DataFrame, schema: TransactionSchema, make_table: MakeTable
) -> None:
    own = make_table(800, seed=4)
    rows, training, notes = prepare(Sample(labelled, ROWS), schema, training=Sample(own, 800))
    assert len(rows) == ROWS
    assert training is not None
    assert len(training) == 800
    assert any("800 normal rows of the table that was given" in note for note in notes)
    assert len(run([detector], rows, 5, training, notes).baselines) == 2


def test_without_labels_models_give_verdicts_and_there_are_no_figures(
    detector: Detector, make_table: MakeTable, schema: TransactionSchema
) -> None:
    rows, training, notes = prepare(Sample(make_table(600), 6_000), schema)
    evaluation = run([detector], rows, 5, training, notes)
    assert evaluation.models[0].figures is None
    assert evaluation.baselines == ()
    assert "600 rows, none of which is labelled anomalous" in notes[0]
    assert "600 of the 6,000 rows" in notes[1]


def test_the_budget_of_a_sample_is_its_share_of_the_days(
    detector: Detector, labelled: pd.DataFrame, schema: TransactionSchema
) -> None:
    rows, _, _ = prepare(Sample(labelled, 10 * ROWS), schema, with_baselines=False)
    figures = run([detector], rows, 100).models[0].figures
    assert figures is not None
    assert figures.at_budget.caught + figures.at_budget.false_alarms == 3 * 10  # on each of three days begun
