import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.data.conversion import columns_of
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from eddy.producer.synthetic import SyntheticStream
from tests.places import ROOT
from tests.plugins.artifacts import artifact_store as artifact_store
from tests.plugins.artifacts import trained_detector as trained_detector

ROWS = 3_000


@pytest.fixture(scope="module")
def payments() -> pd.DataFrame:
    made = next(SyntheticStream(seed=8, cards=300, fraud=0.01).chunks(count=ROWS, size=ROWS))
    return pd.DataFrame(made.columns)


@pytest.fixture
def data(payments: pd.DataFrame, tmp_path: Path) -> Path:
    payments.to_parquet(tmp_path / "payments.parquet")
    return tmp_path / "payments.parquet"


def run(store: ArtifactStore, *arguments: object, code: int = 0, text: bytes = b"") -> str:
    words = [*map(str, arguments), "--artifacts", str(store.path)]
    result = CliRunner().invoke(app, ["score", *words], input=text)
    assert result.exit_code == code, result.output
    return " ".join(result.stderr.split()) if code else result.stdout


@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        ("parquet", pd.read_parquet),
        ("csv", pd.read_csv),
        ("jsonl", lambda path: pd.read_json(path, lines=True, precise_float=True)),
    ],
)
def test_there_is_one_row_per_transaction_in_the_same_order(
    artifact_store: ArtifactStore,
    trained_detector: Detector,
    payments: pd.DataFrame,
    data: Path,
    suffix: str,
    read: object,
) -> None:
    out = data.with_name(f"scored.{suffix}")
    assert out.name in run(artifact_store, "active", data, "--out", out)
    scored = read(out)  # type: ignore[operator]
    verdicts = trained_detector.detect(columns_of(payments, trained_detector.schema))
    assert scored["transaction_id"].tolist() == payments["transaction_id"].tolist()
    np.testing.assert_allclose(scored["score"], verdicts.score, rtol=1e-12)
    np.testing.assert_allclose(scored["rarity"], verdicts.rarity, rtol=1e-12)
    assert scored["anomalous"].tolist() == verdicts.anomalous.tolist()
    parts = [f"contribution_{name}" for name in trained_detector.schema.scored]
    assert scored.columns.tolist() == ["transaction_id", "score", "rarity", "anomalous", *parts]
    np.testing.assert_allclose(scored[parts].sum(axis=1), verdicts.score, rtol=1e-5)


def test_a_table_in_pieces_and_files_is_scored_as_one(
    artifact_store: ArtifactStore, payments: pd.DataFrame, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(artifact_store, "active", data, "--out", data.with_name("whole.parquet"))
    payments[:1_100].to_csv(data.with_name("day-1.csv"), index=False)
    payments[1_100:].to_csv(data.with_name("day-2.csv"), index=False)
    monkeypatch.setattr("eddy.model.data.sampling.read_pieces.__defaults__", (700, ()))
    run(artifact_store, "active", data.with_name("day-*.csv"), "--out", data.with_name("pieces.parquet"))
    whole, pieces = (pd.read_parquet(data.with_name(f"{name}.parquet")) for name in ("whole", "pieces"))
    pd.testing.assert_frame_equal(whole, pieces)


def test_lines_of_json_come_in_on_standard_input(artifact_store: ArtifactStore, payments: pd.DataFrame) -> None:
    lines = payments.to_json(orient="records", lines=True, date_format="iso").encode()
    printed = json.loads(run(artifact_store, "active", "-", "--json", text=lines))
    assert printed["rows"] == ROWS


def test_the_summary_says_what_a_script_wants_to_know(
    artifact_store: ArtifactStore, trained_detector: Detector, payments: pd.DataFrame, data: Path
) -> None:
    printed = json.loads(run(artifact_store, trained_detector.version, data, "--json"))
    verdicts = trained_detector.detect(columns_of(payments, trained_detector.schema))
    assert (printed["version"], printed["rows"]) == (artifact_store.active(), ROWS)
    assert printed["anomalous"] == int(verdicts.anomalous.sum()) > 0
    assert printed["threshold"] == trained_detector.threshold.score
    top = printed["top_scoring"][0]
    assert top["row"] == int(np.argmax(verdicts.score)) + 1
    assert top["transaction"] == payments["transaction_id"][int(np.argmax(verdicts.score))]
    assert top["contributions"][0].keys() == {"field", "contribution", "observed", "expected"}


def test_without_a_file_the_top_scoring_rows_are_shown_with_their_reasons(
    artifact_store: ArtifactStore, trained_detector: Detector, payments: pd.DataFrame, data: Path
) -> None:
    shown = run(artifact_store, "active", data)
    verdicts = trained_detector.detect(columns_of(payments, trained_detector.schema))
    top = int(np.argmax(verdicts.score))
    assert payments["transaction_id"][top] in shown
    assert verdicts.contributions(top, 1)[0].field in shown


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda table: table.drop(columns="amount"), ["amount", "no column"]),
        (lambda table: _corrupted(table.astype({"amount": object})), ["amount", "row 2501", "'much'"]),
        (lambda table: table[:0], ["no rows"]),
    ],
    ids=["column missing", "text in numbers", "no rows"],
)
def test_what_cannot_be_scored_is_reported_with_file_column_and_row_and_leaves_no_file(
    artifact_store: ArtifactStore, payments: pd.DataFrame, tmp_path: Path, spoil: object, expected: list[str]
) -> None:
    path = tmp_path / "payments.csv"
    spoil(payments).to_csv(path, index=False)  # type: ignore[operator]
    printed = run(artifact_store, "active", path, "--out", tmp_path / "out.parquet", code=1)
    for words in (path.name, *expected):
        assert words in printed
    assert list(tmp_path.iterdir()) == [path]


def test_an_older_result_outlives_a_run_that_fails(
    artifact_store: ArtifactStore, payments: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("older")
    payments.drop(columns="amount").to_csv(tmp_path / "payments.csv", index=False)
    run(artifact_store, "active", tmp_path / "payments.csv", "--out", tmp_path / "out.csv", code=1)
    assert (tmp_path / "out.csv").read_text() == "older"


def test_a_name_that_tells_no_format_is_refused_before_anything_is_read(artifact_store: ArtifactStore) -> None:
    assert ".parquet" in run(artifact_store, "active", "nowhere.csv", "--out", "scored.xlsx", code=1)


def test_a_place_that_cannot_be_written_to_is_reported(artifact_store: ArtifactStore, data: Path) -> None:
    printed = run(artifact_store, "active", data, "--out", data.parent / "no" / "such.csv", code=1)
    assert "No such file or directory" in printed


def test_a_version_that_is_not_there_lists_those_that_are(artifact_store: ArtifactStore, data: Path) -> None:
    assert artifact_store.active() in run(artifact_store, "20200101T000000Z-000000", data, code=1)


def test_scoring_a_table_needs_nothing_of_the_training_side(artifact_store: ArtifactStore, data: Path) -> None:
    code = (
        "import sys\nfrom eddy.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit as ended:\n    assert ended.code in (0, None), ended.code\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'scipy', 'onnx', 'matplotlib', 'optuna', 'skrub'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    words = ["score", "active", data, "--artifacts", artifact_store.path, "--out", data.with_name("out.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_pandas_it_says_what_to_install(artifact_store: ArtifactStore) -> None:
    code = "import sys; sys.modules['pandas'] = None; from eddy.cli.main import run; run()"
    words = ["score", "active", "payments.csv", "--artifacts", str(artifact_store.path)]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'eddy-stream[tables]'" in " ".join(done.stderr.split())


def _corrupted(table: pd.DataFrame) -> pd.DataFrame:
    corrupted = table.copy()
    corrupted.loc[2_500, "amount"] = "much"
    return corrupted
