import json
import shutil
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.artifact import GRAPH, ArtifactStore
from tests.plugins.artifacts import artifact_store as artifact_store


@pytest.fixture
def store(artifact_store: ArtifactStore, tmp_path: Path) -> ArtifactStore:
    """A copy of the trained model, the test's own."""
    shutil.copytree(artifact_store.path, tmp_path / "store")
    return ArtifactStore(tmp_path / "store")


def run(store: ArtifactStore, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["models", *arguments, "--artifacts", str(store.path)])
    assert result.exit_code == code, result.output
    return result.stderr if code else result.stdout


def test_the_list_marks_the_active_model(store: ArtifactStore) -> None:
    version = store.active()
    assert [version in line and "active" in line for line in run(store, "list").splitlines()].count(True) == 1
    [row] = json.loads(run(store, "list", "--json"))
    assert (row["version"], row["active"], row["rate"]) == (version, True, 0.001)


def test_a_damaged_model_is_listed_as_such(store: ArtifactStore) -> None:
    (store.path / store.active() / "manifest.json").write_bytes(b"{}")
    [row] = json.loads(run(store, "list", "--json"))
    assert "manifest.json" in row["problem"]
    assert row["version"] in run(store, "list")


def test_the_schema_can_be_written_out_and_read_back(store: ArtifactStore) -> None:
    shown = run(store, "show", "--schema")
    assert TransactionSchema.from_toml(shown) == store.manifest(store.active()).schema


def test_a_model_shows_what_it_was_made_of(store: ArtifactStore) -> None:
    shown = run(store, "show", store.active())
    for words in ("tensorflow", "amount", "categorical", "1 normal transaction in 1,000"):
        assert words in shown
    assert json.loads(run(store, "show", "--json"))["version"] == store.active()


def test_a_chosen_model_becomes_the_active_one(store: ArtifactStore) -> None:
    version = store.active()
    assert version in run(store, "use", version, "--store-only")
    assert (store.path / "ACTIVE").read_text().strip() == version
    assert version in run(store, "use", "20200101T000000Z-000000", "--store-only", code=1)


def test_verify_is_content_with_what_was_stored_and_with_nothing_else(store: ArtifactStore) -> None:
    assert "intact" in run(store, "verify")
    path = store.path / store.active() / GRAPH
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert GRAPH in run(store, "verify", code=1)


def test_verify_tells_scripts_what_it_found(store: ArtifactStore) -> None:
    version = store.active()
    printed = json.loads(run(store, "verify", "--json"))
    assert (printed["version"], printed["sound"]) == (version, True)
    assert printed["files"] == len(list((store.path / version).iterdir()))
    (store.path / version / "manifest.sha256").write_bytes(b"")
    result = CliRunner().invoke(app, ["models", "verify", "--json", "--artifacts", str(store.path)])
    assert result.exit_code == 1
    printed = json.loads(result.stdout)
    assert (printed["version"], printed["sound"]) == (version, False)
    assert "manifest.json" in printed["problem"]


def test_verify_names_a_file_that_does_not_belong_to_the_model(store: ArtifactStore) -> None:
    (store.path / store.active() / "notes.txt").write_text("good one")
    assert "notes.txt" in run(store, "verify", code=1)


def test_verify_scores_the_probe_rows_again(store: ArtifactStore) -> None:
    manifest, files = store.verified(store.active())
    probe = msgspec.structs.replace(manifest.probe, score=tuple(2 * score for score in manifest.probe.score))
    later = manifest.created_at + timedelta(minutes=1)
    store.add(msgspec.structs.replace(manifest, probe=probe, created_at=later), files)
    assert "probe rows" in run(store, "verify", code=1)


@pytest.mark.parametrize("command", [["list"], ["show"], ["verify"]])
def test_an_empty_store_says_how_to_fill_it(tmp_path: Path, command: list[str]) -> None:
    assert "eddy train" in run(ArtifactStore(tmp_path / "none"), *command, code=1)
