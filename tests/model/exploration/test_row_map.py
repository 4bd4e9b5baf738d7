"""Maps by t-SNE: neighbours stay neighbours, any bottleneck has a map."""

import numpy as np
import pytest

from eddy.model.exploration import row_map

pytestmark = pytest.mark.usefixtures("real_map")


def two_crowds(numbers: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(place, 0.1, (60, numbers)) for place in (0.0, 5.0)])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_rows_that_the_bottleneck_tells_apart_lie_apart(dimensions: int) -> None:
    places = row_map.embed(two_crowds(), dimensions)
    assert places.shape == (120, dimensions)
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(apart, np.inf)
    own_crowd = (apart.argmin(axis=1) < 60) == (np.arange(120) < 60)
    assert own_crowd.mean() > 0.9


def test_a_bottleneck_of_one_number_has_a_map_too_that_is_not_a_line() -> None:
    places = row_map.embed(two_crowds(1), 2)
    assert np.linalg.eigvalsh(np.cov(places.T))[0] > 0.01


@pytest.mark.parametrize("rows", [4, 20])
def test_few_rows_and_equal_rows_have_a_map(rows: int) -> None:
    assert np.isfinite(row_map.embed(np.ones((rows, 3)), 2)).all()


def test_the_same_rows_and_seed_give_the_same_map() -> None:
    assert np.array_equal(row_map.embed(two_crowds(), 2, seed=3), row_map.embed(two_crowds(), 2, seed=3))
