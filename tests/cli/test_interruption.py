"""What Ctrl-C does to a command."""

import signal
from collections.abc import Callable, Iterator

import pytest

from eddy.cli.interruption import INTERRUPTED, Interruption, interruptible


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def command(doing: Callable[[Interruption], None]) -> None:
    with interruptible(lambda: "half is kept") as interruption:
        doing(interruption)


def press(_: Interruption) -> None:
    signal.raise_signal(signal.SIGINT)


def press_in_a_library(_: Interruption) -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RuntimeError("did not possess lock") from None


@pytest.mark.parametrize("doing", [press, press_in_a_library])
def test_it_ends_with_130_and_one_line_on_what_is_left(
    doing: Callable[[Interruption], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(doing)
    assert ended.value.code == INTERRUPTED
    assert capsys.readouterr().err == "stopped: half is kept\n"


def test_held_back_it_waits() -> None:
    done = []

    def store(interruption: Interruption) -> None:
        interruption.hold_back()
        signal.raise_signal(signal.SIGINT)
        done.append("stored")
        interruption.let_through()
        done.append("printed")

    with pytest.raises(SystemExit) as ended:
        command(store)
    assert ended.value.code == INTERRUPTED
    assert done == ["stored"]


@pytest.mark.parametrize("pressed", [False, True])
def test_what_fails_by_itself_has_failed(pressed: bool) -> None:
    def fail(interruption: Interruption) -> None:
        interruption.hold_back()
        if pressed:
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        command(fail)
