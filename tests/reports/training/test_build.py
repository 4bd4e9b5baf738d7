"""The report that training stores: other settings are tried for it, and never cost the model."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eddy.model.config import TrainingConfig
from eddy.model.data.schema_inference import infer
from eddy.model.serving.artifact import REPORT, ArtifactStore
from eddy.model.training.ablation import AblationResult, EvaluationSet, ablate
from eddy.model.training.train import train
from eddy.producer.synthetic import SyntheticStream
from eddy.reports.training import build

CLUSTERS = TrainingConfig(clusters=2)
"""Needs no TensorFlow, and so no process of its own."""
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def payments(rows: int) -> pd.DataFrame:
    """Every 40th is labelled as fraud."""
    made = next(SyntheticStream(seed=3, cards=100, fraud=0.01).chunks(count=rows, size=rows))
    return pd.DataFrame({**made.columns, "is_fraud": np.arange(rows) % 40 == 0})


def test_the_report_shows_other_settings_and_without_a_report_none_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def recorded(*given: object) -> AblationResult:
        calls.append(given)
        return ablate(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "ablate", recorded)
    table = payments(800)
    steps: list[str] = []
    shares: list[float] = []
    for report in (False, True):
        store = ArtifactStore(tmp_path / str(report))
        train(
            table,
            infer(table),
            store,
            NOW,
            CLUSTERS,
            lambda what, share: (steps.append(what), shares.append(share)),  # type: ignore[arg-type, return-value]
            build.build if report else None,
        )
        assert len(calls) == report
        assert ("trying other settings" in steps) is report
        assert shares == sorted(shares)
        shares.clear()
    evaluation_set = calls[0][1]
    assert isinstance(evaluation_set, EvaluationSet)
    assert (len(evaluation_set.anomalies), evaluation_set.share) == (20, 20 / 800)
    page = (store.path / store.active() / REPORT).read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "<td>contamination 0</td>" in page
    assert "<td>without hour_by_category</td>" in page


def test_rows_learned_in_spite_of_their_label_evaluate_nothing(tmp_path: Path) -> None:
    table, store = payments(800), ArtifactStore(tmp_path)
    config = replace(CLUSTERS, keep_labelled=True)
    train(table, infer(table), store, NOW, config, report=build.build)
    page = (store.path / store.active() / REPORT).read_text()
    section = page[page.index(">Other settings</h2>") :]
    assert "average precision</th>" not in section


def test_settings_that_cannot_be_tried_do_not_cost_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise np.linalg.LinAlgError("no convergence")

    monkeypatch.setattr(build, "ablate", failing)
    table, store = payments(600), ArtifactStore(tmp_path)
    train(table, infer(table), store, NOW, CLUSTERS, report=build.build)
    page = (store.path / store.active() / REPORT).read_text()
    assert "Other settings could not be tried: no convergence." in page
    assert ">Other settings</h2>" not in page
