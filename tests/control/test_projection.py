"""What a threshold would have flagged, from the ledger's histograms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eddy.control.projection import Flagged, Window, windows
from eddy.messaging.memory.cluster import MemoryRecord
from eddy.messaging.messages import LedgerRecord, ledger_message
from eddy.model.serving.calibration import HISTOGRAM_BINS, rarity_histogram


def window(rarity: np.ndarray) -> Window:
    return Window(3_600, tuple(rarity_histogram(rarity)))


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.03, 0.01, 0.001, 0.0004])
def test_the_estimate_is_near_the_truth_and_the_truth_within_its_bounds(rate: float) -> None:
    rarity = np.random.default_rng(1).uniform(1e-12, 1, 400_000)
    found, truth = window(rarity).flagged(rate), int((rarity <= rate).sum())
    assert found.low <= truth <= found.high
    assert found.likely == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("bin_", [0, 4, 12, 20])
def test_at_the_edge_of_a_bin_nothing_is_guessed(bin_: int) -> None:
    counts = tuple(range(1, HISTOGRAM_BINS + 1))
    exact = sum(counts[bin_:])
    assert Window(1, counts).flagged(10 ** (-bin_ / 4)) == Flagged(exact, exact, exact)


def test_what_is_rarer_than_the_last_edge_is_not_told_apart() -> None:
    counts = (*[0] * (HISTOGRAM_BINS - 1), 7)
    assert Window(1, counts).flagged(1e-8).likely == 7
    found = Window(1, counts).flagged(1e-12)
    assert (found.low, found.high) == (0, 7)


@given(
    st.lists(st.integers(0, 1_000), min_size=HISTOGRAM_BINS, max_size=HISTOGRAM_BINS),
    st.floats(0.001, 30_000),
)
def test_the_rate_for_a_number_flags_that_number(counts: list[int], wanted: float) -> None:
    made = Window(1, tuple(counts))
    rate = made.rate_for(wanted)
    assert 0 < rate <= 1
    if wanted <= made.scored and wanted >= counts[-1]:
        assert made.flagged(rate).likely == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_records_count_in_every_window_that_is_long_enough() -> None:
    def record(at_ms: int, rarity: float, model: str) -> MemoryRecord:
        histogram = tuple(rarity_histogram(np.array([rarity])))
        entry = LedgerRecord("transactions", 0, 0, 0, 1, 0, 0, model, 1.0, histogram)
        return MemoryRecord("ledger", 0, 0, at_ms, b"0", ledger_message("ledger", entry).value, ())

    log = [record(0, 0.5, "a"), record(95_000, 0.001, "b"), MemoryRecord("ledger", 0, 2, 96_000, b"", b"x", ())]
    short, long = windows(log, 100_000, [10, 100])
    assert (short.scored, long.scored) == (1, 2)
    assert (short.models, long.models) == ({"b"}, {"a", "b"})
    assert long.flagged(0.01).likely == 1
