"""Verdicts as people read them."""

import pytest

from eddy.model.serving.detector import Contribution
from eddy.model.serving.text import contributions_text, one_in, shares_text

PARTS = (
    Contribution("amount", 9.0, 4999.0, 52.3),
    Contribution("country", 3.0, "US", "DE"),
    Contribution("distance_km", 1.0, None, 3.0),
)


@pytest.mark.parametrize(
    ("rarity", "words"),
    [
        (1.0, "1 in 1"),
        (0.3, "1 in 3.3"),
        (0.1, "1 in 10"),
        (1 / 16_632, "1 in 17,000"),
        (1e-6, "1 in 1,000,000"),
        (1e-8, "1 in 100 million"),
        (1e-9, "1 in 1,000 million"),
        (4.1e-11, "1 in over a billion"),
    ],
)
def test_a_rarity_reads_as_one_in_so_many(rarity: float, words: str) -> None:
    assert one_in(rarity) == words


def test_contributions_read_as_observed_against_expected() -> None:
    assert contributions_text(PARTS[:2]) == "amount 4,999 (expected 52.3), country US (expected DE)"
    assert contributions_text(PARTS).endswith("distance_km missing (expected 3)")


def test_shares_add_up_to_the_score_and_are_left_out_where_it_is_not_positive() -> None:
    assert shares_text(PARTS[:2], 12.0) == "amount 4,999 (expected 52.3), 75%; country US (expected DE), 25%"
    assert shares_text(PARTS[:1], 0.0) == "amount 4,999 (expected 52.3)"
