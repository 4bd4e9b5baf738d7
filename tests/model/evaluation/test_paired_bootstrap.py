import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from eddy.model.evaluation.paired_bootstrap import ScoresByKind, estimate_gain


def scored(shift: float, seed: int = 0, anomalies: int = 60) -> ScoresByKind:
    """Scores of 2,000 normal rows and of anomalies that lie so much higher."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=2_000), {"a": shift + rng.normal(size=anomalies), "b": shift + rng.normal(size=anomalies)}


def test_values_are_those_of_scikit_learn() -> None:
    default, tuned = scored(1.0), scored(2.0)
    gain = estimate_gain(default, tuned)
    for place, kind in enumerate("ab"):
        scores = np.concatenate([default[0], default[1][kind]])
        expected = average_precision_score(np.arange(len(scores)) >= 2_000, scores)
        assert gain.kinds[place].default == pytest.approx(expected)
    assert gain.default.value == pytest.approx(np.mean([kind.default for kind in gain.kinds]))
    assert gain.difference.value == pytest.approx(gain.tuned.value - gain.default.value)


def test_a_clear_difference_is_sure_in_both_directions() -> None:
    assert estimate_gain(scored(1.0), scored(3.0)).difference.low > 0.2
    worse = estimate_gain(scored(3.0), scored(1.0))
    assert worse.difference.high < -0.2
    assert worse.sure


def test_no_difference_is_none_with_no_doubt() -> None:
    difference = estimate_gain(scored(1.0), scored(1.0)).difference
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_a_difference_by_chance_is_not_sure() -> None:
    gain = estimate_gain(scored(1.0, seed=1), scored(1.0, seed=2))
    assert gain.difference.low < 0 < gain.difference.high
    assert not gain.sure


def test_rows_are_drawn_together_so_what_is_hard_for_both_does_not_blur_the_difference() -> None:
    normal, anomalies = scored(1.0, anomalies=30)
    better = (normal, {kind: scores + 0.1 for kind, scores in anomalies.items()})
    gain = estimate_gain((normal, anomalies), better)
    assert gain.difference.high - gain.difference.low < 0.5 * (gain.default.high - gain.default.low)
