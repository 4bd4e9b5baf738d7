from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eddy.model.serving.calibration import HISTOGRAM_BINS, RAREST, Calibration, ThresholdError, rarity_histogram
from eddy.model.training.fit_calibration import calibrate

Draw = Callable[[np.random.Generator, int], np.ndarray]

DISTRIBUTIONS: dict[str, Draw] = {
    "light": lambda rng, n: np.abs(rng.standard_normal((n, 12))).sum(axis=1),
    "exponential": lambda rng, n: rng.exponential(1.0, n),
    "heavy": lambda rng, n: np.abs(rng.standard_t(4, n)),
}
SHAPES = st.sampled_from([-0.3, -0.1, -1e-9, 0.0, 1e-9, 0.2, 0.5])


def with_shape(shape: float) -> Calibration:
    return Calibration(scores=(0.5, 2.0, 5.0), rarities=(1.0, 0.3, 0.02), shape=shape, scale=1.5, rows=1_000)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_requested_rate_comes_out_on_rows_never_seen(name: str) -> None:
    rng = np.random.default_rng(5)
    calibration = calibrate(DISTRIBUTIONS[name](rng, 30_000))
    fresh = DISTRIBUTIONS[name](rng, 1_000_000)
    for rate in (0.1, 0.01, 0.001):
        assert 1 / 1.3 < np.mean(fresh >= calibration.score_at(rate)) / rate < 1.3
    assert 1 / 5 < np.mean(fresh >= calibration.score_at(1e-5)) / 1e-5 < 5


@given(SHAPES)
def test_rarity_falls_with_the_score_and_is_never_zero(shape: float) -> None:
    rarity = with_shape(shape).rarity(np.concatenate([np.linspace(-10, 60, 5_001), [1e6, 1e15, 1e300]]))
    assert np.all(np.diff(rarity) <= 0)
    assert rarity[0] == 1.0
    assert rarity[-1] >= RAREST


@given(SHAPES, st.floats(1e-14, 1.0))
def test_the_score_of_a_rate_has_that_rarity(shape: float, rate: float) -> None:
    calibration = with_shape(shape)
    assert calibration.rarity(np.array([calibration.score_at(rate)]))[0] == pytest.approx(rate, rel=1e-5)


def test_a_calibration_in_use_is_stored_and_compared_as_before() -> None:
    used, fresh = with_shape(0.2), with_shape(0.2)
    used.rarity(np.array([1.0]))
    assert used == fresh
    assert msgspec.json.encode(used) == msgspec.json.encode(fresh)


def test_a_score_beyond_all_data_has_a_finite_rarity() -> None:
    scores = np.random.default_rng(0).normal(10, 1, 1_000)
    beyond = calibrate(scores).rarity(np.array([scores.max() + 1, scores.max() * 100]))
    assert np.all((beyond > 0) & (beyond < 1 / 1_000))


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ThresholdError, match=r"0\.001"):
        with_shape(0.0).score_at(rate)


def test_scores_that_are_all_equal_can_be_calibrated() -> None:
    rarity = calibrate(np.full(600, 3.0)).rarity(np.array([2.0, 3.0, 4.0]))
    assert rarity[0] == 1.0
    assert 0 < rarity[2] < rarity[1] <= 1.0


def test_a_histogram_counts_quarters_of_a_decade() -> None:
    counts = rarity_histogram(np.array([1.0, 0.99, 0.5, 0.1, 1e-8, RAREST]))
    assert len(counts) == HISTOGRAM_BINS == 33
    assert {place: count for place, count in enumerate(counts) if count} == {0: 2, 1: 1, 4: 1, 32: 2}
    assert sum(rarity_histogram(np.empty(0))) == 0
