"""How commands speak."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rich.table import Table

from eddy.cli.console import fail, out, plain, print_json, say


@dataclass(frozen=True)
class Point:
    x: np.float64
    y: np.int64


def test_what_an_error_names_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/data/" + "a" * 200 + "/[red] payments.csv"
    with pytest.raises(SystemExit) as ended:
        fail(f"there is no file {path}: give another")
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: there is no file {path}: give another\n"


def test_json_holds_dataclasses_paths_and_numbers_of_numpy_and_null_for_what_is_no_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"point": Point(np.float64(0.5), np.int64(2)), "path": Path("a/b"), "none": [float("nan"), np.inf]})
    assert json.loads(capsys.readouterr().out) == {"point": {"x": 0.5, "y": 2}, "path": "a/b", "none": [None, None]}


HOSTILE = (
    "[bold]order-7[/bold]",
    "order-[/8]",
    ":smile:",
    "[link=http://x]y[/link]",
    "caf\u00e9\u00a01 \u20ac",
    "\u4e00",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_taken_for_markup(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    table = Table("id")
    table.add_row(plain(text))
    out.print(table)
    assert capsys.readouterr().out.count(text) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jwiped", "\\x1b[2Jwiped"),
        ("a\rb\x07\x00", "a\\rb\\x07\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202etxt", "abc\\u202etxt"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_the_terminal_obeys_no_data(text: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    assert capsys.readouterr().out == f"{shown}\n"
    assert plain("two\nlines") == "two\\nlines"
    assert plain("plain text") == "plain text"
