import json
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.synthetic import SyntheticStream
from tests.plugins.artifacts import artifact_store as artifact_store

ROWS = 3_000


@pytest.fixture
def store(artifact_store: ArtifactStore, tmp_path: Path) -> ArtifactStore:
    """The trained model, and the same with a tenfold alert rate."""
    shutil.copytree(artifact_store.path, tmp_path / "store")
    store = ArtifactStore(tmp_path / "store")
    manifest, files = store.verified(store.active())
    lower, later = manifest.calibration.threshold(0.01), manifest.created_at + timedelta(minutes=1)
    store.add(msgspec.structs.replace(manifest, threshold=lower, created_at=later), files)
    return store


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made = next(SyntheticStream(seed=8, cards=300, fraud=0.02).chunks(count=ROWS, size=ROWS))
    table = pd.DataFrame({**made.columns, "is_fraud": made.is_fraud, "fraud_kind": made.fraud_kind})
    table.to_parquet(tmp_path / "payments.parquet")
    return tmp_path / "payments.parquet"


def run(store: ArtifactStore, *arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["models", "compare", *map(str, arguments), "--artifacts", str(store.path)])
    assert result.exit_code == code, result.output
    return " ".join(result.stderr.split()) if code else result.stdout


def test_scripts_get_figures_agreement_and_disagreements(store: ArtifactStore, data: Path) -> None:
    new, old = store.versions()
    printed = json.loads(run(store, old, new, data, "--json"))
    assert [model["version"] for model in printed["models"]] == [old, new]
    assert (printed["rank_correlation"], printed["only_first"]) == (1.0, 0)
    assert printed["only_second"] == printed["models"][1]["flagged"] - printed["models"][0]["flagged"] > 0
    assert printed["models"][0]["figures"]["average_precision"] == printed["models"][1]["figures"]["average_precision"]


def test_the_terminal_and_the_report_show_both(store: ArtifactStore, data: Path) -> None:
    new, old = store.versions()
    shown = run(store, old, "active", data, "--out", data.with_name("comparison.html"))
    for words in (new, old, "Flagged by both", "Rank correlation", "comparison.html"):
        assert words in shown
    html = data.with_name("comparison.html").read_text()
    assert new in html
    assert old in html


def test_a_version_that_is_not_there_ends_with_one(store: ArtifactStore, data: Path) -> None:
    assert store.active() in run(store, "active", "20200101T000000Z-000000", data, code=1)
