"""docs/http-api.md and docs/problems.md say what is so."""

import json
import re

import msgspec
import pytest

from eddy.api import app, problem_types, server
from eddy.api.app import create_app
from eddy.api.check import TRANSACTIONS_MOST, CheckedTransaction, Verdict
from eddy.api.problems import FieldError, ProblemDocument
from eddy.api.routes.checks import Answers
from eddy.control.live import InForce
from eddy.settings import Settings
from tests.places import ROOT

DOCUMENT, PROBLEMS = ROOT / "docs" / "http-api.md", ROOT / "docs" / "problems.md"


@pytest.fixture
def text() -> str:
    return DOCUMENT.read_text()


@pytest.fixture
def examples(text):
    """The answers shown: a verdict, verdicts on many, a problem."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]


def test_the_examples_have_exactly_the_fields_that_answers_have(examples):
    verdict, many, problem = examples
    assert set(verdict) == set(Verdict.__struct_fields__)
    assert msgspec.convert(verdict, Verdict).contributions[0].field == "amount"
    assert set(many) == set(Answers.__struct_fields__)
    *checked, refused = many["answers"]
    assert all(set(answer) == set(CheckedTransaction.__struct_fields__) for answer in checked)
    assert (many["anomalous"], many["refused"]) == (sum(answer["anomalous"] for answer in checked), 1)
    for document in (refused, problem):
        msgspec.convert(document, ProblemDocument)
        assert set(document) <= set(ProblemDocument.__struct_fields__)
        assert document["type"] == problem_types.REFUSED.uri
    assert set(problem["errors"][0]) == set(FieldError.__struct_fields__)


def test_the_refusals_shown_are_those_that_are_given(examples, fake, transaction):
    client = create_app(lambda: InForce(fake.DETECTOR), Settings()).test_client()
    _, many, problem = examples
    sent = json.loads(transaction())
    wrong = {name: value for name, value in sent.items() if name != "country"} | {"amount": "1200.50 EUR"}
    assert client.post("/v1/check", json=wrong).json == problem
    lacking = {name: value for name, value in sent.items() if name != "amount"}
    assert client.post("/v1/checks", json=[lacking]).json["answers"] == many["answers"][-1:]


def test_every_route_is_there(text):
    for operation in app.OPERATIONS:
        assert f"| `{operation.method} {operation.path}` |" in text


def test_the_page_of_problems_is_what_the_code_says():
    assert PROBLEMS.read_text() == problem_types.markdown(), "run: make docs"


def test_every_type_of_problem_leads_to_its_place_on_the_page():
    anchors = re.findall(r"^## (.+)$", PROBLEMS.read_text(), re.M)
    assert [f"{problem_types.PAGE_PATH}#{anchor}" for anchor in anchors] == [known.uri for known in problem_types.ALL]
    assert len(set(anchors)) == len(anchors)


def test_no_problem_is_raised_that_the_page_does_not_know():
    named = {name for name, value in vars(problem_types).items() if isinstance(value, problem_types.ProblemType)}
    assert {getattr(problem_types, name) for name in named} == set(problem_types.ALL)


def test_the_numbers_are_those_of_the_server(text):
    assert f"{server.THREADS:,} threads" in text
    assert f"up to {TRANSACTIONS_MOST:,} transactions" in text
