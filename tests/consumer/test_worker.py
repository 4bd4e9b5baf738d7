"""What watches over a worker's loop, and how a worker ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eddy.consumer import worker
from eddy.consumer.worker import Heartbeat
from eddy.settings import Settings
from tests.places import ROOT


def test_the_health_file_says_whether_the_loop_polls_and_is_a_stable_member(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "health" / "worker-0.json", 0)
    heartbeat.on_poll(stable=True)
    found = json.loads((tmp_path / "health" / "worker-0.json").read_text())
    assert (found["slot"], found["pid"], found["stable"], found["committed_at"]) == (0, os.getpid(), True, None)
    assert abs(found["turned_at"] - time.time()) < 60


def test_a_health_directory_that_goes_and_comes_back_stops_no_worker(tmp_path: Path) -> None:
    health = tmp_path / "health" / "worker-0.json"
    heartbeat = Heartbeat(health, 0)
    heartbeat.on_poll(stable=True)
    shutil.rmtree(health.parent)
    health.parent.write_text("not a directory: nothing can be written in it")
    written_again(heartbeat)
    health.parent.unlink()
    written_again(heartbeat)
    assert json.loads(health.read_text())["stable"] is True


def written_again(heartbeat: Heartbeat) -> None:
    """A poll after more than a second, when the file is due."""
    heartbeat._written = 0.0
    heartbeat.on_poll(stable=True)


def test_a_health_directory_that_cannot_be_made_is_logged_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "health").write_text("")
    heartbeat = Heartbeat(tmp_path / "health" / "worker-0.json", 0)
    written_again(heartbeat)
    written_again(heartbeat)
    said = capsys.readouterr()
    assert (said.out + said.err).count("cannot write the health file") == 1


def test_without_a_health_directory_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Heartbeat(None, 0).on_poll(stable=True)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_without_a_model_says_what_to_do_and_is_not_started_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(artifacts=tmp_path / "none", metrics_port=0)
    assert worker._run(settings, 0, threading.Event()) in worker.FINAL
    said = capsys.readouterr()
    assert "eddy train" in said.out + said.err


HANGING = """
import threading, time
from eddy.consumer.worker import Heartbeat, _watched
with _watched(Heartbeat(None, 0), 0.5, threading.Event()):
    time.sleep(60)
"""


def test_the_watchdog_ends_a_process_whose_loop_hangs() -> None:
    assert subprocess.run([sys.executable, "-c", HANGING], timeout=30, capture_output=True).returncode == worker.STUCK


ORPHAN = """
import multiprocessing, sys, threading, time
from eddy.consumer.worker import Heartbeat, _watched

def work():
    stop = threading.Event()
    with _watched(Heartbeat(None, 0), 60, stop):
        print(multiprocessing.current_process().pid, flush=True)
        stop.wait(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work).start()
    time.sleep(60)
"""


def test_a_worker_stops_when_its_supervisor_was_killed(tmp_path: Path) -> None:
    program = tmp_path / "orphan.py"
    program.write_text(ORPHAN)
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == ""  # returns when the worker, too, has closed its end: it is gone
