"""What Ctrl-C does to a command."""

import signal
from collections.abc import Callable, Iterator

import pytest

from eddy.cli.interruption import INTERRUPTED, interruptible


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def press_in_a_library() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RuntimeError("did not possess lock") from None


@pytest.mark.parametrize("doing", [press, press_in_a_library])
def test_it_ends_with_130_and_one_line_on_what_is_left(
    doing: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, interruptible(lambda: "half is kept"):
        doing()
    assert ended.value.code == INTERRUPTED
    assert capsys.readouterr().err == "stopped: half is kept\n"


def test_what_fails_by_itself_has_failed() -> None:
    with pytest.raises(RuntimeError, match="disk full"), interruptible(lambda: "half is kept"):
        raise RuntimeError("disk full")
