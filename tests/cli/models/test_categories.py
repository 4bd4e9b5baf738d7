"""A table of nothing but categories, from its file to verdicts: a model without a network all the way."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.serving.artifact import ArtifactStore
from tests.places import ROOT

ROWS = 3_000


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a table, some of whose cells are empty, and the model of it."""
    here = tmp_path_factory.mktemp("categories")
    rng = np.random.default_rng(0)
    country = rng.choice(["DE", "FR", "GB", "US", ""], ROWS, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    currency = [{"GB": "GBP", "US": "USD"}.get(name, "EUR") for name in country]
    shop = rng.choice(["grocery", "fuel", "travel"], ROWS, p=[0.6, 0.3, 0.1])
    table = pd.DataFrame({"country": country, "currency": currency, "shop": shop})
    table.loc[ROWS - 1] = ["DE", "GBP", "fuel"]
    table.to_csv(here / "payments.csv", index=False)
    printed = run("train", here / "payments.csv", "--artifacts", here / "store")
    assert "no network was trained" in printed
    return here


def test_the_model_has_a_report_and_no_network_and_tensorflow_was_not_needed(here: Path) -> None:
    store = ArtifactStore(here / "store")
    files = {entry.name for entry in (store.path / store.active()).iterdir()}
    assert files == {"scoring.onnx", "report.html", "manifest.json", "manifest.sha256"}
    report = (store.path / store.active() / "report.html").read_text()
    assert "no network was trained" in report
    assert store.manifest(store.active()).training["held_out_loss"] is None


def test_it_is_sound_and_shown(here: Path) -> None:
    assert "intact" in run("models", "verify", "--artifacts", here / "store")
    shown = json.loads(run("models", "show", "--json", "--artifacts", here / "store"))
    assert [field["kind"] for field in shown["fields"]] == ["categorical"] * 3


def test_it_finds_what_does_not_go_together(here: Path) -> None:
    run("score", "active", here / "payments.csv", "--artifacts", here / "store", "--out", here / "scored.csv")
    scored = pd.read_csv(here / "scored.csv")
    assert len(scored) == ROWS
    contributions = scored.filter(like="contribution_")
    np.testing.assert_allclose(contributions.sum(axis=1), scored["score"], rtol=1e-5)
    assert (contributions > 0).all(axis=None)
    assert scored["score"].idxmax() == ROWS - 1
    assert scored["anomalous"].mean() < 0.01


def test_networks_are_trained_where_they_are_asked_for(here: Path, tmp_path: Path) -> None:
    """In a process of its own: this one forks workers elsewhere, which TensorFlow does not bear."""
    arguments = ["train", here / "payments.csv", "--artifacts", tmp_path, "--parts", "both", "--steps", "50"]
    done = subprocess.run(
        [sys.executable, "-m", "eddy.cli.main", *map(str, arguments), "--no-report"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no network was trained" not in done.stdout
    store = ArtifactStore(tmp_path)
    assert (store.path / store.active() / "autoencoder.keras").is_file()
