"""The attributes that a docstring explains, for the properties of its schema."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

_ATTRIBUTE = re.compile(r"^    (\w+(?:, \w+)*): (.*)$")


def described(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema whose description is a docstring: its first part describes it, its `Attributes:` the properties."""
    summary, _, attributes = inspect.cleandoc(schema.get("description", "")).partition("Attributes:\n")
    found = explained(attributes)
    properties = {
        name: of if name not in found else _with_description(of, found[name])
        for name, of in schema.get("properties", {}).items()
    }
    return {**schema, "description": _one_line(summary), "properties": properties}


def explained(attributes: str) -> dict[str, str]:
    """What is said of each attribute, continued lines joined."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.splitlines():
        if match := _ATTRIBUTE.match(line):
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return {name: _sentence(text) for name, text in found.items()}


def _with_description(schema: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _one_line(text: str) -> str:
    return " ".join(text.split())
