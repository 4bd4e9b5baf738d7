"""What a payment gateway knows of a card's recent past: how busy it was, and what it usually spends.

Computed from the stream itself, day by day, frauds included: a gateway does not know either which ones they are.
"""

import numpy as np

from eddy.producer.cardholders import DAY_MS, Ints, Payments
from eddy.producer.world import Floats

WINDOW_DAYS = 30
_CARD_BITS = 28  # two days of milliseconds fit below


class Velocity:
    """Follows the stream day by day; must have seen `WINDOW_DAYS` days before its figures are true."""

    def __init__(self, cards: int) -> None:
        self._sums = np.zeros((WINDOW_DAYS, cards))
        self._counts = np.zeros((WINDOW_DAYS, cards))
        self._yesterday = np.empty(0, dtype=np.int64)

    def add(self, day: int, payments: Payments) -> tuple[Ints, Floats]:
        """Takes in the next day, whole and sorted by time.

        Returns:
            Of each payment: how many earlier ones the card had in the 24 hours before, and its amount as a multiple of
            the card's mean over the 30 days until last midnight (1 where there was none).
        """
        busy = self._payments_24h(payments)
        ratio = self._amount_ratio(payments)
        cards = self._sums.shape[1]
        self._sums[day % WINDOW_DAYS] = np.bincount(payments.card, payments.amount, cards)
        self._counts[day % WINDOW_DAYS] = np.bincount(payments.card, minlength=cards)
        return busy, ratio

    def _payments_24h(self, payments: Payments) -> Ints:
        """One sorted array of (card, time) makes "since when" a binary search."""
        card = payments.card << _CARD_BITS
        now = card | (payments.time_ms + DAY_MS)
        known = np.sort(np.concatenate([self._yesterday, now]))
        self._yesterday = card | payments.time_ms
        busy: Ints = np.searchsorted(known, now) - np.searchsorted(known, card | payments.time_ms)
        return busy

    def _amount_ratio(self, payments: Payments) -> Floats:
        count = self._counts.sum(axis=0)
        mean = self._sums.sum(axis=0) / np.maximum(count, 1)
        usual = np.where(count > 0, mean, np.nan)[payments.card]
        return np.where(np.isnan(usual), 1.0, payments.amount / usual).round(2)
