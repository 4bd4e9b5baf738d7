"""Would a table's own rows pass as messages? Asked before a model is trained: afterwards each "no" is a dead letter."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from eddy.messaging.codec import TransactionCodec
from eddy.model.data import values
from eddy.model.schema.schema import Kind, TransactionSchema

MOST_ROWS = 1_000
TOLERATED = 0.5
"""A schema under which more of its own table is refused is wrong."""
_NAMED = 3


@dataclass(frozen=True)
class Rehearsal:
    """How many rows were tried, how many of them would be refused, and how often for which reason."""

    rows: int
    refused: int
    reasons: dict[str, int]

    @property
    def fails(self) -> bool:
        return self.refused > TOLERATED * self.rows

    @property
    def sentence(self) -> str:
        """What was found, for people; "" where all rows pass."""
        if not self.refused:
            return ""
        some = list(self.reasons.items())[:_NAMED]
        why = "; ".join(f"{count:,} times: {reason}" for reason, count in some)
        more = f"; and {len(self.reasons) - _NAMED} more reasons" if len(self.reasons) > _NAMED else ""
        return f"{self.refused:,} of {self.rows:,} rows would be refused by the stream, sent as they are ({why}{more})"


def rehearse(table: pd.DataFrame, schema: TransactionSchema, seed: int = 0) -> Rehearsal:
    """Reads some of a table's rows, drawn at random, as messages of a schema."""
    some = table.sample(min(MOST_ROWS, len(table)), random_state=seed)
    decoded = TransactionCodec(schema).decode_values(list(as_messages(some, schema)))
    reasons = Counter(refused.reason for refused in decoded.refused.values())
    return Rehearsal(len(some), len(decoded.refused), dict(reasons.most_common()))


def as_messages(table: pd.DataFrame, schema: TransactionSchema) -> Iterator[bytes]:
    """Rows as a program would send them that has read them where the table comes from: every cell as it is."""
    sent = [field.name for field in schema.fields if field.kind not in (Kind.LABEL, Kind.IGNORED)]
    columns = [values.objects(table[name]) for name in sent if name in table]
    names = [name for name in sent if name in table]
    encode = msgspec.json.Encoder(enc_hook=_plain).encode
    for cells in zip(*columns, strict=True):
        yield encode(dict(zip(names, cells, strict=True)))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
