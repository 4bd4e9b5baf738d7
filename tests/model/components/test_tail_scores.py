import numpy as np
import pytest

from eddy.model.components import tail_scores


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(10_000, 2))


def both(x: np.ndarray) -> tail_scores.TailScores:
    return tail_scores.fit(x, np.array([False, True]))


def test_the_middle_scores_nothing_and_the_tail_has_that_of_its_share(x: np.ndarray) -> None:
    quantiles = np.quantile(x[:, 0], [0.5, 0.999, 0.001])
    found = both(x).apply(np.column_stack([quantiles, quantiles]))[:, 0]
    np.testing.assert_allclose(found, [0.0, -np.log(0.002), -np.log(0.002)], atol=0.1)


def test_where_only_large_values_are_anomalous_small_ones_count_nothing(x: np.ndarray) -> None:
    low, high = both(x).apply(np.array([[-3.0, -3.0], [3.0, 3.0]]))
    assert low[1] < 0.01 < 5 < high[1]
    assert low[0] > 5


def test_beyond_all_rows_a_tail_score_grows_no_further(x: np.ndarray) -> None:
    far, farther = both(x).apply(np.array([[1e3, 1e3], [1e15, 1e15]]))
    np.testing.assert_array_equal(far, farther)
    assert (far <= np.log(10_001 / 0.5)).all()


def test_a_constant_feature_scores_nothing_and_breaks_nothing() -> None:
    found = tail_scores.fit(np.zeros((100, 1)), np.array([False])).apply(np.array([[0.0], [5.0]]))
    np.testing.assert_array_equal(found, 0.0)


def test_a_value_seen_once_in_a_hundred_rows_of_one_other_value_stands_out() -> None:
    column = np.r_[np.zeros(990), np.full(10, 10.0)][:, None]
    found = tail_scores.fit(column, np.array([False])).apply(np.array([[0.0], [10.0]]))
    assert found[0, 0] == 0.0
    assert found[1, 0] == pytest.approx(-np.log(0.02), abs=0.1)


NO_END = np.array([False, False])


def alarmed(x: np.ndarray) -> tail_scores.TailScores:
    return tail_scores.with_alarm(both(x), x, np.array([False, True]), NO_END, alarm=50.0)


def test_far_beyond_all_rows_an_alarm_adds_what_it_is_worth(x: np.ndarray) -> None:
    plain, raised = both(x), alarmed(x)
    far = np.array([[1e3, 1e3]])
    np.testing.assert_allclose(raised.apply(far), plain.apply(far) + 50.0)
    low = np.array([[-1e3, -1e3]])
    np.testing.assert_allclose(raised.apply(low) - plain.apply(low), [[50.0, 0.0]])


def test_an_alarm_leaves_the_rows_themselves_as_they_are(x: np.ndarray) -> None:
    np.testing.assert_allclose(alarmed(x).apply(x), both(x).apply(x))


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential", "standard_cauchy"])
def test_new_rows_hardly_ever_raise_an_alarm(draw: str) -> None:
    rng = np.random.default_rng(5)
    x, fresh = (getattr(rng, draw)((rows, 20)) for rows in (5_000, 100_000))
    two_sided = np.zeros(20, np.bool_)
    plain = tail_scores.fit(x, two_sided)
    raised = tail_scores.with_alarm(plain, x, two_sided, two_sided, alarm=50.0)
    assert ((raised.apply(fresh) - plain.apply(fresh)).sum(axis=1) > 0).mean() < 0.002


def test_what_has_an_end_has_no_alarm(x: np.ndarray) -> None:
    fitted = tail_scores.with_alarm(both(x), x, np.array([False, True]), ~NO_END, alarm=50.0)
    far = np.array([[1e3, 1e3], [-1e3, -1e3]])
    np.testing.assert_allclose(fitted.apply(far), both(x).apply(far))
