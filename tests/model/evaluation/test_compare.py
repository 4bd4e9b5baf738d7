from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.sampling import Sample
from eddy.model.evaluation.compare import compare_models, rank_correlation
from eddy.model.evaluation.evaluate import Evaluation, prepare, run
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scorer, Scores
from eddy.model.training.fit_calibration import calibrate
from eddy.reports.evaluation.comparison import comparison_report

MakeTable = Callable[..., pd.DataFrame]
ROWS = 2_000


class OneField:
    """Scores a row by its distance from the middle in one numeric field."""

    usual_levels: Mapping[str, str] = {}

    def __init__(self, schema: TransactionSchema, field: str, trained: Columns) -> None:
        self.fields = schema.scored
        self.place = schema.numeric.index(field)
        self.middle = float(np.nanmedian(trained.numeric[:, self.place]))

    def score(self, columns: Columns, explain: bool = True) -> Scores:  # noqa: ARG002
        values = columns.numeric[:, self.place]
        parts = np.zeros((len(values), len(self.fields)))
        parts[:, self.place] = np.nan_to_num(abs(values - self.middle))
        expected = np.full(parts.shape, np.nan)
        expected[:, self.place] = self.middle
        return Scores(parts.sum(axis=1), parts, expected)


@pytest.fixture
def table(make_table: MakeTable) -> pd.DataFrame:
    table = make_table(ROWS)
    table.loc[7, "temperature"] = 900.0
    table.loc[11, "amount"] = 1e7
    return table


def by(field: str, schema: TransactionSchema, trained: Columns) -> Detector:
    scorer = cast(Scorer, OneField(schema, field, trained))
    calibration = calibrate(scorer.score(trained).score)
    return Detector(f"by-{field}", schema, scorer, calibration, calibration.threshold(0.001))


def evaluation(table: pd.DataFrame, *detectors: Detector) -> Evaluation:
    schema = detectors[0].schema
    rows, _, notes = prepare(Sample(table, len(table)), schema, with_baselines=False)
    return run(detectors, rows, 10, None, notes)


def test_rows_that_one_model_alone_flags_come_first_with_the_reasons_of_both(
    table: pd.DataFrame, schema: TransactionSchema, columns: Columns
) -> None:
    found = compare_models(evaluation(table, by("temperature", schema, columns), by("amount", schema, columns)))
    assert found.only_first >= 1
    assert found.only_second >= 1
    assert found.both + found.only_first + found.only_second + found.neither == ROWS
    assert {apart.row for apart in found.disagreements[:2]} == {8, 12}
    contested = [apart.first.anomalous != apart.second.anomalous for apart in found.disagreements]
    assert contested == sorted(contested, reverse=True)
    warm = next(apart for apart in found.disagreements if apart.row == 8)
    assert (warm.first.anomalous, warm.second.anomalous) == (True, False)
    assert (warm.first.contributions[0].field, warm.first.contributions[0].observed) == ("temperature", 900.0)
    assert warm.second.contributions[0].field == "amount"
    assert warm.first.rarity < warm.second.rarity


def test_a_model_agrees_with_itself(table: pd.DataFrame, schema: TransactionSchema, columns: Columns) -> None:
    detector = by("amount", schema, columns)
    found = compare_models(evaluation(table, detector, replace(detector, version="again")))
    assert (found.rank_correlation, found.top_scoring_shared) == (1.0, 1.0)
    assert (found.only_first, found.only_second, found.disagreements) == (0, 0, ())


def test_unrelated_models_do_not_agree(table: pd.DataFrame, schema: TransactionSchema, columns: Columns) -> None:
    found = compare_models(evaluation(table, by("temperature", schema, columns), by("amount", schema, columns)))
    assert abs(found.rank_correlation) < 0.1
    assert found.top_scoring_shared < 0.3


def test_the_rank_correlation_is_spearmans() -> None:
    first = np.array([1.0, 5.0, 5.0, 90.0])  # ranks 1, 2.5, 2.5, 4
    assert rank_correlation(first, np.array([0.0, 1.0, 2.0, 3.0])) == pytest.approx(4.5 / np.sqrt(4.5 * 5), abs=1e-11)
    assert rank_correlation(first, -first) == -1.0
    assert rank_correlation(first, np.zeros(4)) == 0.0


def test_the_report_shows_both_and_names_nobody(
    table: pd.DataFrame, schema: TransactionSchema, columns: Columns
) -> None:
    labelled = table.assign(is_fraud=np.arange(ROWS) % 100 == 7)
    done = evaluation(labelled, by("temperature", schema, columns), by("amount", schema, columns))
    html = comparison_report(done, compare_models(done), "march.csv")
    for words in ("by-temperature", "by-amount", "march.csv", "Rank correlation", "Where they disagree", "mislead"):
        assert words in html
    assert html.count("<svg") == 3
    for name in ("t-7", "t-11", table["card_id"][7]):
        assert f" {name} " not in html


def test_without_labels_the_report_says_so(table: pd.DataFrame, schema: TransactionSchema, columns: Columns) -> None:
    done = evaluation(table, by("temperature", schema, columns), by("amount", schema, columns))
    html = comparison_report(done, compare_models(done), "march.csv")
    assert "None of these rows is labelled" in html
    assert html.count("<svg") == 2


def test_fields_that_only_one_of_them_scores_are_named(
    table: pd.DataFrame, schema: TransactionSchema, columns: Columns
) -> None:
    fewer = TransactionSchema(tuple(field for field in schema.fields if field.name != "distance_km"))
    small = Columns(columns.numeric[:, [0, 2]], columns.categorical, columns.timestamp)
    done = evaluation(table, by("temperature", schema, columns), by("amount", fewer, small))
    assert "distance_km is scored by by-temperature alone" in comparison_report(done, compare_models(done), "x")
