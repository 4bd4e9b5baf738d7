"""A synthetic stream of card payments: seeded cardholders with habits, and fraudsters among them.

The stream has its own calendar. It begins at `start` and its days are as long and as busy as the cardholders make
them (about 2.2 payments per card and day, with quiet nights and busy Fridays), however fast it is published: at 500
transactions a second, 2,000 cards live through a week in a minute. So hours keep their meaning, and the same seed gives
the same transactions, times included, today and tomorrow.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count as count_from
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eddy.producer import world
from eddy.producer.cardholders import DAY_MS, Ints, Payments, cardholders, honest_day
from eddy.producer.frauds import KINDS, fraud_day
from eddy.producer.velocity import WINDOW_DAYS, Velocity

if TYPE_CHECKING:
    import pandas as pd

START = datetime(2026, 1, 1, tzinfo=UTC)

Column = NDArray[Any]

_KIND_NAMES = np.array(["", *KINDS], dtype=object)
_CATEGORY_NAMES = np.array(world.CATEGORY_NAMES, dtype=object)
_CHANNEL_NAMES = np.array(world.CHANNELS, dtype=object)
_VERIFICATION_NAMES = np.array(world.VERIFICATIONS, dtype=object)
_COUNTRY_CODES = np.array(world.COUNTRY_CODES, dtype=object)
_MERCHANT_NAMES = np.array(
    [f"m-{n:05d}" for n in range(len(world.COUNTRIES) * len(world.CATEGORIES) * world.MERCHANTS_PER_CATEGORY)],
    dtype=object,
)


@dataclass(frozen=True, slots=True)
class Transactions:
    """Some transactions in order of time; every array has one entry per transaction.

    `columns` are the fields of the wire message by name: text as objects, `event_time` as datetime64[ms] in UTC,
    numbers as float64 or int64. The labels are kept apart, for they are never sent.
    """

    columns: Mapping[str, Column]
    fraud_kind: Column  # "" where honest

    @property
    def is_fraud(self) -> NDArray[np.bool_]:
        return np.asarray(self.fraud_kind != "", dtype=np.bool_)

    def table(self) -> "pd.DataFrame":
        """A row per transaction, with its labels `is_fraud` and `fraud_kind`."""
        import pandas as pd

        table = pd.DataFrame({**self.columns, "is_fraud": self.is_fraud, "fraud_kind": self.fraud_kind})
        return table.assign(event_time=table["event_time"].dt.tz_localize("UTC"))

    def __len__(self) -> int:
        return len(self.fraud_kind)

    def __getitem__(self, rows: slice) -> "Transactions":
        return Transactions({name: column[rows] for name, column in self.columns.items()}, self.fraud_kind[rows])

    @staticmethod
    def join(parts: Sequence["Transactions"]) -> "Transactions":
        if len(parts) == 1:
            return parts[0]
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
        return Transactions(columns, np.concatenate([part.fraud_kind for part in parts]))


class SyntheticStream:
    """Endless transactions of `cards` cardholders, `fraud` of them frauds (on average).

    >>> stream = SyntheticStream(seed=7, cards=100)
    >>> first = next(stream.chunks(count=3))
    >>> first.columns["card_id"].tolist()
    ['c-000032', 'c-000077', 'c-000037']

    Args:
        seed: who lives, what they pay, what is stolen.
        cards: how many cardholders; more of them make denser days, not other habits.
        fraud: the share of frauds among all transactions, 0 <= fraud < 1.
        start: when the stream begins. The calendar does not depend on it: a later start enters the same world later.
    """

    def __init__(self, seed: int = 0, cards: int = 2_000, fraud: float = 0.002, start: datetime = START) -> None:
        if not 0 <= fraud < 1:
            raise ValueError(f"the share of frauds must be at least 0 and below 1; received {fraud}")
        if cards < 1:
            raise ValueError(f"there must be at least one card; received {cards}")
        self._seed = seed
        self._fraud = fraud
        self._start_ms = int(start.timestamp() * 1000)
        self._people = cardholders(seed, cards)
        self._card_ids = np.array([f"c-{n:06d}" for n in range(cards)], dtype=object)

    def chunks(self, count: int | None = None, size: int = 8_192) -> Iterator[Transactions]:
        """The stream from its start, `size` transactions at a time, `count` in all (None: for ever).

        The transactions do not depend on `size`; only the last chunk may be smaller.
        """
        left = count
        for chunk in _cut(self._days(), size):
            if left is not None and left <= len(chunk):
                if left:
                    yield chunk[:left]
                return
            left = None if left is None else left - len(chunk)
            yield chunk

    def _days(self) -> Iterator[Transactions]:
        first_day = self._start_ms // DAY_MS
        velocity = Velocity(len(self._people))
        for day in range(first_day - WINDOW_DAYS, first_day):
            velocity.add(day, self._day(day))
        for day in count_from(first_day):
            payments = self._day(day)
            transactions = self._transactions(day, payments, *velocity.add(day, payments))
            begin = int(np.searchsorted(payments.time_ms, self._start_ms - day * DAY_MS))
            yield transactions[begin:]

    def _day(self, day: int) -> Payments:
        payments = Payments.join([honest_day(self._people, day), fraud_day(self._people, day, self._fraud)])
        return payments.take(np.argsort(payments.time_ms, kind="stable"))

    def _transactions(self, day: int, paid: Payments, busy: Ints, ratio: NDArray[np.float64]) -> Transactions:
        columns = {
            "transaction_id": _transaction_ids(self._seed, day, len(paid)),
            "card_id": self._card_ids[paid.card],
            "event_time": (paid.time_ms + day * DAY_MS).astype("datetime64[ms]"),
            "amount": paid.amount,
            "currency": np.full(len(paid), world.CURRENCY, dtype=object),
            "category": _CATEGORY_NAMES[paid.category],
            "merchant_id": _MERCHANT_NAMES[paid.merchant],
            "country": _COUNTRY_CODES[paid.country],
            "channel": _CHANNEL_NAMES[paid.channel],
            "verification": _VERIFICATION_NAMES[paid.verification],
            "distance_km": paid.distance_km,
            "card_transactions_24h": busy,
            "amount_ratio_30d": ratio,
        }
        return Transactions(columns, _KIND_NAMES[paid.fraud])


def _cut(parts: Iterator[Transactions], size: int) -> Iterator[Transactions]:
    """The same transactions, always `size` of them together."""
    held: list[Transactions] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) < size:
            continue
        whole = Transactions.join(held)
        full = len(whole) - len(whole) % size
        yield from (whole[begin : begin + size] for begin in range(0, full, size))
        held = [whole[full:]]


def _transaction_ids(seed: int, day: int, count: int) -> Column:
    """Opaque and unique: the place in the stream, mixed by a bijection (the finaliser of splitmix64)."""
    mixed = np.arange(count, dtype=np.uint64) + np.uint64((day << 32) % 2**64)
    mixed ^= np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.array([f"t-{number:016x}" for number in mixed.tolist()], dtype=object)
