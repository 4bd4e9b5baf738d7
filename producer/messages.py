"""From tables of transactions to messages: JSON bytes, keyed by card."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from eddy.producer.synthetic import Transactions


class Fraud(NamedTuple):
    """The truth about one transaction; alerts name the same `transaction_id`."""

    transaction_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Messages in the order they are to be sent.

    `times_s` are the event times in seconds since 1970 (for pacing only); `frauds` says which of the messages, by
    index, are known to be frauds.
    """

    keys: Sequence[bytes | None]
    values: Sequence[bytes]
    times_s: NDArray[np.float64]
    frauds: Mapping[int, Fraud] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)


def outgoing(chunks: Iterable[Transactions]) -> Iterator[Outgoing]:
    """Synthetic transactions as messages. Labels stay here.

    >>> from eddy.producer.synthetic import SyntheticStream
    >>> next(outgoing(SyntheticStream(seed=7).chunks(count=1))).values[0][:38]
    b'{"transaction_id":"t-66bf54182c025497"'
    """
    for chunk in chunks:
        identifiers = chunk.columns["transaction_id"]
        yield Outgoing(
            keys=[card.encode() for card in chunk.columns["card_id"]],
            values=encode(chunk.columns),
            times_s=chunk.columns["event_time"].astype(np.int64) / 1000,
            frauds={
                int(index): Fraud(identifiers[index], chunk.fraud_kind[index])
                for index in np.flatnonzero(chunk.is_fraud)
            },
        )


def encode(columns: Mapping[str, NDArray[Any]]) -> list[bytes]:
    """One JSON object per row. Times become ISO 8601 in UTC with milliseconds; NaN and NaT become null."""
    names = tuple(columns)
    rows = zip(*map(_plain, columns.values()), strict=True)
    return [_encode(dict(zip(names, row, strict=True))) for row in rows]


def iso8601(times: NDArray[np.datetime64]) -> list[str | None]:
    """Times in UTC as text, to the millisecond; to the microsecond where they need it."""
    fine = times.astype("datetime64[us]")
    whole = ((times.astype("datetime64[ms]") == fine) | np.isnat(fine)).all()
    text: list[str | None] = np.datetime_as_string(times, unit="ms" if whole else "us", timezone="UTC").tolist()
    for index in np.flatnonzero(np.isnat(times)):
        text[index] = None
    return text


def _plain(column: NDArray[Any]) -> list[Any]:
    return iso8601(column) if column.dtype.kind == "M" else column.tolist()


_encode = msgspec.json.Encoder().encode
