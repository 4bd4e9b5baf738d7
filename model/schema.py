"""What a transaction looks like: which fields there are, of which kind, and how they travel.

One description serves everybody: training reads tables by it, the stream and the API decode messages by it, the
scoring graph is built by it. It is inferred from a table (`model.inference`), kept in every artifact, and can be
written out as TOML, edited and given back.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, get_args

import msgspec

from model.columns import Columns as Columns
from model.columns import RowReader

Role = Literal["transaction", "card", "amount", "time"]
ROLES: tuple[Role, ...] = get_args(Role)

EARLIEST_S, LATEST_S = 0.0, 7_258_118_400.0
"""Event times that the model accepts: 1970-01-01 (included) to 2200-01-01 (not included), in Unix seconds."""


class Kind(StrEnum):
    """What a field is to the model."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TIMESTAMP = "timestamp"
    IDENTIFIER = "identifier"
    IGNORED = "ignored"
    LABEL = "label"


_SCORED = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.TIMESTAMP)
_UNSENT = (Kind.IGNORED, Kind.LABEL)
_TIME_UNITS = ("iso8601", "s", "ms")
_WIRE_UNITS = {Kind.NUMERIC: "boolean", Kind.IDENTIFIER: "integer"}
_KINDS_OF_ROLE: dict[Role, tuple[Kind, ...]] = {
    "transaction": (Kind.IDENTIFIER,),
    "card": (Kind.IDENTIFIER, Kind.CATEGORICAL),
    "amount": (Kind.NUMERIC,),
    "time": (Kind.TIMESTAMP,),
}


class SchemaError(ValueError):
    """A schema that cannot be; the message says where, what was received and what to do."""


@dataclass(frozen=True)
class Field:
    """One field of a transaction.

    Args:
        name: its name on the wire and in tables, any text.
        kind: what it is to the model.
        role: "transaction" (its own identifier), "card", "amount" or "time" (when it happened), each at most once.
        unit: timestamps: "iso8601" (text; without an offset it is UTC), "s" or "ms" (numbers since 1970). Numeric:
            "boolean" for true/false on the wire, or any text, such as a currency. Identifiers: "integer" for
            numbers without quotes on the wire.
        nullable: numeric and categorical fields that may be null. The field must be there all the same.
    """

    name: str
    kind: Kind
    role: Role | None = None
    unit: str | None = None
    nullable: bool = False

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
        elif self.kind is Kind.IDENTIFIER and self.unit == "integer":
            plain = int
        return plain | None if self.nullable else plain


@dataclass(frozen=True)
class TransactionSchema:
    """The fields of a transaction, in order.

    >>> schema = TransactionSchema((Field("amount", Kind.NUMERIC, role="amount"), Field("shop", Kind.CATEGORICAL)))
    >>> schema.scored
    ('amount', 'shop')
    >>> row = msgspec.json.decode(b'{"amount": 9.5, "shop": "bakery", "note": ""}', type=schema.struct())
    >>> schema.columns([row]).numeric.tolist()
    [[9.5]]

    Raises:
        SchemaError: the fields contradict each other.
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        for field in self.fields:
            _check_field(field)
        names = [field.name for field in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f"field `{name}` is there {names.count(name)} times: leave one")
        for role in ROLES:
            having = [field.name for field in self.fields if field.role == role]
            if len(having) > 1:
                raise SchemaError(f'fields {", ".join(having)} all have role = "{role}": leave it at one of them')
        if not self.scored:
            kinds = ", ".join(kind.value for kind in _SCORED)
            raise SchemaError(f"no field can be scored: at least one must be of kind {kinds}; received {names}")

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        return self._names(Kind.NUMERIC)

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        return self._names(Kind.CATEGORICAL)

    @cached_property
    def timestamps(self) -> tuple[str, ...]:
        return self._names(Kind.TIMESTAMP)

    @property
    def scored(self) -> tuple[str, ...]:
        """The fields that get contributions, in the order of the scoring graph."""
        return self.numeric + self.categorical + self.timestamps

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields that a table's cells are no numbers of, even where they look like it."""
        kinds = (Kind.CATEGORICAL, Kind.IDENTIFIER, Kind.IGNORED)
        return tuple(field.name for field in self.fields if field.kind in kinds and field.unit != "integer")

    def role(self, role: Role) -> Field | None:
        return next((field for field in self.fields if field.role == role), None)

    def of_kind(self, kind: Kind) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.kind is kind)

    def _names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(field.name for field in self.of_kind(kind))

    def struct(self, forbid_unknown: bool = False) -> type[msgspec.Struct]:
        """The type that messages are decoded into. Every field that is not ignored and no label must be there.

        Args:
            forbid_unknown: refuse messages with fields that the schema does not name. Ignored ones are named.
        """
        sent = [field for field in self.fields if field.kind not in _UNSENT]
        members: list[Any] = [(field.attribute, field.wire_type) for field in sent]
        if forbid_unknown:
            ignored = self.of_kind(Kind.IGNORED)
            members += [(field.attribute, msgspec.Raw, msgspec.Raw(b"")) for field in ignored]
            sent += ignored
        rename = {field.attribute: field.name for field in sent if field.attribute != field.name}
        return msgspec.defstruct(
            "Transaction", members, rename=rename, frozen=True, gc=False, forbid_unknown_fields=forbid_unknown
        )

    def columns(self, rows: Sequence[msgspec.Struct]) -> Columns:
        """What is scored of decoded rows. The hot path of the stream: no Python code runs per value."""
        return self._reader(rows)

    @cached_property
    def _reader(self) -> RowReader:
        texts, times = self.of_kind(Kind.CATEGORICAL), self.of_kind(Kind.TIMESTAMP)
        return RowReader(
            numeric=[field.attribute for field in self.of_kind(Kind.NUMERIC)],
            categorical=[field.attribute for field in texts],
            timestamps=[(field.attribute, field.unit or "iso8601") for field in times],
            null_texts=any(field.nullable for field in texts),
        )

    def to_toml(self) -> str:
        """This schema as text that `from_toml` reads, one line per field, made to be edited."""
        return _TOML_HEADER + "".join(f"{_toml_key(field.name)} = {_toml_value(field)}\n" for field in self.fields)

    @classmethod
    def from_toml(cls, text: str) -> "TransactionSchema":
        """Reads a schema file.

        Raises:
            SchemaError: naming the line, the field and the remedy.
        """
        try:
            table = tomllib.loads(text).get("fields")
        except tomllib.TOMLDecodeError as error:
            raise SchemaError(f"this is not TOML: {error}; one field is one line, such as {_EXAMPLE}") from None
        if not isinstance(table, dict):
            raise SchemaError(f"there is no section [fields]; it holds one line per field, such as {_EXAMPLE}")
        return cls(tuple(_field_from_toml(name, value, text) for name, value in table.items()))


def _check_field(field: Field) -> None:
    where = f"field `{field.name}`"
    if not field.name:
        raise SchemaError("a field has no name: give it the one that it has in the messages")
    if field.kind is Kind.TIMESTAMP and field.unit not in _TIME_UNITS:
        raise SchemaError(f"{where}: a timestamp's unit is one of {_listed(_TIME_UNITS)}; received {field.unit!r}")
    if field.role is not None and field.kind not in _KINDS_OF_ROLE[field.role]:
        kinds = _listed(kind.value for kind in _KINDS_OF_ROLE[field.role])
        raise SchemaError(f'{where}: role = "{field.role}" is for the kind {kinds}; received "{field.kind.value}"')
    if field.nullable and field.kind not in (Kind.NUMERIC, Kind.CATEGORICAL):
        raise SchemaError(f"{where}: only numeric and categorical fields can be null; received {field.kind.value}")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


_EXAMPLE = '`amount = {kind = "numeric"}`'
_TOML_HEADER = """\
# The fields of a transaction, one line each. Edit the kind where it is wrong:
#   numeric, categorical, timestamp: scored       identifier: kept, not scored
#   ignored: neither needed nor read              label: tells anomalies in tables, never in messages
# role = "transaction" | "card" | "amount" | "time", each at most once.
# unit: of a timestamp "iso8601" (text), "s" or "ms" (numbers since 1970).
# nullable = true: null is allowed (numeric, categorical).
[fields]
"""


def _toml_key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)


def _quoted(text: str) -> str:
    """As JSON quotes it, which TOML reads too but for one control character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_value(field: Field) -> str:
    parts = [f'kind = "{field.kind.value}"']
    parts += [f"{key} = {_quoted(text)}" for key, text in (("role", field.role), ("unit", field.unit)) if text]
    parts += ["nullable = true"] if field.nullable else []
    return "{" + ", ".join(parts) + "}"


def _field_from_toml(name: str, value: object, text: str) -> Field:
    where = f"line {_line_of(name, text)}, field `{name}`"
    if not isinstance(value, dict) or "kind" not in value:
        raise SchemaError(f"{where}: a field needs at least its kind, such as {_EXAMPLE}; received {value!r}")
    try:
        field = msgspec.convert({**value, "name": name}, Field, strict=True)
        unknown = value.keys() - {"kind", "role", "unit", "nullable"}
        if unknown:
            raise SchemaError(f"unknown setting {_listed(sorted(unknown))}; use kind, role, unit, nullable")
        if field.kind is Kind.TIMESTAMP and field.unit is None:
            field = Field(name, field.kind, field.role, "iso8601")
        _check_field(field)
    except msgspec.ValidationError as error:
        choices = f"kind is one of {_listed(Kind)}; role one of {_listed(ROLES)}; unit is text; nullable true or false"
        raise SchemaError(f"{where}: {error}; {choices}") from None
    except SchemaError as error:
        raise SchemaError(f"{where}: {str(error).removeprefix(f'field `{name}`: ')}") from None
    return field


def _line_of(name: str, text: str) -> int | str:
    """Where the text speaks of a field: `name = `, quoted or not, or `[fields.name]`."""
    plain, quoted = re.escape(name), re.escape(_quoted(name))
    line = re.compile(rf"\s*(?:{quoted}|'{plain}'|{plain}|\[fields\.{plain}\])\s*(?:=|$|\.)")
    return next((number for number, content in enumerate(text.splitlines(), 1) if line.match(content)), "?")
