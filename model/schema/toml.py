"""Schemas as TOML: one line per field, commented, made to be edited; errors name the line."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from eddy.model.schema.field import ROLES, Field, Kind, SchemaError, check_field, doubled_role, listed

_EXAMPLE = '`amount = {kind = "numeric"}`'
_HEADER = """\
# The fields of a transaction, one line each. Edit the kind where it is wrong:
#   numeric, categorical, timestamp: scored       identifier: kept, not scored
#   ignored: neither needed nor read              label: marks anomalies in tables, never in messages
# role = "transaction" | "card" | "amount" | "time", each at most once.
# unit: of a timestamp "iso8601" (text), "s" or "ms" (numbers since 1970); of an identifier or category that is a number
#   without quotes in messages "integer"; of a numeric field that is true or false "boolean".
# nullable = true: the field may be null or left out (numeric, categorical, identifier).
# format = "%d.%m.%Y %H:%M:%S": how a timestamp may be written besides ISO 8601.
# missing = [-1]: numbers that stand for a missing value, in tables and messages; null is allowed then, too (numeric).
[fields]
"""
_SETTINGS = ("kind", "role", "unit", "nullable", "missing", "format")
_WIDEST = 72


def written(fields: Sequence[Field], reasons: Mapping[str, str], instead: Mapping[str, str]) -> str:
    """The file of these fields, with comments behind those that have a reason, and below those that could be others."""
    lines = {field.name: line(field) for field in fields}
    width = max((len(line) for line in lines.values() if len(line) <= _WIDEST), default=0)
    text = _HEADER
    for name, written_line in lines.items():
        text += (
            f"{written_line.ljust(width)}  # {_one_line(reasons[name])}\n" if name in reasons else f"{written_line}\n"
        )
        text += f"# {_one_line(instead[name])}\n" if name in instead else ""
    return text


def line(field: Field) -> str:
    """The line of one field, without a comment."""
    return f"{_key(field.name)} = {_value(field)}"


def fields_of(text: str) -> list[Field]:
    """Reads a file.

    Raises:
        SchemaError: naming the line, the field and the remedy.
    """
    table = _parsed(text)
    section = table.get("fields")
    if not isinstance(section, dict):
        raise SchemaError(f"there is no section [fields]; it holds one line per field, such as {_EXAMPLE}")
    others = sorted(table.keys() - {"fields"})
    if others:
        raise SchemaError(
            f"line {line_of(others[0], text)}: `{others[0]}` is outside the section [fields]: move it below that line"
        )
    fields = [_field(name, value, text) for name, value in section.items()]
    doubled = doubled_role(fields)
    if doubled:
        lines = ", ".join(str(line_of(name, text)) for name in doubled[1])
        raise SchemaError(f'lines {lines}: fields {", ".join(doubled[1])} all have role = "{doubled[0]}": leave one')
    return fields


def line_of(name: str, text: str) -> int | str:
    """The line (from 1) in which the text speaks of a field: `name = `, quoted or not, or `[fields.name]`; else "?"."""
    return next(iter(_lines_of(name, text)), "?")


def _lines_of(name: str, text: str) -> list[int]:
    plain, quoted = re.escape(name), re.escape(_quoted(name))
    line = re.compile(rf"\s*(?:{quoted}|'{plain}'|{plain}|\[fields\.{plain}\])\s*(?:=|$|\.)")
    return [number for number, content in enumerate(text.splitlines(), 1) if line.match(content)]


def _parsed(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text if text.endswith("\n") else text + "\n")
    except tomllib.TOMLDecodeError as error:
        doubled = _doubled_name(text)
        if doubled and "overwrite" in str(error):
            lines = ", ".join(map(str, _lines_of(doubled, text)))
            raise SchemaError(f"lines {lines}: field `{doubled}` is there more than once: leave one") from None
        raise SchemaError(f"this is not TOML: {error}; one field is one line, such as {_EXAMPLE}") from None


def _doubled_name(text: str) -> str | None:
    begins = re.findall(r"^\s*(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[A-Za-z0-9_-]+)\s*=", text, re.M)
    names = [json.loads(name) if name.startswith('"') else name.strip("'") for name in begins]
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """As JSON quotes it, which TOML reads too but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(comment: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in comment)


def _value(field: Field) -> str:
    parts = [f'kind = "{field.kind.value}"']
    parts += [
        f"{key} = {_quoted(text)}"
        for key, text in (("role", field.role), ("unit", field.unit), ("format", field.format))
        if text
    ]
    parts += ["nullable = true"] if field.nullable else []
    parts += [] if field.missing is None else [f"missing = [{', '.join(map(number, field.missing))}]"]
    return "{" + ", ".join(parts) + "}"


def number(value: float) -> str:
    """As people write it: -1, not -1.0."""
    return str(int(value)) if value == int(value) else repr(value)


def _field(name: str, value: object, text: str) -> Field:
    where = f"line {line_of(name, text)}, field `{name}`"
    if not isinstance(value, dict) or "kind" not in value:
        raise SchemaError(f"{where}: a field needs at least its kind, such as {_EXAMPLE}; received {value!r}")
    try:
        field = msgspec.convert({**value, "name": name}, Field, strict=True)
        unknown = value.keys() - set(_SETTINGS)
        if unknown:
            raise SchemaError(f"unknown setting {listed(sorted(unknown))}; use {', '.join(_SETTINGS)}")
        if field.kind is Kind.TIMESTAMP and field.unit is None:
            field = replace(field, unit="iso8601")
        check_field(field)
        _check_unit(field)
    except msgspec.ValidationError as error:
        choices = (
            f"kind is one of {listed(Kind)}; role one of {listed(ROLES)}; unit is text; nullable true or false; "
            "missing a list of numbers"
        )
        raise SchemaError(f"{where}: {error}; {choices}") from None
    except SchemaError as error:
        raise SchemaError(f"{where}: {str(error).removeprefix(f'field `{name}`: ')}") from None
    return field


def _check_unit(field: Field) -> None:
    if field.unit is None:
        return
    if field.kind in (Kind.LABEL, Kind.IGNORED):
        raise SchemaError(f"a field of kind {field.kind.value} is not read from messages, so it has no unit: remove it")
    if field.kind in (Kind.IDENTIFIER, Kind.CATEGORICAL) and field.unit != "integer":
        raise SchemaError(
            f'the unit of an {field.kind.value} field is "integer" or none; received {field.unit!r}: remove it'
        )
