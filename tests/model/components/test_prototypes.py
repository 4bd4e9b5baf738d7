import numpy as np
import pytest

from eddy.model.components import prototypes
from eddy.model.components.prototypes import Prototypes


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """A ring: nobody is in the middle."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 4_000), 2 + 0.05 * rng.normal(size=4_000)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def distance(fitted: Prototypes, x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(fitted.squares(x).sum(axis=1)))


def test_the_middle_of_a_ring_is_far_from_all_rows(x: np.ndarray) -> None:
    fitted = prototypes.fit(x, seed=0)
    assert distance(fitted, np.zeros((1, 2)))[0] > 5 * np.quantile(distance(fitted, x), 0.99)


def test_the_same_seed_gives_the_same_prototypes(x: np.ndarray) -> None:
    first, again = prototypes.fit(x, seed=3), prototypes.fit(x, seed=3)
    np.testing.assert_array_equal(first.centers, again.centers)


def test_rows_that_are_all_the_same_have_one_place() -> None:
    fitted = prototypes.fit(np.ones((100, 3)), seed=0)
    assert np.isfinite(fitted.squares(np.ones((2, 3)))).all()


def test_who_is_near_a_doubtful_prototype_is_as_far_as_its_doubt(x: np.ndarray) -> None:
    frauds = np.array([[6.0, 6.0]]) + 0.01 * np.random.default_rng(1).normal(size=(40, 2))
    rows = np.vstack([x, frauds])
    anomaly = np.where(np.arange(len(rows)) < len(x), 0.1, 2.0)
    fitted = prototypes.fit(rows, seed=0)
    usual = float(np.median(distance(fitted, x))), 0.5
    doubted = prototypes.doubted(fitted, rows, anomaly, usual, contamination=0.01)
    assert distance(fitted, frauds).max() < 0.2 < 0.75 < distance(doubted, frauds).min()
    np.testing.assert_array_equal(distance(doubted, x), distance(fitted, x))


def test_rows_known_to_be_clean_raise_no_doubt(x: np.ndarray) -> None:
    fitted = prototypes.fit(x, seed=0)
    doubted = prototypes.doubted(fitted, x, np.full(len(x), 9.0), (0.1, 0.1), contamination=0.0)
    assert not doubted.doubts.any()
