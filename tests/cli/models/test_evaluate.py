import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.evaluation import baselines
from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.synthetic import SyntheticStream
from tests.places import ROOT
from tests.plugins.artifacts import artifact_store as artifact_store

ROWS = 4_000


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    made = next(SyntheticStream(seed=8, cards=300, fraud=0.02).chunks(count=ROWS, size=ROWS))
    return pd.DataFrame({**made.columns, "is_fraud": made.is_fraud, "fraud_kind": made.fraud_kind})


@pytest.fixture
def data(payments: pd.DataFrame, tmp_path: Path) -> Path:
    payments.to_parquet(tmp_path / "payments.parquet")
    return tmp_path / "payments.parquet"


def run(store: ArtifactStore, *arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--artifacts", str(store.path)])
    assert result.exit_code == code, result.output
    return " ".join(result.stderr.split()) if code else result.stdout


def test_a_model_is_held_against_the_baselines_of_which_one_needs_tensorflow(
    artifact_store: ArtifactStore, data: Path
) -> None:
    report = data.with_name("report.html")
    words = ["evaluate", "active", data, "--artifacts", artifact_store.path, "--json", "--out", report]
    done = subprocess.run(
        [sys.executable, "-m", "eddy.cli.main", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    printed = json.loads(done.stdout)
    assert [other["name"] for other in printed["baselines"]] == list(baselines.NAMES)
    for other in printed["baselines"]:
        assert 0 < other["figures"]["average_precision"]["value"] <= 1
    found = printed["models"][0]["figures"]
    assert (printed["rows"], printed["anomalies"], found["rows"]) == (ROWS // 2, found["anomalies"], ROWS // 2)
    assert found["average_precision"]["low"] <= found["average_precision"]["value"]
    assert found["confusion"].keys() >= {"caught", "missed", "precision", "recall", "accuracy"}
    assert printed["models"][0]["calibration"][0]["requested"] == 0.5
    assert {kind["kind"] for kind in found["kinds"]} >= {"spree"}
    assert "isolation forest" in report.read_text()


def test_the_terminal_shows_figures_kinds_and_what_the_budget_is(
    artifact_store: ArtifactStore, payments: pd.DataFrame, data: Path
) -> None:
    shown = run(artifact_store, "active", data, "--no-baselines", "--budget", 7)
    frauds = int(payments["is_fraud"].sum())
    for words in (f"{ROWS:,} rows, of which {frauds}", "7 alerts a day", "spree", "mislead", "ROC"):
        assert words in shown
    assert artifact_store.active() in shown


def test_the_budget_is_spent_day_by_day_where_the_schema_names_a_time(
    artifact_store: ArtifactStore, data: Path, payments: pd.DataFrame
) -> None:
    printed = json.loads(run(artifact_store, "active", data, "--no-baselines", "--json"))
    assert printed["budget_per"] == "day"
    counts = printed["models"][0]["figures"]["at_budget"]
    days = payments["event_time"].astype(str).str[:10].nunique()
    assert counts["caught"] + counts["false_alarms"] <= 10 * days


def test_labels_are_not_needed(artifact_store: ArtifactStore, payments: pd.DataFrame, tmp_path: Path) -> None:
    payments.drop(columns=["is_fraud", "fraud_kind"]).to_csv(tmp_path / "payments.csv", index=False)
    printed = json.loads(
        run(artifact_store, "active", tmp_path / "payments.csv", "--json", "--out", tmp_path / "r.html")
    )
    assert printed["models"][0]["figures"] is None
    assert printed["models"][0]["flagged"] > 0
    assert (printed["anomalies"], printed["baselines"]) == (None, [])
    assert "--label" in (tmp_path / "r.html").read_text()
    assert "none of which is labelled" in run(artifact_store, "active", tmp_path / "payments.csv")


def test_a_larger_table_is_sampled_and_says_so(artifact_store: ArtifactStore, data: Path) -> None:
    printed = json.loads(run(artifact_store, "active", data, "--no-baselines", "--json", "--rows", 1_000))
    assert printed["rows"] == 1_000
    assert any("1,000 of the 4,000" in note for note in printed["notes"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["active", "nowhere.csv"], "nowhere.csv"),
        (["20200101T000000Z-000000", "{data}"], "20200101T000000Z-000000"),
        (["active", "{data}", "--label", "nothing"], "nothing"),
        (["active", "{data}", "--rows", "800"], "--no-baselines"),
        (["active", "{data}", "--no-baselines", "--out", "no/such/report.html"], "no/such/report.html"),
    ],
)
def test_what_cannot_be_done_ends_with_one_and_a_remedy(
    artifact_store: ArtifactStore, data: Path, arguments: list[str], expected: str
) -> None:
    printed = run(artifact_store, *(word.replace("{data}", str(data)) for word in arguments), code=1)
    assert expected in printed
