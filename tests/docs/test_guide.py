"""What the guide tells people to type exists, with the defaults that it says; help texts read well at any width."""

import re
from collections.abc import Iterator
from inspect import getdoc
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from eddy.cli.main import app
from tests.places import ROOT

DOCS = ROOT / "docs"


def options(command: Any) -> set[str]:
    """All options of a command and of those below it."""
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*(options(below) for below in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("page", ["guide.md", "detection.md"])
def test_every_option_that_is_named_exists(page: str) -> None:
    named = set(re.findall(r"(?<![\w|-])--[a-z][a-z-]+", (DOCS / page).read_text()))
    assert named
    assert named - options(typer.main.get_command(app)) - {"--help"} == set()


def test_every_setting_of_training_with_a_default_in_the_guide_has_that_default() -> None:
    from eddy.model.config import DEFAULTS

    rows = re.findall(r"^\| `--([a-z-]+)` \| ([\w.]+)", (DOCS / "guide.md").read_text(), re.M)
    told = {name.replace("-", "_"): value for name, value in rows}
    numbers = {name: float(value) for name, value in told.items() if re.fullmatch(r"[\d.]+", value)}
    assert numbers.keys() >= {"contamination", "members", "steps", "clusters", "sample_rows"}
    wrong = {name: value for name, value in numbers.items() if getattr(DEFAULTS, name) not in (value, None)}
    assert wrong == {}
    assert told["parts"] == DEFAULTS.parts
    assert told["network_input"] == DEFAULTS.network_input


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name, one in below.items():
        yield from commands(one, (*path, name))


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands(typer.main.get_command(app))]
)
def test_help_breaks_lines_only_where_the_terminal_ends(path: tuple[str, ...], command: Any) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "600", "TERMINAL_WIDTH": "600"}).output
    paragraphs = [text for text in (getdoc(command.callback) or "").split("\n\n") if not text.startswith(" ")]
    assert paragraphs
    assert [text for text in paragraphs if " ".join(text.replace("`", "").split()) not in shown] == []
