import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.sampling import Sample
from eddy.model.evaluation import baselines
from eddy.model.evaluation.evaluate import Evaluation, prepare, run
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.detector import Detector
from eddy.reports.evaluation.report import evaluation_report

MakeTable = Callable[..., pd.DataFrame]


def evaluation(table: pd.DataFrame, schema: TransactionSchema, *detectors: Detector) -> Evaluation:
    rows, training, notes = prepare(Sample(table, len(table)), schema)
    return run(detectors, rows, 10, training, notes)


@pytest.fixture
def labelled(make_table: MakeTable) -> pd.DataFrame:
    anomalous = np.arange(3_000) % 40 == 0
    kinds = np.resize(["<script>", "drained", "spree"], 3_000)
    table = make_table(3_000).assign(is_fraud=anomalous, fraud_kind=np.where(anomalous, kinds, ""))
    table.loc[anomalous, "amount"] *= 30
    return table


def test_with_labels_everything_is_there(
    labelled: pd.DataFrame, schema: TransactionSchema, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "NAMES", ("isolation forest", "pca"))
    html = evaluation_report(evaluation(labelled, schema, detector), "march.parquet")
    for words in (
        "march.parquet", detector.version, "isolation forest", "pca", "Precision and recall", "Calibration",
        "Kinds of anomalies", "At the threshold", "Observed and expected", "Top-scoring rows", "mislead",
        "10 alerts a day", "first half in time",
    ):  # fmt: skip
        assert words in html
    assert html.count("<svg") == 5
    assert "<script>" not in html
    assert "nan" not in re.sub('base64,[^"]*', "", html).lower().replace("nan'", ""), "pictures may spell anything"


def test_identifiers_stay_out(labelled: pd.DataFrame, schema: TransactionSchema, detector: Detector) -> None:
    html = evaluation_report(run_alone(labelled, schema, detector), "march.parquet")
    found = [
        name
        for name in (*labelled["transaction_id"], *labelled["card_id"])
        if f">{name}<" in html or f" {name} " in html
    ]
    assert found == []


def test_without_labels_it_says_what_is_missing_and_shows_the_rest(
    make_table: MakeTable, schema: TransactionSchema, detector: Detector
) -> None:
    html = evaluation_report(run_alone(make_table(2_000), schema, detector), "march.parquet")
    assert "labelled" in html
    assert "--label" in html
    for words in ("Precision and recall", "At the threshold", "Kinds of anomalies"):
        assert f">{words}</h2>" not in html
    assert html.count("<svg") == 4


def test_several_versions_stand_side_by_side(
    labelled: pd.DataFrame, schema: TransactionSchema, detector: Detector
) -> None:
    rows, _, notes = prepare(Sample(labelled, len(labelled)), schema, with_baselines=False)
    html = evaluation_report(run([detector, detector], rows, 10, None, notes), "march.parquet")
    assert html.count(f"<h3>{detector.version}</h3>") == 2 * 7


def run_alone(table: pd.DataFrame, schema: TransactionSchema, detector: Detector) -> Evaluation:
    rows, _, notes = prepare(Sample(table, len(table)), schema, with_baselines=False)
    return run([detector], rows, 10, None, notes)
