"""The API's pages for people: its routes and types, and its problems. They open offline and load nothing."""

import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from eddy import reports
from eddy.api import problem_types

_TEMPLATES = Path(__file__).parent / "templates"
_OF_REPORTS = Path(reports.__path__[0]) / "templates"


def api_page(document: Mapping[str, Any], url: str) -> str:
    """The document as a page.

    Args:
        document: OpenAPI.
        url: where the API listens, for the examples.
    """
    return _environment().get_template("docs.html").render(document=document, url=url, sections=[])


def problems_page() -> str:
    return _environment().get_template("problems.html").render(problems=problem_types.ALL, sections=[])


@cache
def _environment() -> Environment:
    loader = FileSystemLoader([_TEMPLATES, _OF_REPORTS])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"type": type_text, "pretty": _pretty, "curl": _curl, "marked": marked}
    return made


def marked(text: str) -> Markup:
    """Text with what stands in backquotes as code; kinds of problems lead to their explanation.

    >>> str(marked("a `field` & `refused`"))
    'a <code>field</code> &amp; <a href="/problems#refused"><code>refused</code></a>'
    """
    return Markup().join(_code(part) if place % 2 else escape(part) for place, part in enumerate(text.split("`")))


def _code(text: str) -> Markup:
    code = Markup("<code>{}</code>").format(text)
    return Markup('<a href="{}">{}</a>').format(_KINDS[text], code) if text in _KINDS else code


_KINDS = {known.kind: known.uri for known in problem_types.ALL}


def type_text(schema: Mapping[str, Any]) -> str:
    """A schema in words: its type and limits.

    >>> type_text({"type": ["number", "null"], "minimum": 0})
    'number or null, at least 0'
    """
    limits = [words.format(_number(schema[key])) for key, words in _LIMITS.items() if key in schema]
    return ", ".join([_plain_type(schema), *limits])


_LIMITS = {
    "format": "{}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {}",
}


def _plain_type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema["$ref"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_plain_type, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"array of {_plain_type(schema.get('items', {}))}"
    types = schema.get("type", "anything")
    return types if isinstance(types, str) else " or ".join(types)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _number(value: Any) -> str:
    return f"{value:,.15g}" if isinstance(value, int | float) else str(value)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _curl(operation: Mapping[str, Any], method: str, address: str) -> str:
    """The command that tries an operation in a shell."""
    body = operation.get("requestBody")
    if body is None:
        return f"curl {address}"
    sent = _pretty(body["content"]["application/json"].get("example", {}))
    return f"curl -X {method.upper()} {address} -H 'Content-Type: application/json' -d {shlex.quote(sent)}"
