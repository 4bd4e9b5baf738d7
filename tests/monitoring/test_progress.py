"""The progress bar shows how much is done, and nothing when asked to be quiet."""

from io import StringIO

import pytest
from rich.console import Console

from eddy.monitoring.progress import bars, counting, sharing


def terminal() -> Console:
    return Console(width=120, file=StringIO(), force_terminal=True, color_system=None)


def written(console: Console) -> str:
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_each_stage_has_a_bar_of_its_own() -> None:
    console = terminal()
    with bars(console=console) as update:
        update("searching", 3, 3, "3 of 3, best so far 0.912", stage="searching")
        update("evaluating", 1, 2, "1 of 2", stage="evaluating")
    searching, evaluating = written(console).splitlines()[-3:-1]
    assert "3 of 3, best so far 0.912" in searching
    assert "1 of 2" in evaluating


def test_steps_of_one_work_share_a_bar() -> None:
    console = terminal()
    with sharing(console=console) as advance:
        advance("reading [b]", 0.25)
        advance("storing [b]", 1.0)
    last = written(console).splitlines()[-2]
    assert "storing [b]" in last
    assert "100%" in last
    assert "reading" not in last


def test_counts_show_number_unit_and_rate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with counting("reading a.csv", 2_000) as advance:
        advance(1_000)
    said = capsys.readouterr()
    assert "1,000 rows, " in said.err
    assert said.out == ""


def test_quiet_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("reading", quiet=True) as advance, sharing(quiet=True) as step:
        advance(5)
        step("fitting", 0.5)
    assert capsys.readouterr() == ("", "")
