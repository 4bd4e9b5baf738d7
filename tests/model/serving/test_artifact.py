import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.model.schema.columns import Columns
from eddy.model.serving.artifact import ACTIVE, FORMAT, GRAPH, ArtifactError, ArtifactStore, Manifest
from eddy.model.serving.scorer import Scorer
from tests.places import ROOT
from tests.plugins.artifacts import artifact_store as artifact_store

FLIPS = 1_000


def files_of(store: ArtifactStore) -> list[Path]:
    return sorted((store.path / store.active()).iterdir())


def add_later(store: ArtifactStore, draft: Manifest, graph_bytes: bytes, minutes: int) -> str:
    later = msgspec.structs.replace(draft, created_at=draft.created_at + timedelta(minutes=minutes))
    return store.add(later, {GRAPH: graph_bytes})


def test_a_stored_detector_scores_as_the_graph_did(store: ArtifactStore, scorer: Scorer, columns: Columns) -> None:
    detector = store.detector(store.active())
    np.testing.assert_array_equal(detector.detect(columns).score, scorer.score(columns).score)
    assert detector.threshold.rate == 0.01
    assert detector.schema.role("card") is not None


def test_the_version_tells_when_it_was_made_and_the_directory_holds_the_promised_files(store: ArtifactStore) -> None:
    version = store.active()
    assert version.startswith("20260301T120000Z-")
    assert {path.name for path in files_of(store)} == {
        "autoencoder.keras",
        "scoring.onnx",
        "manifest.json",
        "manifest.sha256",
    }


def test_numbers_that_stand_for_a_missing_value_are_kept_and_score_as_null_does(
    store: ArtifactStore, draft: Manifest, graph_bytes: bytes
) -> None:
    fields = tuple(
        replace(field, missing=(-1.0, -999_999_999.0)) if field.name == "temperature" else field
        for field in draft.fields
    )
    version = add_later(store, msgspec.structs.replace(draft, fields=fields), graph_bytes, 1)
    detector = store.detector(version)
    assert detector.schema.fields == fields
    message = {"transaction_id": "t", "card_id": "c", "event_time": "2026-03-01T12:00:00Z", "amount": 9.5}
    message |= {"distance_km": 2.0, "shop": "fuel", "country": "DE"}
    values = [msgspec.json.encode(message | {"temperature": each}) for each in (None, -1, -999999999, 10)]
    verdicts = detector.detect(TransactionCodec(detector.schema).decode_values(values).columns)
    assert verdicts.score[0] == verdicts.score[1] == verdicts.score[2] != verdicts.score[3]
    assert verdicts.contributions(0) == verdicts.contributions(1) == verdicts.contributions(2)


@pytest.fixture
def trained_store(artifact_store: ArtifactStore, tmp_path: Path) -> ArtifactStore:
    """A copy of a model that was really trained, with all that training stores."""
    shutil.copytree(artifact_store.path, tmp_path / "trained")
    return ArtifactStore(tmp_path / "trained")


def test_every_flipped_bit_is_refused_before_anything_is_loaded(
    trained_store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eddy.model.serving.artifact.Scorer", _must_not_be_made)
    store, version = trained_store, trained_store.active()
    files = files_of(store)
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    for flip in range(FLIPS):
        path = files[flip % len(files)]
        content = path.read_bytes()
        place, bit = int(rng.integers(len(content))), int(rng.integers(8))
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
        with pytest.raises(ArtifactError) as raised:
            store.detector(version)
        assert version in str(raised.value), f"bit {bit} of byte {place} of {path.name}"
        path.write_bytes(content)
    monkeypatch.undo()
    store.detector(version)


@pytest.mark.parametrize("name", ["autoencoder.keras", "scoring.onnx", "manifest.json", "manifest.sha256"])
def test_a_file_that_is_longer_cut_empty_gone_or_elsewhere_is_refused(
    store: ArtifactStore, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eddy.model.serving.artifact.Scorer", _must_not_be_made)
    path = store.path / store.active() / name
    content = path.read_bytes()
    for wrong in (content + b"\n", content + b"\0", content[: len(content) // 2], b""):
        path.write_bytes(wrong)
        _refused(store)
    path.unlink()
    _refused(store)
    outside = tmp_path / "outside"
    outside.write_bytes(content)
    path.symlink_to(outside)
    _refused(store)


def test_a_file_that_was_not_stored_with_the_model_is_never_read(store: ArtifactStore) -> None:
    """Loading does not mind it: a file manager's leftovers must not stop the stream. `eddy models verify` does."""
    (store.path / store.active() / ".DS_Store").write_bytes(b"?")
    store.detector(store.active())


def test_another_models_graph_is_refused(store: ArtifactStore, draft: Manifest, graph_bytes: bytes) -> None:
    first = store.active()
    second = add_later(store, draft, graph_bytes, 1)
    (store.path / first / GRAPH).write_bytes(b"another model's graph")
    with pytest.raises(ArtifactError):
        store.detector(first)
    store.detector(second)


def test_a_renamed_directory_is_refused(store: ArtifactStore) -> None:
    version = store.active()
    (store.path / version).rename(store.path / "20270101T000000Z-aaaaaa")
    with pytest.raises(ArtifactError, match=version):
        store.detector("20270101T000000Z-aaaaaa")


def test_the_newest_runs_unless_another_was_chosen(store: ArtifactStore, draft: Manifest, graph_bytes: bytes) -> None:
    first = store.active()
    second = add_later(store, draft, graph_bytes, 1)
    assert store.active() == second
    assert store.versions() == (second, first)
    store.choose(first)
    add_later(store, draft, graph_bytes, 2)
    assert store.active() == first
    assert ArtifactStore(store.path).active() == first


def test_what_is_not_there_or_damaged_cannot_be_chosen(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactError, match=store.active()):
        store.choose("20260101T000000Z-ffffff")
    (store.path / store.active() / GRAPH).write_bytes(b"")
    with pytest.raises(ArtifactError, match=GRAPH):
        store.choose(store.active())
    assert not (store.path / ACTIVE).exists()


def test_a_chosen_model_that_is_gone_is_told_with_the_remedy(
    store: ArtifactStore, draft: Manifest, graph_bytes: bytes
) -> None:
    first = store.active()
    store.choose(first)
    second = add_later(store, draft, graph_bytes, 1)
    shutil.rmtree(store.path / first)
    with pytest.raises(ArtifactError, match=rf"{first}.*eddy models use.*{second}"):
        store.active()


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_store_says_how_to_fill_it(tmp_path: Path, made: bool) -> None:
    path = tmp_path / "artifacts"
    if made:
        path.mkdir()
    with pytest.raises(ArtifactError, match="eddy train"):
        ArtifactStore(path).active()


@pytest.mark.parametrize("version", ["", ".", "..", "../outside", "/etc", ".incomplete-x"])
def test_a_version_is_never_a_way_out_of_the_store(store: ArtifactStore, version: str) -> None:
    with pytest.raises(ArtifactError):
        store.detector(version)


def test_half_written_artifacts_are_invisible_and_leave_nothing(
    store: ArtifactStore, draft: Manifest, graph_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(store.path.iterdir())

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"No space left on device.*free space"):
        add_later(store, draft, graph_bytes, 1)
    assert sorted(store.path.iterdir()) == before


def test_a_training_that_was_killed_leaves_nothing_that_runs(store: ArtifactStore) -> None:
    version = store.active()
    shutil.copytree(store.path / version, store.path / ".incomplete-abc")
    assert store.versions() == (version,)


def test_a_newer_format_says_to_update(store: ArtifactStore, draft: Manifest, graph_bytes: bytes) -> None:
    newer = msgspec.structs.replace(draft, format=FORMAT + 1, created_at=datetime(2027, 1, 1, tzinfo=UTC))
    version = store.add(newer, {GRAPH: graph_bytes})
    with pytest.raises(ArtifactError, match="update Eddy"):
        store.detector(version)


def test_a_model_that_scores_differently_here_is_refused(
    store: ArtifactStore, draft: Manifest, graph_bytes: bytes
) -> None:
    score = (draft.probe.score[0] * 1.001, *draft.probe.score[1:])
    wrong = msgspec.structs.replace(
        draft,
        probe=msgspec.structs.replace(draft.probe, score=score),
        created_at=draft.created_at + timedelta(minutes=1),
    )
    with pytest.raises(ArtifactError, match="probe rows"):
        store.detector(store.add(wrong, {GRAPH: graph_bytes}))


def test_the_same_second_and_graph_are_not_stored_twice(
    store: ArtifactStore, draft: Manifest, graph_bytes: bytes
) -> None:
    with pytest.raises(ArtifactError, match="already"):
        store.add(draft, {GRAPH: graph_bytes})
    assert len(list(store.path.iterdir())) == 1


def test_the_manifests_hash_is_one_that_sha256sum_can_check(store: ArtifactStore) -> None:
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("needs sha256sum")
    subprocess.run([tool, "--check", "--quiet", "manifest.sha256"], cwd=store.path / store.active(), check=True)


SERVING = """
import sys
import msgspec
from eddy.model.serving.artifact import ArtifactStore

store = ArtifactStore(sys.argv[1])
detector = store.detector(store.active())
message = b'''{"transaction_id": "t", "card_id": "c", "event_time": "2026-03-01T03:00:00Z",
"amount": 5, "distance_km": null, "temperature": 3, "shop": "unseen", "country": "DE"}'''
verdicts = detector.detect(detector.schema.columns([msgspec.json.decode(message, type=detector.schema.struct())]))
print(len(verdicts.contributions(0, 3)), verdicts.rarity[0] > 0)
heavy = {"tensorflow", "keras", "sklearn", "pandas", "scipy", "onnx", "skl2onnx", "tf2onnx", "matplotlib"}
print(sorted(heavy & set(sys.modules)))
"""


def test_scoring_imports_nothing_of_the_training_side(store: ArtifactStore) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVING, str(store.path)], capture_output=True, text=True, check=True, cwd=_root()
    )
    assert done.stdout.splitlines() == ["3 True", "[]"]


def _refused(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactError):
        store.detector(store.active())


def _must_not_be_made(*_: Any) -> None:
    raise AssertionError("a damaged artifact was loaded")


def _root() -> Path:
    return ROOT
