"""Alerts as people read them."""

from datetime import UTC, datetime

import pytest

from eddy.cli.readers import contributions_text, rarity_text
from eddy.messaging.messages import Alert, Coordinates
from eddy.model.serving.detector import Contribution

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rarity", "text"), [(1.0, "1 in 1"), (0.001, "1 in 1,000"), (4.1e-5, "1 in 24,000"), (1e-8, "1 in 100,000,000")]
)
def test_a_rarity_is_told_as_people_say_it(rarity: float, text: str) -> None:
    assert rarity_text(rarity) == text


def test_contributions_are_told_as_observed_against_expected() -> None:
    parts = (
        Contribution("amount", 9.0, 4999.0, 52.3),
        Contribution("country", 3.0, "US", "DE"),
        Contribution("distance_km", 1.0, None, 3.0),
    )
    alert = Alert("t-1", 13.0, 10.0, 1e-5, "v1", None, parts, Coordinates("transactions", 0, 1), NOW, NOW)
    assert contributions_text(alert, 2) == "amount 4,999 (expected 52.3), country US (expected DE)"
    assert contributions_text(alert, 3).endswith("distance_km - (expected 3)")
