"""docs/http-api.md says what is so."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from eddy.api import app, server
from eddy.api.check import Verdict
from eddy.api.problems import TYPE_PREFIX, ProblemDocument
from tests.places import ROOT

DOCUMENT = ROOT / "docs" / "http-api.md"


@pytest.fixture
def text() -> str:
    return DOCUMENT.read_text()


def test_the_examples_have_exactly_the_fields_that_answers_have(text):
    verdict, problem = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    assert set(verdict) == set(Verdict.__struct_fields__)
    assert msgspec.convert(verdict, Verdict).contributions[0].field == "amount"
    assert set(problem) == set(ProblemDocument.__struct_fields__)
    assert problem["type"].startswith(TYPE_PREFIX)


def test_every_route_is_there(text):
    for route in app.INDEX["routes"]:
        assert f"| `{route}` |" in text


def test_every_kind_of_problem_is_there(text):
    code = "".join(path.read_text() for path in Path(server.__file__).parent.glob("*.py"))
    for kind in re.findall(r'Problem\(\s*\d{3},\s*"([a-z-]+)"', code):
        assert f"`{kind}`" in text


def test_the_numbers_are_those_of_the_server(text):
    assert f"{server.THREADS:,} threads" in text
