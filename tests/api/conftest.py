"""The API under test: in this process as an application, and as real servers."""

import contextlib
import importlib.util
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import urlopen

import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.model.serving.artifact import ArtifactStore, Manifest, Probe
from eddy.model.serving.scorer import Scorer
from tests.api.kit.graph import distance_graph
from tests.api.kit.raw import CARD, post, statuses

SERVER = Path(__file__).parent / "kit/fake.py"
MAX_BODY = 4_000
REQUEST_S = 4  # rather than 10: tests wait for it
TRANSACTION = {
    "transaction_id": "t-00000001",
    "card_id": "4111111111111111",
    "event_time": "2026-03-01T12:34:56.789Z",
    "amount": 31.5,
    "distance_km": 3.25,
    "country": "DE",
}


def encoded(**changes: Any) -> bytes:
    return json.dumps(TRANSACTION | changes).encode()


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module `kit/fake.py`."""
    spec = importlib.util.spec_from_file_location("fake_api", SERVER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def transaction() -> Any:
    """Makes the JSON of a transaction that is normal but for the fields given."""
    return encoded


@pytest.fixture
def store(tmp_path: Path, fake: ModuleType, transaction: Any) -> ArtifactStore:
    """A model store with one artifact like any other, but for its graph, which was written by hand."""
    graph = distance_graph()
    columns = TransactionCodec(fake.SCHEMA).decode_values([transaction(), transaction(amount=500.0)]).columns
    manifest = Manifest(
        created_at=datetime.now(UTC),
        fields=fake.SCHEMA.fields,
        threshold=fake.DETECTOR.threshold,
        calibration=fake.DETECTOR.calibration,
        probe=Probe.of(columns, Scorer(graph, fake.SCHEMA.scored).score(columns).score),
        training={},
        libraries={},
    )
    store = ArtifactStore(tmp_path / "artifacts")
    store.add(manifest, {"scoring.onnx": graph})
    return store


@dataclass
class Server:
    """A real gunicorn with two workers."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def raw(self, request: bytes, *, timeout_s: float = 15) -> bytes:
        """Sends bytes as they are, says no more, and reads until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as connection:
            with contextlib.suppress(OSError):  # the server may have seen enough
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65_536):
                    answer += part
            return answer

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextlib.contextmanager
def serving(log: Path, max_body: int = MAX_BODY) -> Iterator[Server]:
    with log.open("w") as out:
        command = [sys.executable, SERVER, "0", "2", str(max_body), str(REQUEST_S)]
        process = subprocess.Popen(command, stderr=out, text=True, start_new_session=True)
    try:
        server = Server(process, _port(process, log), log)
        _until_ready(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def _port(process: subprocess.Popen[str], log: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r'"url": "http://127\.0\.0\.1:(\d+)"', log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def _until_ready(server: Server) -> None:
    """Both workers have to be there: one that is still starting does not hear signals."""
    deadline = time.monotonic() + 30
    while server.log.read_text().count('"worker started"') < 2:
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)
    server.get("/health/ready")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that all tests share; it must survive all that they send."""
    with serving(tmp_path_factory.mktemp("api") / "log") as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "log") as running:
        yield running


@pytest.fixture(autouse=True)
def _still_well(request, transaction):
    """After each test: the server answers, and no 5xx was counted."""
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        assert statuses(server.raw(post(transaction()))) == [200]
        assert not re.search(r'eddy_http_requests_total\{[^}]*status="5', server.get("/metrics"))
        assert "Traceback" not in server.log.read_text()
        assert CARD.decode() not in server.log.read_text()
