"""`eddy tune`, for real but small: TensorFlow runs in processes of its own."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.interruption import INTERRUPTED
from eddy.cli.main import app
from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.synthetic import SyntheticStream
from tests.places import ROOT


def payments(rows: int) -> pd.DataFrame:
    made = next(SyntheticStream(seed=3, cards=100, fraud=0.02).chunks(count=rows, size=rows))
    return pd.DataFrame({**made.columns, "is_fraud": made.is_fraud})


def command(here: Path, *more: str) -> list[str]:
    kept = ["--artifacts", str(here / "store"), "--out", str(here / "tuning.html")]
    tuning = ["tune", str(here / "payments.csv"), "--steps", "20", *kept, *more]
    return [sys.executable, "-m", "eddy.cli.main", *tuning]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a search was interrupted after its first trials, and then went on to the end."""
    path = tmp_path_factory.mktemp("tune")
    payments(1_200).to_csv(path / "payments.csv", index=False)
    with (path / "first").open("w") as printed:
        begun = subprocess.Popen(command(path, "--trials", "500"), cwd=ROOT, stderr=printed, stdout=printed)
        journal = path / "store-tuning.journal"
        until = time.monotonic() + 240
        while not (journal.exists() and journal.read_text().count('"values":[') >= 2) and time.monotonic() < until:
            assert begun.poll() is None, (path / "first").read_text()
            time.sleep(0.2)
        begun.send_signal(signal.SIGINT)
        (path / "code").write_text(str(begun.wait(60)))
    done = subprocess.run(
        command(path, "--trials", "4", "--json"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path / "printed.json").write_text(done.stdout)
    return path


def test_ctrl_c_ends_with_130_and_one_line_on_how_to_go_on(here: Path) -> None:
    printed = (here / "first").read_text()
    assert (here / "code").read_text() == str(INTERRUPTED), printed
    assert "run the same command again" in printed
    assert "Traceback" not in printed


def test_the_same_command_goes_on_and_ends_with_a_model_that_runs(here: Path) -> None:
    printed = json.loads((here / "printed.json").read_text())
    store = ArtifactStore(here / "store")
    assert printed["version"] == store.active()
    assert printed["trials"] >= 4
    assert printed["labelled"] is False, "2 % of 240 rows are too few to choose by"
    assert store.detector(printed["version"]).schema.role("card") is not None
    assert printed["rows"] + printed["rows_left_out"] == 1_200, "the model is trained on all rows in the end"


def test_the_report_opens_offline_and_says_what_was_done(here: Path) -> None:
    html = (here / "tuning.html").read_text()
    assert "Search for settings" in html
    assert "payments.csv has 1,200 rows" in html
    assert "<svg" in html


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.csv"], ["missing.csv"]),
        (["small.csv"], ["700 rows", "too few", "eddy train"]),
        (["payments.csv", "--study", "small.csv"], ["small.csv", "--study"]),
    ],
    ids=["missing", "few rows", "a study that is none"],
)
def test_what_cannot_be_searched_ends_with_one_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    payments(700).to_csv("small.csv", index=False)
    payments(1_000).to_csv("payments.csv", index=False)
    result = CliRunner().invoke(app, ["tune", *arguments, "--artifacts", "store"])
    assert result.exit_code == 1
    printed = " ".join(result.stderr.split())
    for words in expected:
        assert words in printed
    assert not Path("store").exists()
    assert "tensorflow" not in sys.modules
