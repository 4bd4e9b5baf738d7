"""`eddy demo` as a newcomer runs it: to its end, and interrupted at every moment."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eddy.devbroker.brokers import RunningBroker

EDDY = [sys.executable, "-P", "-m", "eddy.cli.main"]
SECONDS = "6"
VERDICT = re.compile(r"3,000 in = [\d,]+ passed \+ [1-9]\d* alerted \+ 5 dead; nothing lost, nothing doubled\.")
MOVED = re.compile(r"from 1 in 1,000 to 1 in 100: \d+ alerts in [12],\d+ messages before, \d+ in [\d,]+ after")

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="tells its processes by /proc")


@dataclass(frozen=True)
class Run:
    """A running demo; its processes are found by a mark in their environment."""

    process: subprocess.Popen[str]
    mark: str
    temporary: Path

    def wait_for(self, text: str) -> str:
        """The first line that holds the text."""
        assert self.process.stdout is not None
        line = next((line for line in iter(self.process.stdout.readline, "") if text in line), None)
        assert line is not None, f"it ended without saying {text!r}"
        return line

    def rest(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def processes(self) -> list[str]:
        return [name for path in Path("/proc").glob("[0-9]*") if (name := _marked(path, self.mark)) is not None]

    def left(self) -> list[str]:
        """Processes and temporary files that are still there, after some seconds' grace."""
        deadline = time.monotonic() + 10
        while found := [*self.processes(), *(path.name for path in self.temporary.glob("eddy-*"))]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        return found


def _marked(path: Path, mark: str) -> str | None:
    try:
        if mark.encode() not in (path / "environ").read_bytes() or "State:\tZ" in (path / "status").read_text():
            return None
        return (path / "cmdline").read_text().replace("\0", " ")[:100]
    except OSError:
        return None


Demo = Callable[..., Run]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache, empty at first: the first demo trains, the later ones find its model."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def demo(cache: Path, tmp_path: Path) -> Iterator[Demo]:
    """Starts `eddy demo`; `own_cache=False` leaves it the user's cache, with the jars of a local Kafka."""
    runs: list[Run] = []

    def start(*arguments: str, own_cache: bool = True, **environment: str) -> Run:
        mark, temporary = uuid.uuid4().hex, tmp_path / "tmp"
        temporary.mkdir()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EDDY_")}
        caches = {"XDG_CACHE_HOME": str(cache)} if own_cache else {}
        own = {"DEMO_MARK": mark, "TMPDIR": str(temporary), "EDDY_DEMO_SECONDS": SECONDS, **caches}
        process = subprocess.Popen(
            [*EDDY, "demo", *arguments],
            env={**inherited, **own, **environment},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        runs.append(Run(process, mark, temporary))
        return runs[-1]

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()


@pytest.fixture
def nothing_installed(tmp_path: Path) -> dict[str, str]:
    """A machine with neither Docker nor Java."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sleep", "rm"):
        (programs / name).symlink_to(shutil.which(name) or "")
    return {"PATH": str(programs), "JAVA_HOME": ""}


# In this order: the first one trains.


def test_without_any_engine_it_runs_in_memory_and_says_what_that_does_not_show(
    demo: Demo, nothing_installed: dict[str, str]
) -> None:
    run = demo(**nothing_installed)
    output = run.rest()
    assert run.process.wait() == 0, output
    assert "no engine for a real one" in output
    assert "not that they survive a crash" in output
    assert VERDICT.search(output), output
    assert "The API says the same of t-" in output
    assert MOVED.search(" ".join(output.split())), output
    assert run.left() == []


def test_on_a_real_kafka_it_ends_with_a_balanced_ledger_in_plain_lines(demo: Demo, kafka: RunningBroker) -> None:
    run = demo(EDDY_KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    output = run.rest()
    assert run.process.wait() == 0, output
    assert "kept from an earlier run" in output
    assert VERDICT.search(output), output
    assert MOVED.search(" ".join(output.split())), output
    assert "5 (event-time, missing-field, not-utf8, truncated, wrong-type)" in output
    assert re.search(r"These topics remain on your broker: eddy-demo-\w+-transactions,", output)
    assert "\x1b" not in output
    assert "\r" not in output
    assert run.left() == []


def test_left_running_its_commands_work_as_they_are_printed(demo: Demo, kafka: RunningBroker) -> None:
    run = demo("--keep", EDDY_KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    check = subprocess.run(shlex.split(run.wait_for("/v1/check")), capture_output=True, text=True, check=True)
    assert '"anomalous":true' in check.stdout
    ledger = run.wait_for("ledger check").strip()
    audit = subprocess.run(["/bin/sh", "-c", ledger], capture_output=True, text=True, check=True)
    assert audit.stdout.startswith("3,000 in = ")
    metrics = [subprocess.run(shlex.split(run.wait_for("/metrics")), capture_output=True, text=True) for _ in range(3)]
    assert [one.returncode for one in metrics] == [0, 0, 0]
    assert sum("eddy_model_info" in one.stdout for one in metrics) == 3
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(40) == 0
    assert run.left() == []


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "Broker:"),
        (signal.SIGINT, "Topics:"),
        (signal.SIGINT, "Model"),
        (signal.SIGINT, "Running:"),
        (signal.SIGINT, "alert   1"),
        (signal.SIGTERM, "Model"),
        (signal.SIGTERM, "alert   1"),
        (signal.SIGKILL, "Model"),
        (signal.SIGKILL, "alert   1"),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else value.strip(" :1"),
)
def test_interrupted_at_any_moment_it_leaves_nothing_behind(
    demo: Demo, kafka: RunningBroker, number: signal.Signals, moment: str
) -> None:
    run = demo(EDDY_KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    run.wait_for(moment)
    time.sleep(0.2)
    run.process.send_signal(number)
    assert run.process.wait(40) == (-9 if number is signal.SIGKILL else 128 + number)
    assert run.left() == []


def test_interrupted_in_training_it_leaves_nothing_behind(demo: Demo, kafka: RunningBroker, tmp_path: Path) -> None:
    run = demo(EDDY_KAFKA_BOOTSTRAP_SERVERS=kafka.address, XDG_CACHE_HOME=str(tmp_path / "empty"))
    run.wait_for("training, loss")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(40) == 130
    assert run.left() == []
    assert list((tmp_path / "empty").rglob("scoring.onnx")) == []


def test_interrupted_while_its_own_broker_starts_it_leaves_nothing_behind(demo: Demo) -> None:
    run = demo(own_cache=False)
    run.wait_for("Broker:")
    time.sleep(0.5)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(40) == 130
    assert run.left() == []
