"""/docs and /problems: pages for people."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from eddy.api import problem_types
from eddy.api.app import OPERATIONS, create_app
from eddy.api.detectors import NotReady
from eddy.api.openapi.page import marked, type_text
from eddy.control.live import InForce
from eddy.model.schema.schema import TransactionSchema
from eddy.settings import Settings


class Page(HTMLParser):
    """What a page has: ids, links, and everything that a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.links += [found["href"] or ""] if tag == "a" else []
        self.loads += [str(found[name]) for name in ("src", "srcset", "data") if name in found]
        self.loads += [str(found.get("href"))] if tag == "link" else []


@pytest.fixture
def client(fake: Any) -> FlaskClient:
    return create_app(lambda: InForce(fake.DETECTOR), Settings()).test_client()


@pytest.mark.parametrize("path", ["/docs", "/problems"])
def test_pages_load_nothing_and_every_link_leads_somewhere(client, path):
    answer = client.get(path)
    assert answer.content_type == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert page.loads == []
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import", answer.text)
    assert len(page.links) > 0
    for link in page.links:
        there, _, place = link.partition("#")
        target = Page(client.get(there or path).text) if there != "/openapi.json" else page
        assert not place or place in target.ids, link


def test_the_page_shows_every_route_field_and_type(client):
    text = client.get("/docs").text
    page, document = Page(text), client.get("/openapi.json").json
    assert {operation.name for operation in OPERATIONS} <= set(page.ids)
    for name, schema in document["components"]["schemas"].items():
        assert name in page.ids
        assert all(f"<code>{field}</code>" in text for field in schema.get("properties", {}))


def test_every_type_of_problem_leads_to_its_place(client):
    page = Page(client.get(problem_types.PAGE_PATH).text)
    assert page.ids == [known.kind for known in problem_types.ALL]


def test_what_a_schema_holds_is_text_on_the_page(fake):
    evil = "</pre><script>alert('1')</script>`x`"
    fields = [replace(field, unit=evil) if field.name == "amount" else field for field in fake.SCHEMA.fields]
    detector = replace(fake.another(evil), schema=TransactionSchema(tuple(fields)))
    text = create_app(lambda: InForce(detector), Settings()).test_client().get("/docs").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_without_a_model_the_page_still_opens():
    def none() -> Any:
        raise NotReady("There is no model.")

    text = create_app(none, Settings()).test_client().get("/docs").text
    assert "none is loaded" in text


def test_text_in_backquotes_is_code_and_kinds_are_links():
    assert str(marked("a `<b>` < `refused`")) == (
        'a <code>&lt;b&gt;</code> &lt; <a href="/problems#refused"><code>refused</code></a>'
    )


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": ["number", "string", "null"], "minimum": -1e15}, "number or string or null, at least -1e+15"),
        ({"type": "string", "maxLength": 4000}, "string, at most 4,000 characters"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Model"}}, "array of Model"),
        ({}, "anything"),
    ],
)
def test_types_are_put_into_words(schema, text):
    assert type_text(schema) == text
