"""A budget of alerts a day, and what the ledger says of the last 24 hours."""

import numpy as np
import pytest

from eddy.control.budget import LastDay, next_rate
from eddy.control.limits import Limits
from eddy.control.projection import DAY_S, Window
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import LedgerRecord, ledger_message
from eddy.messaging.ports import Message
from eddy.model.serving.calibration import rarity_histogram

LIMITS = Limits(1e-5, 0.01)
HOUR_MS = 3_600_000


def window(rarities: np.ndarray, seconds: float = DAY_S) -> Window:
    return Window(seconds, tuple(rarity_histogram(rarities)))


UNIFORM = np.random.default_rng(1).uniform(1e-9, 1, 1_000_000)


def test_a_rate_follows_from_what_was_scored_not_from_the_calibration() -> None:
    assert next_rate(window(UNIFORM), 1_000, 0.001, LIMITS) == pytest.approx(0.001, rel=0.05)
    assert next_rate(window(UNIFORM, DAY_S / 2), 1_000, 0.001, LIMITS) == pytest.approx(0.0005, rel=0.05)
    off = UNIFORM / 1.5  # the calibration takes everything for rarer than it is
    assert next_rate(window(off), 1_000, 0.001, LIMITS) == pytest.approx(0.001 / 1.5, rel=0.05)


def test_a_step_is_at_most_a_factor_of_two_and_within_the_limits() -> None:
    assert next_rate(window(UNIFORM), 100_000, 0.001, LIMITS) == 0.002
    assert next_rate(window(UNIFORM), 10, 0.001, LIMITS) == 0.0005
    assert next_rate(window(UNIFORM), 100_000, 0.009, LIMITS) == 0.01
    assert next_rate(window(UNIFORM), 1, 1.5e-5, LIMITS) == 1e-5


def test_too_little_gives_no_rate() -> None:
    assert next_rate(window(UNIFORM, 500), 1_000, 0.001, LIMITS) is None
    assert next_rate(Window(DAY_S), 1_000, 0.001, LIMITS) is None


def test_the_last_day_reads_each_record_once_and_forgets_what_is_older() -> None:
    now = [30 * HOUR_MS]
    broker = MemoryBroker({"ledger": 1}, clock=lambda: now[0])
    publisher, day = broker.publisher(), LastDay(broker, "ledger")

    def publish(hour: int, *rarities: float) -> None:
        now[0] = hour * HOUR_MS
        histogram = tuple(rarity_histogram(np.array(rarities)))
        entry = LedgerRecord("t", 0, 0, 0, len(rarities), 1, 0, "m", 1.0, histogram)
        publisher.send(ledger_message("ledger", entry))

    publish(30, 0.5, 0.5)
    found = day.read(36 * HOUR_MS)
    assert (found.scored, found.alerted, found.seconds) == (2, 1, 6 * 3_600)
    publisher.send(Message("ledger", b"x", b"no ledger record"))
    publish(40, 0.001)
    assert day.read(41 * HOUR_MS).scored == 3
    assert day.read(41 * HOUR_MS).flagged(0.001).likely == 1
    found = day.read(60 * HOUR_MS)
    assert (found.scored, found.alerted, found.seconds) == (1, 1, 23 * 3_600)
