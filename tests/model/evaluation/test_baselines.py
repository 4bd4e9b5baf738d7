"""The autoencoder among the baselines needs TensorFlow: `eddy evaluate` is tested with it, in a process of its own."""

import sys
import warnings

import numpy as np
import pytest

from eddy.model.evaluation import baselines
from eddy.model.evaluation.metrics import average_precision

LIGHT = [name for name in baselines.NAMES if name != baselines.MSE_AUTOENCODER]


@pytest.fixture(scope="module")
def tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows to train on and rows to score, four columns of two factors; 20 of the latter are far off."""
    rng = np.random.default_rng(0)

    def rows(count: int) -> np.ndarray:
        factors = rng.normal(size=(count, 1))
        return 1_000.0 + 50.0 * np.hstack([factors, factors, -factors, factors]) + rng.normal(size=(count, 4))

    far_off = rows(20) + rng.normal(0, 200.0, (20, 4))
    return rows(2_000), np.vstack([rows(1_000), far_off]), np.arange(1_020) >= 1_000


@pytest.mark.parametrize("name", LIGHT)
def test_what_is_far_off_scores_higher(name: str, tables: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    train, test, anomalous = tables
    score = baselines.scores(name, train, test, seed=1)
    assert score.shape == (len(test),)
    assert average_precision(score, anomalous) > 0.2  # chance: 0.02
    np.testing.assert_array_equal(score, baselines.scores(name, train, test, seed=1))


@pytest.mark.parametrize("name", LIGHT)
def test_the_unit_of_a_column_does_not_matter(name: str, tables: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    train, test, anomalous = tables
    unit = np.array([1.0, 1e6, 1e-6, 1.0])
    here, there = (baselines.scores(name, train * by, test * by, seed=1) for by in (1.0, unit))
    assert average_precision(here, anomalous) == pytest.approx(average_precision(there, anomalous), abs=0.02)


@pytest.mark.parametrize("name", LIGHT)
def test_constant_columns_and_copies_are_no_trouble(name: str) -> None:
    train = np.column_stack([np.zeros(1_000), np.repeat(np.arange(10.0), 100)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = baselines.scores(name, train, train[::7])
    assert np.isfinite(score).all()


def test_methods_that_look_neighbours_up_learn_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "NEIGHBOUR_ROWS", 50)
    far = np.vstack([np.zeros((50_000, 1)), np.ones((1, 1))])
    assert baselines.scores("k nearest neighbours", far, far[-1:])[0] > 1


def test_the_baselines_need_no_tensorflow_but_for_the_autoencoder() -> None:
    assert "tensorflow" not in sys.modules
