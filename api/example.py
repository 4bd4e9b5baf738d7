"""A transaction of any schema, to show and to try things with."""

from collections.abc import Mapping
from types import MappingProxyType

from eddy.model.schema.schema import Field, Kind, TransactionSchema

_UNSENT = (Kind.IGNORED, Kind.LABEL)
_NONE: Mapping[str, str] = MappingProxyType({})


def example(schema: TransactionSchema, usual_levels: Mapping[str, str] = _NONE) -> dict[str, object]:
    """A transaction of a schema.

    Args:
        schema: the transaction's.
        usual_levels: values for categories; those of cards are never shown.
    """
    sent = [field for field in schema.fields if field.kind not in _UNSENT]
    return {field.name: _value(field, usual_levels.get(field.name)) for field in sent}


def _value(field: Field, level: str | None) -> object:
    if field.kind is Kind.NUMERIC:
        return True if field.unit == "boolean" else 31.5
    if field.kind is Kind.TIMESTAMP:
        return {"s": 1_772_368_496, "ms": 1_772_368_496_789}.get(field.unit or "", "2026-03-01T12:34:56.789Z")
    if field.unit == "integer":
        return int(level) if level and level.isdecimal() and field.role is None else 1
    return level if level and field.role is None else f"{field.role or field.name}-1"
