"""One field of a transaction: its kind, its role, its unit, and what of these goes together."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

import msgspec

from eddy.model.errors import EddyError

Role = Literal["transaction", "card", "amount", "time"]
ROLES: tuple[Role, ...] = get_args(Role)

EARLIEST_S, LATEST_S = 0.0, 7_258_118_400.0
"""Event times that the model accepts: 1970-01-01 (included) to 2200-01-01 (not included), in Unix seconds."""


NUMBER_MAX = 1e30
"""The largest number that the model accepts, in size; the scoring graph's float32 ends at 3e38."""


class Kind(StrEnum):
    """What a field is to the model."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TIMESTAMP = "timestamp"
    IDENTIFIER = "identifier"
    IGNORED = "ignored"
    LABEL = "label"


NULLABLE = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.IDENTIFIER)
_TIME_UNITS = ("iso8601", "s", "ms")
_Level = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_KINDS_OF_ROLE: dict[Role, tuple[Kind, ...]] = {
    "transaction": (Kind.IDENTIFIER,),
    "card": (Kind.IDENTIFIER, Kind.CATEGORICAL),
    "amount": (Kind.NUMERIC,),
    "time": (Kind.TIMESTAMP,),
}


class SchemaError(EddyError, ValueError):
    """A schema that cannot be; the message says where, what was received and what to do."""


@dataclass(frozen=True)
class Field:
    """One field of a transaction.

    Args:
        name: its name on the wire and in tables, any text.
        kind: what it is to the model.
        role: "transaction" (its own identifier), "card", "amount" or "time" (when it happened), each at most once.
        unit: timestamps: "iso8601" (text; without an offset it is UTC), "s" or "ms" (numbers since 1970). Numeric:
            "boolean" for true/false on the wire, or any text, such as a currency. Identifiers and categories:
            "integer" for numbers without quotes on the wire, such as merchant category codes.
        nullable: fields that may be null, or left out: numbers, categories and identifiers.
        missing: numbers that stand for a missing value, such as -1; a numeric field that has some is nullable. Empty:
            there are none, whatever it looks like. None: nothing is said.
        format: timestamps in "iso8601": how times may be written besides, such as "%d.%m.%Y %H:%M:%S".
    """

    name: str
    kind: Kind
    role: Role | None = None
    unit: str | None = None
    nullable: bool = False
    missing: tuple[float, ...] | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        if self.missing:
            object.__setattr__(self, "nullable", True)

    @cached_property
    def attribute(self) -> str:
        """The name of this field in decoded rows: its own, unless Python has no such names."""
        plain = self.name.isidentifier() and not self.name.startswith("__")
        return self.name if plain else "x_" + self.name.encode().hex()

    @property
    def wire_type(self) -> Any:
        """What msgspec reads it as."""
        plain: Any = str
        if self.kind is Kind.NUMERIC:
            plain = bool if self.unit == "boolean" else float
        elif self.kind is Kind.TIMESTAMP:
            plain = float if self.unit in ("s", "ms") else datetime
        elif self.unit == "integer" and self.kind in (Kind.IDENTIFIER, Kind.CATEGORICAL):
            plain = int if self.kind is Kind.IDENTIFIER else _Level
        return plain | None if self.nullable else plain


def check_field(field: Field) -> None:
    where = f"field `{field.name}`"
    if not field.name:
        raise SchemaError("a field has no name: give it the one that it has in the messages")
    if field.kind is Kind.TIMESTAMP and field.unit not in _TIME_UNITS:
        raise SchemaError(f"{where}: a timestamp's unit is one of {listed(_TIME_UNITS)}; received {field.unit!r}")
    if field.role is not None and field.kind not in _KINDS_OF_ROLE[field.role]:
        kinds = listed(kind.value for kind in _KINDS_OF_ROLE[field.role])
        raise SchemaError(f'{where}: role = "{field.role}" is for the kind {kinds}; received "{field.kind.value}"')
    _check_missing(field, where)
    _check_format(field, where)
    if field.nullable and field.kind not in NULLABLE:
        raise SchemaError(f"{where}: only fields of kind {listed(NULLABLE)} can be null; received {field.kind.value}")


def _check_format(field: Field, where: str) -> None:
    if field.format is None:
        return
    if field.kind is not Kind.TIMESTAMP or field.unit != "iso8601":
        raise SchemaError(f'{where}: format = "..." is for timestamps in the unit "iso8601": remove it')
    moment = datetime(2026, 12, 31, 23, 59)
    try:
        told = datetime.strptime(moment.strftime(field.format), field.format).replace(tzinfo=None)
    except ValueError:
        told = None
    if told != moment:
        raise SchemaError(
            f'{where}: format is one of day, month, year, hour and minute, such as "%d.%m.%Y %H:%M:%S" or '
            f'"%m/%d/%Y %I:%M %p"; received {field.format!r}'
        )


def _check_missing(field: Field, where: str) -> None:
    if field.missing is None:
        return
    if field.kind is not Kind.NUMERIC or field.unit == "boolean":
        raise SchemaError(
            f"{where}: missing = [...] is for numbers; received {field.unit or field.kind.value}: remove it"
        )
    if not all(map(math.isfinite, field.missing)):
        raise SchemaError(f"{where}: missing lists finite numbers, such as [-1]; received {list(field.missing)}")


def listed(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def doubled_role(fields: Sequence[Field]) -> tuple[Role, list[str]] | None:
    """A role that several fields have, and their names."""
    having = {role: [field.name for field in fields if field.role == role] for role in ROLES}
    return next(((role, names) for role, names in having.items() if len(names) > 1), None)
