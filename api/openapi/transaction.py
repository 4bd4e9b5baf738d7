"""A transaction of the active model's schema as JSON Schema: what the codec accepts, spelled plainly or not.

A limit for one type, such as a pattern, does not concern the others.
"""

from typing import Any, Literal

from eddy.api.openapi import text_patterns
from eddy.messaging.codec import FIELD_NAME_MAX_CHARS, TEXT_MAX_CHARS
from eddy.model.schema.schema import EARLIEST_S, LATEST_S, NUMBER_MAX, Field, Kind, TransactionSchema

NAME = "Transaction"
IN_WORDS = {
    "transaction": "The transaction itself.",
    "card": "The card or account.",
    "amount": "The amount.",
    "time": "When it happened.",
}
_TIME_IN_WORDS = {
    "iso8601": "A time after ISO 8601 such as 2026-03-01T12:00:00Z, UTC where it has no offset",
    "s": "Seconds since 1970, also as text without exponent",
    "ms": "Milliseconds since 1970, also as text without exponent",
}
_MILLISECONDS = 1_000
_WITHOUT_NUL = r"^[^\u0000]*$"


def transaction_schema(schema: TransactionSchema, unknown_fields: Literal["ignore", "refuse"]) -> dict[str, Any]:
    """What a transaction must be, as JSON Schema.

    Args:
        schema: the active model's.
        unknown_fields: what becomes of fields that it does not name.
    """
    sent = [field for field in schema.fields if field.kind not in (Kind.IGNORED, Kind.LABEL)]
    properties: dict[str, Any] = {field.name: _described(field) for field in sent}
    required = [field.name for field in sent if not field.nullable]
    found = of_any_object("") | {"properties": properties, "required": required}
    if unknown_fields == "ignore":
        return found
    properties |= {field.name: {} for field in schema.of_kind(Kind.IGNORED)}
    return found | {"additionalProperties": False}


def of_any_object(description: str) -> dict[str, Any]:
    """What holds for all transactions, whatever their fields."""
    return {
        "title": NAME,
        "type": "object",
        "description": description,
        "propertyNames": {"maxLength": FIELD_NAME_MAX_CHARS},
    }


def _described(field: Field) -> dict[str, Any]:
    types, limits = _accepted(field)
    return {"type": [*types, "null"] if field.nullable else types, **limits, "description": _in_words(field)}


def _accepted(field: Field) -> tuple[list[str], dict[str, Any]]:
    """The types of JSON that a field may have, the plain one first, and their limits."""
    if field.kind is Kind.TIMESTAMP:
        return _accepted_as_time(field)
    if field.kind is Kind.NUMERIC and field.unit == "boolean":
        return ["boolean", "integer", "string"], {"minimum": 0, "maximum": 1, "pattern": text_patterns.TRUTH}
    if field.kind is Kind.NUMERIC:
        limits = {"minimum": -NUMBER_MAX, "maximum": NUMBER_MAX}
        return ["number", "string"], limits | {"pattern": text_patterns.NUMBER}
    if field.unit == "integer":
        return ["integer", "string"], {"pattern": text_patterns.WHOLE}
    return ["string", "number", "boolean"], {"maxLength": TEXT_MAX_CHARS, "pattern": _WITHOUT_NUL}


def _accepted_as_time(field: Field) -> tuple[list[str], dict[str, Any]]:
    if field.unit == "iso8601":  # what a format of its own admits, no pattern says
        return ["string"], {} if field.format else {"pattern": text_patterns.TIME}
    scale = _MILLISECONDS if field.unit == "ms" else 1
    limits = {"minimum": EARLIEST_S * scale, "exclusiveMaximum": LATEST_S * scale}
    return ["number", "string"], limits | {"pattern": text_patterns.number_below(int(LATEST_S) * scale)}


def _in_words(field: Field) -> str:
    words = [IN_WORDS[field.role]] if field.role else []
    words.append(_time_in_words(field) if field.kind is Kind.TIMESTAMP else _value_in_words(field))
    if field.missing:
        words.append(f"Missing where it is {' or '.join(f'{number:.15g}' for number in field.missing)}.")
    return " ".join([*words, *(["Null or left out where it is missing."] if field.nullable else [])])


def _time_in_words(field: Field) -> str:
    form = f", or in the format `{field.format}`" if field.format else ""
    return f"{_TIME_IN_WORDS[field.unit or 'iso8601']}{form}, from 1970 to 2199."


def _value_in_words(field: Field) -> str:
    if field.kind is Kind.NUMERIC and field.unit == "boolean":
        return "Yes or no: true or false, or 1 or 0, also as text."
    if field.kind is Kind.NUMERIC:
        of_unit = f", in {field.unit}" if field.unit else ""
        return f'A number{of_unit}, also as text such as "12.50".'
    what = {Kind.CATEGORICAL: "A category", Kind.IDENTIFIER: "An identifier"}[field.kind]
    if field.unit == "integer":
        return f"{what}: a whole number, also as text."
    return f"{what}. A number or a truth value is read as text."
