"""A transaction of the active model's schema as a msgspec type that carries everything the codec demands of it.

The type is the one that messages are decoded into; added is what the codec checks after decoding: sizes and ranges.
"""

from typing import Annotated, Any, Literal

import msgspec

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
    "iso8601": "A time after RFC 3339, UTC where it has no offset",
    "s": "Seconds since 1970",
    "ms": "Milliseconds since 1970",
}
_MILLISECONDS = 1_000.0
_YEARS = r"^(19[7-9][0-9]|2[01][0-9]{2})-"
_WITHOUT_NUL = r"^[^\u0000]*$"


def transaction_schema(schema: TransactionSchema, unknown_fields: Literal["ignore", "refuse"]) -> dict[str, Any]:
    """What a transaction must be, as JSON Schema.

    Args:
        schema: the active model's.
        unknown_fields: what becomes of fields that it does not name.
    """
    described = _described_type(schema, unknown_fields == "refuse")
    (_,), components = msgspec.json.schema_components([described])
    return {**components[NAME], **of_any_object("")}


def of_any_object(description: str) -> dict[str, Any]:
    """What holds for all transactions, whatever their fields."""
    return {
        "title": NAME,
        "type": "object",
        "description": description,
        "propertyNames": {"maxLength": FIELD_NAME_MAX_CHARS},
    }


def _described_type(schema: TransactionSchema, forbid_unknown: bool) -> type[msgspec.Struct]:
    """The type that messages are decoded into, its fields annotated with what the codec checks beyond it."""
    by_attribute = {field.attribute: field for field in schema.fields}
    members: list[Any] = []
    rename = {}
    for member in msgspec.structs.fields(schema.struct(forbid_unknown)):
        rename[member.name] = member.encode_name
        if member.required:
            more = msgspec.Meta(extra_json_schema=_limits(by_attribute[member.name]))
            members.append((member.name, Annotated[member.type, more]))
        else:  # a field that is named but not read
            members.append((member.name, Any | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(NAME, members, rename=rename, forbid_unknown_fields=forbid_unknown)


def _limits(field: Field) -> dict[str, Any]:
    """What JSON Schema can say of a field; limits for one type do not concern null."""
    limits: dict[str, Any] = {"description": _in_words(field)}
    if field.kind is Kind.TIMESTAMP:
        return limits | _times(field.unit)
    if field.kind is Kind.NUMERIC:
        return limits if field.unit == "boolean" else limits | {"minimum": -NUMBER_MAX, "maximum": NUMBER_MAX}
    if field.unit == "integer":
        return limits
    return limits | {"maxLength": TEXT_MAX_CHARS, "pattern": _WITHOUT_NUL}


def _times(unit: str | None) -> dict[str, Any]:
    if unit == "iso8601":
        return {"format": "date-time", "pattern": _YEARS}
    scale = _MILLISECONDS if unit == "ms" else 1.0
    return {"minimum": EARLIEST_S * scale, "exclusiveMaximum": LATEST_S * scale}


def _in_words(field: Field) -> str:
    words = [IN_WORDS[field.role]] if field.role else []
    if field.kind is Kind.TIMESTAMP:
        words.append(f"{_TIME_IN_WORDS[field.unit or 'iso8601']}, from 1970 to 2199.")
    elif field.kind is Kind.NUMERIC:
        of_unit = f"A number, in {field.unit}." if field.unit else "A number."
        words.append("Yes or no." if field.unit == "boolean" else of_unit)
    else:
        words.append({Kind.CATEGORICAL: "A category.", Kind.IDENTIFIER: "An identifier."}[field.kind])
    return " ".join([*words, *(["Null where it is missing."] if field.nullable else [])])
