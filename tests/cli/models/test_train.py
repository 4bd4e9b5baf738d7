import inspect
import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.cli.models.train import train
from eddy.model.config import Loss, NetworkInput, Parts, Score, TrainingConfig
from eddy.model.features.encoder import GROUPS
from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.synthetic import SyntheticStream
from tests.places import ROOT


def payments(rows: int) -> pd.DataFrame:
    made = next(SyntheticStream(seed=3, cards=100, fraud=0.01).chunks(count=rows, size=rows))
    return pd.DataFrame({**made.columns, "is_fraud": made.is_fraud})


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], Path]:
    """What `eddy train --json` says about a table of 2,000 payments, and where it stored the model."""
    here = tmp_path_factory.mktemp("train")
    table = payments(2_000)
    unknown = table.index[~table.is_fraud][:30]
    table.loc[unknown, "distance_km"] = -1.0
    table.to_csv(here / "payments.csv", index=False)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "eddy.cli.main",
            "train",
            str(here / "payments.csv"),
            "--artifacts",
            str(here / "store"),
            "--json",
            *("--steps", "300", "--hidden", "20,10", "--seed", "7", "--no-report"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), here / "store"


def test_a_csv_becomes_the_active_model(answer: tuple[dict[str, object], Path]) -> None:
    printed, path = answer
    store = ArtifactStore(path)
    assert printed["version"] == store.active()
    assert Path(str(printed["path"])).is_dir()
    detector = store.detector(store.active())
    assert detector.threshold.score == printed["threshold"]
    card = detector.schema.role("card")
    assert card is not None
    assert card.name == "card_id"


def test_numbers_that_seem_to_stand_for_missing_ones_are_named_with_the_line_that_says_so(
    answer: tuple[dict[str, object], Path],
) -> None:
    notes = " ".join(map(str, answer[0]["notes"]))
    assert "Column distance_km is -1 in 30 of" in notes
    assert 'distance_km = {kind = "numeric", nullable = true, missing = [-1]}' in notes


def test_settings_given_as_options_are_those_of_the_model(answer: tuple[dict[str, object], Path]) -> None:
    printed, path = answer
    noted = ArtifactStore(path).manifest(str(printed["version"])).training
    assert (noted["steps"], tuple(noted["hidden"]), noted["seed"]) == (300, (20, 10), 7)
    assert noted["members"] == TrainingConfig().members


def test_every_setting_of_training_is_an_option_with_the_same_default() -> None:
    parameters = inspect.signature(train).parameters
    for setting in fields(TrainingConfig):
        assert parameters[setting.name].default == setting.default, setting.name


def test_the_help_names_every_group_of_features_and_every_choice() -> None:
    printed = CliRunner().invoke(app, ["train", "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"}).stdout
    choices = [*get_args(Loss), *get_args(Parts), *get_args(NetworkInput), *get_args(Score)]
    assert [word for word in (*GROUPS, *choices) if word not in printed] == []


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--parts", "all"], 1, ["parts", "both", "'all'"]),
        (["--network-input", "raw"], 1, ["network-input", "whitened, standardised"]),
        (["--contamination", "0.5"], 1, ["contamination", "0.1", "0.5"]),
        (["--alert-rate", "2"], 1, ["alert rate", "2.0"]),
        (["--members", "0"], 1, ["members", "32"]),
        (["--hidden", "64,0"], 1, ["hidden", "4,096"]),
        (["--hidden", "wide"], 2, ["hidden", "64,32"]),
        (["--steps", "many"], 2, ["--steps", "integer"]),
        (["--epochs", "5"], 2, ["No such option"]),
    ],
)
def test_a_setting_that_cannot_be_is_reported_before_anything_is_read(
    tmp_path: Path, options: list[str], code: int, expected: list[str]
) -> None:
    result = CliRunner().invoke(
        app, ["train", str(tmp_path / "none.csv"), *options], env={"COLUMNS": "200", "NO_COLOR": "1"}
    )
    assert result.exit_code == code
    printed = " ".join(result.stderr.split())
    for words in expected:
        assert words in printed
    assert "none.csv" not in printed


def test_rows_labelled_anomalous_are_left_out(answer: tuple[dict[str, object], Path]) -> None:
    printed, _ = answer
    frauds = int(payments(2_000)["is_fraud"].sum())
    assert frauds > 0
    assert (printed["rows_left_out"], printed["rows"]) == (frauds, 2_000 - frauds)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda _: None, ["no file"]),
        (lambda path: path.write_bytes(b"\x00\xff"), ["cannot be read"]),
        (lambda path: payments(100).to_csv(path, index=False), ["100 rows", "too few", "500"]),
        (lambda path: payments(600).assign(amount=1.0).iloc[[0] * 600].to_csv(path, index=False), ["the same"]),
        (
            lambda path: pd.DataFrame({"note": [f"free text {n}" for n in range(900)]}).to_csv(path, index=False),
            ["scored", "note"],
        ),
    ],
    ids=["missing", "binary", "few", "constant", "nothing to score"],
)
def test_a_table_that_cannot_be_learned_from_ends_with_one_and_a_remedy(
    tmp_path: Path, make: object, expected: list[str]
) -> None:
    make(tmp_path / "payments.csv")  # type: ignore[operator]
    result = CliRunner().invoke(app, ["train", str(tmp_path / "payments.csv"), "--artifacts", str(tmp_path / "store")])
    assert result.exit_code == 1
    printed = " ".join(result.stderr.split())
    for words in expected:
        assert words in printed
    assert not (tmp_path / "store").exists()


def test_a_schema_with_a_wrong_edit_is_reported_with_file_and_line(tmp_path: Path) -> None:
    payments(10).to_csv(tmp_path / "payments.csv", index=False)
    (tmp_path / "schema.toml").write_text('[fields]\namount = {kind = "number"}\n')
    arguments = [str(tmp_path / "payments.csv"), "--schema", str(tmp_path / "schema.toml")]
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 1
    printed = " ".join(result.stderr.split())
    for words in ("schema.toml", "line 2", "amount", "number"):
        assert words in printed


def test_a_schema_with_a_field_that_the_table_lacks_is_reported_with_file_and_line(tmp_path: Path) -> None:
    payments(10).to_csv(tmp_path / "payments.csv", index=False)
    (tmp_path / "schema.toml").write_text('[fields]\namount = {kind = "numeric"}\nshop = {kind = "categorical"}\n')
    arguments = [str(tmp_path / "payments.csv"), "--schema", str(tmp_path / "schema.toml")]
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 1
    printed = " ".join(result.stderr.split())
    for words in ("schema.toml, line 3", "no column shop", "it has transaction_id"):
        assert words in printed


SAYING_WHEN_BEGUN = """
from eddy.cli.main import run
print("begun", flush=True)
run()
"""
INTERRUPTED_WHILE_STORING = """
import os, signal, sys
from eddy.model.serving import artifact

write = artifact._write
def interrupted(path, content):
    write(path, content)
    os.kill(os.getpid(), signal.SIGINT)
artifact._write = interrupted

from eddy.cli.main import run
run()
"""


def interrupted(program: str, here: Path, after_s: float | None) -> "subprocess.CompletedProcess[str]":
    """`eddy train`, with a real SIGINT after some seconds, or by itself."""
    arguments = ["train", str(here / "payments.csv"), "--artifacts", str(here / "store")]
    steps = ["--steps", "300", "--no-report"] if after_s is None else ["--steps", "1000000"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments, *steps],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    if after_s is not None:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(after_s)
        process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=250)
    return subprocess.CompletedProcess(program, process.returncode, printed, errors)


@pytest.mark.parametrize("least_s", [0.5, 5.0, 12.0], ids=["begun", "starting TensorFlow", "training"])
def test_ctrl_c_while_training_ends_with_130_and_one_line_and_leaves_nothing(tmp_path: Path, least_s: float) -> None:
    payments(2_000).to_csv(tmp_path / "payments.csv", index=False)
    done = interrupted(SAYING_WHEN_BEGUN, tmp_path, least_s + random.random())
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "stopped: no model was stored"
    assert not (tmp_path / "store").exists() or list((tmp_path / "store").iterdir()) == []


def test_ctrl_c_while_storing_leaves_no_part_of_a_model(tmp_path: Path) -> None:
    payments(2_000).to_csv(tmp_path / "payments.csv", index=False)
    done = interrupted(INTERRUPTED_WHILE_STORING, tmp_path, None)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1] == "stopped: no model was stored"
    assert list((tmp_path / "store").iterdir()) == []
