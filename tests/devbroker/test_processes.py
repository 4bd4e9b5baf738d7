"""A process that was started here never outlives this one, not even if the end comes in the middle of its start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from eddy.devbroker.processes import run, undisturbed


class _EndAsked(BaseException):
    """What the handler of these tests raises."""


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    def receive(_: int, __: FrameType | None) -> None:
        raise _EndAsked

    before = signal.signal(signal.SIGTERM, receive)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_signal_waits_until_what_was_begun_is_done_and_is_not_lost() -> None:
    done = []

    def begin() -> None:
        with undisturbed():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            done.append("whole")

    with pytest.raises(_EndAsked):
        begin()
    assert done == ["whole"]


def test_afterwards_signals_strike_as_before() -> None:
    with undisturbed():
        pass
    with pytest.raises(_EndAsked):
        signal.raise_signal(signal.SIGTERM)


def test_a_child_is_started_with_no_signal_blocked() -> None:
    with undisturbed():
        child = subprocess.run(
            [sys.executable, "-c", "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert child.stdout == "set()\n"


def test_a_command_gives_its_exit_code_and_all_that_it_says() -> None:
    done = run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.returncode, done.stdout) == (3, "out\nerr\n")


def test_a_command_that_takes_too_long_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sleep", "600"], 0.1)


def test_a_command_ends_when_it_is_interrupted(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    script = (
        "import signal, sys; from eddy.devbroker.processes import run;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9));"
        f"run(['sh', '-c', 'echo $$ > {written}; exec sleep 600'])"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        _wait(lambda: written.exists() and written.read_text().endswith("\n"))
        process.terminate()
        assert process.wait(10) == 9
    _wait(lambda: _gone(int(written.read_text())))


def test_a_command_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    script = f"from eddy.devbroker.processes import run; run(['sh', '-c', 'echo $$ > {written}; exec sleep 600'])"
    with subprocess.Popen([sys.executable, "-c", script]) as process:
        _wait(lambda: written.exists() and written.read_text().endswith("\n"))
        process.kill()
    _wait(lambda: _gone(int(written.read_text())))


def test_a_command_does_not_begin_if_its_parent_is_killed_before_its_guard_is_there(tmp_path: Path) -> None:
    begun, waiting = tmp_path / "begun", tmp_path / "waiting"
    script = (
        "import os, signal, subprocess; from eddy.devbroker import processes;"
        "processes.Guard.start = lambda guard: ("
        f"open({str(waiting)!r}, 'w').write(guard.arguments[0]), os.kill(os.getpid(), signal.SIGKILL));"
        f"processes.start(['touch', {str(begun)!r}], 'true')"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == -signal.SIGKILL
    _wait(lambda: _gone(int(waiting.read_text())))
    assert not begun.exists()


def test_a_command_that_cannot_be_run_ends_with_the_shells_exit_code() -> None:
    done = run(["/nowhere/to/be/found"])
    assert done.returncode == 127
    assert "/nowhere/to/be/found" in done.stdout


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited for 20 s in vain"
        time.sleep(0.02)
