"""`eddy serve` with a model from a store."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from eddy.api import detectors
from eddy.api.detectors import NotReady, StoredDetector
from eddy.messaging.codec import TransactionCodec
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from tests.api.kit.eddy_serve import serving_store, start


@pytest.fixture
def address(store: ArtifactStore, tmp_path: Path) -> Iterator[str]:
    """Where `eddy serve` answers."""
    with serving_store(store, tmp_path / "log") as address:
        yield address


def ask(url: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    try:
        with urlopen(Request(url, body, {"Content-Type": "application/json"}), timeout=10) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_every_worker_gives_the_verdict_of_the_stored_model(address, store, transaction):
    detector = store.detector(store.active())
    bodies = [transaction(amount=amount) for amount in (25.0, 80.5, 12_345.0)] * 20
    batch = detector.detect(TransactionCodec(detector.schema).decode_values(bodies).columns)
    for i, body in enumerate(bodies):
        status, verdict = ask(f"{address}/v1/check", body)
        assert status == 200
        assert verdict["model"] == store.active()
        assert verdict["score"] == batch.score[i]
        assert verdict["rarity"] == batch.rarity[i]
        assert verdict["contributions"] == msgspec.to_builtins(list(batch.contributions(i, 5)))
        assert verdict["anomalous"] == batch.anomalous[i]
    assert ask(f"{address}/health/ready") == (
        200,
        {"ready": True, "model": store.active(), "control_offset": None, "problems": []},
    )


def test_an_empty_store_ends_the_command_with_what_to_do(tmp_path):
    process = start(ArtifactStore(tmp_path / "nothing"), tmp_path / "log")
    assert process.wait(30) == 1
    assert "eddy train" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_damaged_model_ends_the_command_with_what_to_do(store, tmp_path):
    (store.path / store.active() / "scoring.onnx").write_bytes(b"something else")
    process = start(store, tmp_path / "log")
    assert process.wait(30) == 1
    assert "scoring.onnx" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_taken_port_ends_the_command_with_what_to_do(store, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(store, tmp_path / "log", "--port", str(taken.getsockname()[1]))
        assert process.wait(30) == 1
    assert "--port" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_model_damaged_later_makes_a_process_not_ready_until_it_is_restored(store, monkeypatch):
    monkeypatch.setattr(detectors, "RETRY_S", 0.0)
    graph = store.path / store.active() / "scoring.onnx"
    sound = graph.read_bytes()
    graph.write_bytes(sound[:-1])
    stored = StoredDetector(store.path, store.active())
    with pytest.raises(NotReady, match=r"scoring\.onnx"):
        stored()
    graph.write_bytes(sound)
    assert isinstance(stored().detector, Detector)


def test_a_broken_model_is_not_read_again_for_every_request(store):
    graph = store.path / store.active() / "scoring.onnx"
    sound = graph.read_bytes()
    graph.write_bytes(b"")
    stored = StoredDetector(store.path, store.active())
    for _ in range(2):
        with pytest.raises(NotReady):
            stored()
        graph.write_bytes(sound)
