import numpy as np
import pytest

from eddy.model.evaluation.metrics import (
    Confusion,
    EvaluationError,
    Ranking,
    average_precision,
    average_precision_interval,
    calibration,
    confusion,
    figures,
    precision_recall,
    recall_at,
    roc_auc,
    within_budget,
)

NORMAL, ANOMALOUS = 4_000, 60


@pytest.fixture(params=["continuous", "full of ties"])
def labelled(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels, in no order."""
    rng = np.random.default_rng(5)
    score = np.concatenate([rng.normal(0, 1, NORMAL), rng.normal(2, 1, ANOMALOUS)])
    order = rng.permutation(len(score))
    anomalous = (np.arange(len(score)) >= NORMAL)[order]
    return (score if request.param == "continuous" else score.round())[order], anomalous


TIED = np.array([4.0, 3.0, 2.0, 2.0, 1.0]), np.array([True, False, True, False, False])
"""One anomaly on top, and one that shares its score with a normal row behind another normal row."""


def test_figures_worked_out_by_hand() -> None:
    score, anomalous = TIED
    assert average_precision(score, anomalous) == pytest.approx((1 / 1 + 2 / 4) / 2, abs=1e-12)
    assert roc_auc(score, anomalous) == pytest.approx((3 + 1.5) / (2 * 3), abs=1e-12)
    assert [recall_at(score, anomalous, rate) for rate in (0.0, 0.34, 0.67)] == [0.5, 0.5, 1.0]
    precision, recall = precision_recall(score, anomalous)
    np.testing.assert_allclose((precision, recall), ([1.0, 0.5], [0.5, 1.0]), atol=1e-12)


def test_rows_may_count_several_times_or_not_at_all() -> None:
    """Two normal rows of the higher score and three anomalies of the lower one: as if each stood there so often."""
    ranking = Ranking(np.array([3.0, 1.0]), np.array([4.0, 2.0]))
    assert ranking.average_precision(np.array([2.0, 9.0]), np.array([1.0, 3.0])) == pytest.approx(0.75, abs=1e-12)
    assert ranking.average_precision(np.array([2.0, 9.0]), np.array([0.0, 1.0])) == pytest.approx(1 / 3, abs=1e-12)


def test_rankings_give_the_same_average_precision(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    score, anomalous = labelled
    ranking = Ranking(score[~anomalous], score[anomalous])
    once = ranking.average_precision(np.ones(NORMAL), np.ones(ANOMALOUS))
    assert once == pytest.approx(average_precision(score, anomalous), abs=1e-12)


def test_recall_is_taken_where_at_most_the_given_share_of_normal_rows_is_flagged(
    labelled: tuple[np.ndarray, np.ndarray],
) -> None:
    score, anomalous = labelled
    for rate in (0.001, 0.01, 0.1, 0.5):
        passed = np.sort(score[~anomalous])[::-1][int(rate * NORMAL)]
        assert recall_at(score, anomalous, rate) == np.mean(score[anomalous] > passed)


def test_the_interval_holds_the_figure_and_narrows_with_more_rows(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    score, anomalous = labelled
    few = average_precision_interval(score, anomalous)
    many = average_precision_interval(np.tile(score, 9), np.tile(anomalous, 9))
    assert few.low < few.value < few.high
    assert many.high - many.low < 0.6 * (few.high - few.low)
    assert average_precision_interval(score, anomalous) == few


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    anomalous = np.arange(2_000) < 200

    def draw() -> np.ndarray:
        return rng.normal(anomalous * 1.5, 1.0)

    truth = np.mean([average_precision(draw(), anomalous) for _ in range(200)])
    intervals = [average_precision_interval(draw(), anomalous, draws=100) for _ in range(60)]
    assert sum(found.low <= truth <= found.high for found in intervals) >= 51  # 95 % of 60 is 57, give or take 1.7


def test_the_budget_is_spent_on_each_days_top_scoring_rows() -> None:
    score = np.array([9.0, 8.0, 7.0, 1.0, 3.0, 2.0])
    time_s = 86_400.0 * np.array([0.1, 0.2, 0.3, 1.1, 1.2, 1.3])
    assert within_budget(score, 2, time_s).tolist() == [True, True, False, False, True, True]
    assert within_budget(score, 5, time_s).all()


def test_without_times_the_budget_is_of_every_thousand_rows() -> None:
    score = np.random.default_rng(1).permutation(3_000).astype(float)
    assert set(score[within_budget(score, 2)]) == set(range(2_994, 3_000))
    assert within_budget(np.array([1.0, 2.0]), 1).tolist() == [False, True]


def test_rows_that_score_the_same_do_not_break_the_budget() -> None:
    assert within_budget(np.zeros(5_000), 3).sum() == 15
    assert within_budget(np.zeros(50), 3, np.zeros(50)).sum() == 3


def test_confusion_counts_verdicts_against_labels() -> None:
    flagged = np.array([True, True, False, False, False])
    anomalous = np.array([True, False, True, False, False])
    counts = confusion(flagged, anomalous)
    assert counts == Confusion(caught=1, missed=1, false_alarms=1, passed=2)
    assert (counts.precision, counts.recall, counts.accuracy) == (0.5, 0.5, 0.6)
    assert counts.false_positive_rate == pytest.approx(1 / 3)


def test_no_alert_at_all_has_precision_zero() -> None:
    assert confusion(np.zeros(3, bool), np.array([True, False, False])).precision == 0.0


def test_each_kind_is_compared_with_normal_rows_alone() -> None:
    """The loud kind outranks everything, so it must not count against the quiet one."""
    score = np.concatenate([np.linspace(0, 1, 1_000), np.full(10, 5.0), np.full(5, 2.0)])
    kinds = np.array(["ignored"] * 1_000 + ["loud"] * 10 + ["quiet"] * 5, np.object_)
    found = figures(score, np.arange(1_015) >= 1_000, budget=1, flagged=score > 4, kinds=kinds)
    assert [(kind.kind, kind.rows, kind.flagged) for kind in found.kinds] == [("loud", 10, 1.0), ("quiet", 5, 0.0)]
    assert [kind.average_precision for kind in found.kinds] == [1.0, 1.0]
    assert [kind.recall_at_false_positives for kind in found.kinds] == [1.0, 1.0]
    assert found.kinds[0].recall_at_budget == 0.1


def test_the_precision_recall_curve_encloses_the_average_precision(labelled: tuple[np.ndarray, np.ndarray]) -> None:
    score, anomalous = labelled
    precision, recall = precision_recall(score, anomalous)
    assert recall[-1] == 1.0
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    assert area == pytest.approx(average_precision(score, anomalous))


def test_calibration_counts_normal_rows_and_says_how_sure_it_is() -> None:
    [often, never] = calibration(np.arange(1, 1_001) / 1_000, [0.1, 0.0001])
    assert (often.requested, often.observed.value) == (0.1, 0.1)
    assert 0.08 < often.observed.low < 0.1 < often.observed.high < 0.122
    assert (never.observed.value, never.observed.low) == (0.0, 0.0)
    assert 0.003 < never.observed.high < 0.005
    [wilson] = calibration(np.ones(10), [0.5])
    assert wilson.observed.high == pytest.approx(3.841459 / (10 + 3.841459), abs=1e-6)  # z^2 / (n + z^2)


@pytest.mark.parametrize("anomalous", [np.zeros(5, bool), np.ones(5, bool), np.zeros(0, bool)])
def test_labels_of_one_sort_are_refused(anomalous: np.ndarray) -> None:
    score = np.arange(len(anomalous), dtype=float)
    for figure in (average_precision, average_precision_interval, recall_at, roc_auc, precision_recall):
        with pytest.raises(EvaluationError, match="both sorts"):
            figure(score, anomalous)
