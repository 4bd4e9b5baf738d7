"""Reads messages that are sound but not written plainly: numbers as text, times without seconds, nulls left out.

What a table accepts, messages must not refuse, since a producer writes both. This is ten times as slow as reading what
is written plainly, and only done where that has failed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from eddy.messaging.refusals import Category, refuse
from eddy.model.schema import spellings
from eddy.model.schema.schema import Field, Kind, TransactionSchema


class TolerantReader:
    """Reads messages of one schema into rows of a type that has its fields in the same order."""

    def __init__(self, schema: TransactionSchema, row: type[msgspec.Struct], forbid_unknown: bool) -> None:
        self._fields = [field for field in schema.fields if field.kind not in (Kind.IGNORED, Kind.LABEL)]
        self._known = frozenset(field.name for field in schema.fields if field.kind is not Kind.LABEL)
        self._row, self._forbid_unknown = row, forbid_unknown

    def read(self, value: bytes) -> msgspec.Struct:
        """One message as a row.

        Raises:
            Unacceptable, msgspec.DecodeError, UnicodeError, RecursionError: it cannot be read; says why.
        """
        message = _fields.decode(value)
        if self._forbid_unknown and not message.keys() <= self._known:
            refuse(Category.UNKNOWN_FIELD, "the message has a field that the schema does not name")
        return self._row(*(_value(field, message) for field in self._fields))


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NULL = msgspec.Raw(b"null")


def _value(field: Field, message: dict[str, msgspec.Raw]) -> Any:
    value = _plain(field.name, message.get(field.name, _NULL))
    if value is None:
        if not field.nullable:
            _refuse_absent(field.name, field.name in message)
        return None
    try:
        return _reading(field)(value)
    except spellings.SpellingError as error:
        category = Category.EVENT_TIME if _is_text_time(field, value) else Category.WRONG_TYPE
        refuse(category, f"`{field.name}` {error}; received {_type_of(value)}")
    except OverflowError:
        refuse(Category.OUT_OF_RANGE, f"`{field.name}` is too large a number")


def _plain(name: str, raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:  # the only thing that can be wrong with a value of no type
        refuse(Category.OUT_OF_RANGE, f"`{name}` is too large a number")


def _refuse_absent(name: str, is_null: bool) -> None:
    if is_null:
        refuse(Category.WRONG_TYPE, f"`{name}` is null, and the schema does not say nullable = true")
    refuse(Category.MISSING_FIELD, f"the message lacks the field `{name}`")


def _reading(field: Field) -> Callable[[Any], Any]:
    if field.kind is Kind.NUMERIC:
        return spellings.boolean if field.unit == "boolean" else spellings.number
    if field.kind is Kind.TIMESTAMP:
        return spellings.number if field.unit in ("s", "ms") else partial(spellings.time, form=field.format)
    return spellings.whole if field.unit == "integer" else spellings.text


def _is_text_time(field: Field, value: Any) -> bool:
    return field.kind is Kind.TIMESTAMP and isinstance(value, str)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names[type(value)]
