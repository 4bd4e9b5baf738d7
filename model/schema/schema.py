"""What a transaction looks like: which fields there are, of which kind, and how they travel.

One description serves everybody: training reads tables by it, the stream and the API decode messages by it, the
scoring graph is built by it. It is inferred from a table (`model.data.schema_inference`), kept in every artifact, and
can be written out as TOML, edited and given back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import msgspec

from eddy.model.schema import toml
from eddy.model.schema.columns import Columns as Columns
from eddy.model.schema.columns import RowReader
from eddy.model.schema.field import EARLIEST_S as EARLIEST_S
from eddy.model.schema.field import LATEST_S as LATEST_S
from eddy.model.schema.field import NULLABLE as NULLABLE
from eddy.model.schema.field import NUMBER_MAX as NUMBER_MAX
from eddy.model.schema.field import Field as Field
from eddy.model.schema.field import Kind as Kind
from eddy.model.schema.field import Role as Role
from eddy.model.schema.field import SchemaError as SchemaError
from eddy.model.schema.field import check_field, doubled_role

_SCORED = (Kind.NUMERIC, Kind.CATEGORICAL, Kind.TIMESTAMP)
_UNSENT = (Kind.IGNORED, Kind.LABEL)
_NONE: Mapping[str, str] = MappingProxyType({})


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
            check_field(field)
        names = [field.name for field in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f"field `{name}` is there {names.count(name)} times: leave one")
        doubled = doubled_role(self.fields)
        if doubled:
            raise SchemaError(f'fields {", ".join(doubled[1])} all have role = "{doubled[0]}": leave it at one of them')
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
            whole_texts=any(field.unit == "integer" for field in texts),
            missing={k: field.missing for k, field in enumerate(self.of_kind(Kind.NUMERIC)) if field.missing},
        )

    def to_toml(self, reasons: Mapping[str, str] = _NONE, instead: Mapping[str, str] = _NONE) -> str:
        """This schema as text that `from_toml` reads, one line per field, made to be edited.

        Args:
            reasons: comments to put behind fields, by name.
            instead: lines that may take their place, put below them as comments.
        """
        return toml.written(self.fields, reasons, instead)

    @classmethod
    def from_toml(cls, text: str) -> "TransactionSchema":
        """Reads a schema file.

        Raises:
            SchemaError: naming the line, the field and the remedy.
        """
        return cls(tuple(toml.fields_of(text)))
