import numpy as np
import pytest

from eddy.model.schema.columns import Columns
from eddy.model.serving.calibration import Threshold
from eddy.model.serving.detector import Detector


def one(
    amount: float = 20.0, distance: float = 3.0, shop: str = "grocery", country: str = "DE", at: float = 0
) -> Columns:
    return Columns(
        np.array([[amount, distance, 10.0]]),
        np.array([[shop, country]], object),
        np.array([[1772366400.0 + at]]),
    )


def test_what_reaches_the_threshold_is_anomalous(detector: Detector, columns: Columns) -> None:
    score = detector.detect(columns).score
    line = float(np.sort(score)[-10])
    verdicts = detector.under(Threshold(line)).detect(columns)
    assert verdicts.threshold == line
    assert verdicts.anomalous.sum() == 10
    np.testing.assert_array_equal(verdicts.anomalous, score >= line)


def test_the_artifacts_threshold_flags_about_the_rate_that_was_asked_for(detector: Detector, columns: Columns) -> None:
    verdicts = detector.detect(columns)
    assert verdicts.anomalous.mean() == pytest.approx(0.01, rel=0.3)
    assert (verdicts.rarity[verdicts.anomalous] <= 0.01 * (1 + 1e-9)).all()


def test_contributions_come_largest_first_with_observed_and_expected(detector: Detector) -> None:
    parts = detector.detect(one(amount=9_000.0, distance=np.nan, country="", at=3.25 * 3_600)).contributions(0)
    assert [part.contribution for part in parts] == sorted((part.contribution for part in parts), reverse=True)
    by_field = {part.field: part for part in parts}
    assert set(by_field) == set(detector.schema.scored)
    assert {part.field for part in parts[:3]} == {"amount", "distance_km", "country"}
    assert by_field["amount"].observed == 9_000.0
    expected = by_field["amount"].expected
    assert isinstance(expected, float)
    assert 1 < expected < 1_000
    assert by_field["distance_km"].observed is None
    assert (by_field["shop"].observed, by_field["shop"].expected) == ("grocery", "grocery")
    assert (by_field["country"].observed, by_field["country"].expected) == (None, "DE")
    assert by_field["event_time"].observed == "15:15"


def test_contributions_add_up_to_the_verdicts_score(detector: Detector, columns: Columns) -> None:
    verdicts = detector.detect(columns)
    for i in (0, 17, 2_999):
        assert sum(part.contribution for part in verdicts.contributions(i)) == pytest.approx(
            verdicts.score[i], rel=1e-12
        )
        assert verdicts.contributions(i, 2) == verdicts.contributions(i)[:2]
    assert verdicts.reasons([0, 17], 2) == [verdicts.contributions(0, 2), verdicts.contributions(17, 2)]
    assert verdicts.reasons([]) == []


def test_reasons_found_in_the_same_run_are_those_found_later_bit_for_bit(detector: Detector, columns: Columns) -> None:
    batch = detector.detect(columns[slice(0, 100)])
    at_once = detector.detect(columns[slice(0, 100)], explain=True)
    np.testing.assert_array_equal(at_once.score, batch.score)
    np.testing.assert_array_equal(at_once.rarity, batch.rarity)
    assert at_once.reasons([3, 99], 2) == batch.reasons([3, 99], 2)
    for i in range(100):
        alone = detector.detect(columns[slice(i, i + 1)], explain=True)
        assert (alone.score[0], alone.rarity[0], alone.anomalous[0]) == (
            batch.score[i],
            batch.rarity[i],
            batch.anomalous[i],
        )
        assert alone.contributions(0) == batch.contributions(i)


def test_missing_unseen_and_extreme_values_get_verdicts(detector: Detector) -> None:
    for unusual in (one(np.nan), one(1e15), one(-1e15), one(0.0), one(shop="never seen"), one(shop=""), one(at=5e9)):
        verdicts = detector.detect(unusual)
        assert np.isfinite(verdicts.score[0])
        assert 0 < verdicts.rarity[0] <= 1


def test_no_transactions_give_no_verdicts(detector: Detector, columns: Columns) -> None:
    assert len(detector.detect(columns[slice(0, 0)])) == 0
