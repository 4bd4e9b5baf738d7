"""The directory in which the processes of one server count together: who removes it, and when."""

import time
from pathlib import Path

import pytest

from tests.api.conftest import Server, serving


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files of the servers that a test starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def directories(temporary: Path) -> set[Path]:
    return set(temporary.glob("eddy-metrics-*"))


def kill(server: Server) -> None:
    """kill -9 of gunicorn's master; returns once its workers, which notice within a second, are gone."""
    server.process.kill()
    server.process.wait()
    deadline = time.monotonic() + 20
    while _is_listening(server):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_listening(server: Server) -> bool:
    try:
        server.get("/health/live")
    except OSError:
        return False
    return True


def test_a_server_removes_its_directory_when_it_stops(temporary: Path) -> None:
    with serving(temporary / "log"):
        assert len(directories(temporary)) == 1
    assert not directories(temporary)


def test_a_start_removes_what_a_killed_server_left_and_nothing_of_a_running_one(temporary: Path) -> None:
    with serving(temporary / "running") as running:
        kept = directories(temporary)
        with serving(temporary / "killed") as killed:
            (left,) = directories(temporary) - kept
            kill(killed)
        assert left.exists()
        with serving(temporary / "next"):
            assert not left.exists()
            assert kept < directories(temporary)
        assert "eddy_http_requests_total" in running.get("/metrics")
    assert not directories(temporary)


def test_what_is_not_a_servers_directory_stays_and_does_not_stop_a_start(temporary: Path) -> None:
    (temporary / "eddy-metrics-locked-file").write_text("no directory")
    (temporary / "elsewhere").mkdir()
    (temporary / "eddy-metrics-locked-link").symlink_to(temporary / "elsewhere")
    (temporary / "eddy-metrics-of-an-earlier-version").mkdir()
    before = directories(temporary)
    with serving(temporary / "log"):
        assert before < directories(temporary)
    assert directories(temporary) == before
    assert (temporary / "elsewhere").exists()
