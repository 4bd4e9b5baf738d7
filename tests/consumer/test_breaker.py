"""The breaker opens when most messages are refused, and only then."""

import pytest

from eddy.consumer.breaker import Breaker, TooManyDeadLetters


def test_a_few_refused_messages_at_the_start_are_borne() -> None:
    breaker = Breaker(limit=0.5, window=1_000)
    breaker.check(total=500, dead=500)


def test_it_opens_before_the_batch_that_would_bring_the_share_over_the_limit() -> None:
    breaker = Breaker(limit=0.5, window=1_000)
    breaker.add(total=500, dead=500)
    with pytest.raises(TooManyDeadLetters, match="501 of the last 510"):
        breaker.check(total=10, dead=1)


def test_one_batch_alone_can_open_it() -> None:
    with pytest.raises(TooManyDeadLetters):
        Breaker(limit=0.5, window=100).check(total=8_000, dead=4_001)


def test_what_lies_beyond_the_window_is_forgotten() -> None:
    breaker = Breaker(limit=0.5, window=1_000)
    breaker.add(total=500, dead=500)
    breaker.add(total=1_000, dead=0)
    breaker.check(total=500, dead=500)


def test_a_batch_is_kept_until_the_window_is_filled_without_it() -> None:
    breaker = Breaker(limit=0.5, window=1_000)
    breaker.add(total=500, dead=500)
    breaker.add(total=999, dead=0)
    with pytest.raises(TooManyDeadLetters):
        breaker.check(total=100, dead=300)


def test_a_limit_of_one_never_opens() -> None:
    breaker = Breaker(limit=1.0, window=1)
    for _ in range(100):
        breaker.check(total=50, dead=50)
        breaker.add(total=50, dead=50)
