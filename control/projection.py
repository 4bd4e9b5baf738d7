"""How many transactions a threshold would have flagged, from the rarity histograms in the ledger.

The ledger counts every scored transaction in a bin of a quarter of a decade of rarity. A threshold within a bin flags
part of it: how much is estimated, and both ends are given.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from eddy.messaging.messages import LedgerRecord, ShadowCounts, UnreadableMessage, read_ledger
from eddy.messaging.ports import Reader, Record
from eddy.model.serving.calibration import BINS_PER_DECADE, HISTOGRAM_BINS

BIN_FACTOR = 10 ** (1 / BINS_PER_DECADE)
"""The ratio of the rarities at the two ends of a bin: 1.78."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Flagged:
    """A number of transactions: between `low` and `high`, and probably `likely`."""

    low: int
    likely: float
    high: int


@dataclass(frozen=True, slots=True)
class Window:
    """What was scored within some `seconds`: counts by rarity, alerts as published, and the models that scored.

    `shadows` has one entry for each model that ran in shadow.
    """

    seconds: float
    counts: tuple[int, ...] = (0,) * HISTOGRAM_BINS
    alerted: int = 0
    models: frozenset[str] = frozenset()
    shadows: tuple[ShadowCounts, ...] = ()

    @property
    def scored(self) -> int:
        return sum(self.counts)

    def flagged(self, alert_rate: float) -> Flagged:
        """How many of them have a rarity of at most this alert rate."""
        place = _place(alert_rate)
        whole = min(math.floor(place), HISTOGRAM_BINS - 1)
        rarer, partly = sum(self.counts[whole + 1 :]), self.counts[whole]
        share = _share_beyond(min(place - whole, 1.0))
        low = rarer + partly if share == 1 else rarer
        return Flagged(low, rarer + share * partly, rarer + partly)

    def rate_for(self, wanted: float) -> float:
        """The alert rate that would have flagged `wanted` of them, the inverse of `flagged`; at most 1.

        The last bin holds all that is rarer; if it alone holds more, the answer lies within it.
        """
        rarer = 0.0
        for bin_ in range(HISTOGRAM_BINS - 1, -1, -1):
            if rarer + self.counts[bin_] > wanted:
                depth = _depth((wanted - rarer) / self.counts[bin_])
                return float(10 ** (-(bin_ + depth) / BINS_PER_DECADE))
            rarer += self.counts[bin_]
        return 1.0


def read_windows(reader: Reader, topic: str, now_ms: int, seconds: Sequence[float]) -> list[Window]:
    """What the ledger says of the last so many seconds, for each of `seconds`.

    Raises:
        BrokerError: the ledger cannot be read.
    """
    since = now_ms - int(max(seconds) * 1000)
    return windows(reader.read(topic, reader.offsets_at(topic, since)), now_ms, seconds)


def windows(records: Iterable[Record], now_ms: int, seconds: Sequence[float]) -> list[Window]:
    """The same of records that were read; what is no ledger record is left out, as `eddy ledger check` says."""
    tallies = [_Tally(span, now_ms - span * 1000) for span in seconds]
    for record in records:
        try:
            entry = read_ledger(record)
        except UnreadableMessage:
            continue
        if entry.unread:
            continue
        for tally in tallies:
            if record.timestamp >= tally.since_ms:
                tally.add(entry)
    return [tally.window() for tally in tallies]


class _Tally:
    """Adds up ledger records."""

    def __init__(self, seconds: float, since_ms: float) -> None:
        self.since_ms, self._seconds = since_ms, seconds
        self._counts = np.zeros(HISTOGRAM_BINS, np.int64)
        self._alerted = 0
        self._models: set[str] = set()
        self._shadows: dict[str, ShadowCounts] = {}

    def add(self, entry: LedgerRecord) -> None:
        self._counts += entry.histogram
        self._alerted += entry.alerted
        self._models.add(entry.model)
        if (more := entry.shadow) is not None:
            self._shadows[more.model] = self._shadows.get(more.model, ShadowCounts(more.model)).plus(more)

    def window(self) -> Window:
        counts, models = tuple(self._counts.tolist()), frozenset(self._models)
        return Window(self._seconds, counts, self._alerted, models, tuple(self._shadows.values()))


def _place(rate: float) -> float:
    """Where a rarity is on the axis of the bins; what is a hair beside an edge is on it."""
    place = -math.log10(rate) * BINS_PER_DECADE
    return float(round(place)) if abs(place - round(place)) < 1e-9 else place


def _share_beyond(depth: float) -> float:
    """The share of a bin that is rarer than a place in it, if rarities are spread evenly, as calibrated ones are."""
    return float((BIN_FACTOR**-depth - _RAREST) / (1 - _RAREST))


def _depth(share: float) -> float:
    """The inverse of `_share_beyond`."""
    return -math.log(share * (1 - _RAREST) + _RAREST) / math.log(BIN_FACTOR)


_RAREST = 1 / BIN_FACTOR
