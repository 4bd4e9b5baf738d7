"""The synthetic stream: the same for the same seed, made of habits, with frauds among them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eddy.producer import world
from eddy.producer.frauds import KINDS
from eddy.producer.synthetic import START, SyntheticStream, Transactions

DAY = timedelta(days=1)


def made(count: int, **arguments: Any) -> Transactions:
    return Transactions.join(list(SyntheticStream(**{"seed": 11, "cards": 300, **arguments}).chunks(count)))


def same(left: Transactions, right: Transactions) -> bool:
    return np.array_equal(left.fraud_kind, right.fraud_kind) and all(
        np.array_equal(left.columns[name], right.columns[name]) for name in left.columns | right.columns
    )


@pytest.fixture(scope="module")
def month() -> Transactions:
    return made(150_000, cards=2_000, fraud=0.02)


@pytest.fixture(scope="module")
def honest(month: Transactions) -> dict[str, NDArray[Any]]:
    return {name: column[~month.is_fraud] for name, column in month.columns.items()}


def of_kind(month: Transactions, kind: str) -> dict[str, NDArray[Any]]:
    return {name: column[month.fraud_kind == kind] for name, column in month.columns.items()}


def hours(times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Hours of the day at home, which is one hour ahead of UTC."""
    return (times.astype("datetime64[s]").astype(np.int64) / 3600 + 1) % 24


def test_the_same_seed_makes_the_same_transactions() -> None:
    assert same(made(5_000), made(5_000))


def test_another_seed_makes_other_transactions() -> None:
    assert not np.array_equal(made(1_000).columns["amount"], made(1_000, seed=12).columns["amount"])


@pytest.mark.parametrize("size", [1, 7, 999, 100_000])
def test_transactions_do_not_depend_on_the_size_of_chunks(size: int) -> None:
    chunks = list(SyntheticStream(seed=11, cards=300).chunks(2_000, size))
    assert same(Transactions.join(chunks), made(2_000))
    assert all(len(chunk) == size for chunk in chunks[:-1])


def test_a_later_start_enters_the_same_world_later() -> None:
    whole = made(5_000)
    late = START + 3 * DAY + timedelta(hours=5)
    after = whole.columns["event_time"] >= np.datetime64(late.replace(tzinfo=None), "ms")
    expected = Transactions({name: column[after] for name, column in whole.columns.items()}, whole.fraud_kind[after])
    assert same(made(len(expected), start=late), expected)


def test_exactly_as_many_transactions_are_made_as_asked_for() -> None:
    assert [len(chunk) for chunk in SyntheticStream(seed=1, cards=50).chunks(25, 10)] == [10, 10, 5]
    assert list(SyntheticStream(seed=1, cards=50).chunks(0)) == []


def test_without_a_count_the_stream_goes_on() -> None:
    chunks: Iterator[Transactions] = SyntheticStream(seed=1, cards=50).chunks(None, 500)
    assert [len(next(chunks)) for _ in range(5)] == [500] * 5


def test_times_never_go_back_and_begin_at_the_start() -> None:
    start = datetime(2026, 6, 1, 14, 30, tzinfo=UTC)
    times = made(3_000, start=start).columns["event_time"]
    assert (np.diff(times) >= np.timedelta64(0)).all()
    assert np.timedelta64(0) <= times[0] - np.datetime64(start.replace(tzinfo=None)) < np.timedelta64(1, "h")


def test_transaction_ids_are_unique_within_and_between_days_and_seeds() -> None:
    ids = [*made(20_000).columns["transaction_id"], *made(20_000, seed=12).columns["transaction_id"]]
    assert len(set(ids)) == 40_000


@pytest.mark.parametrize(("share", "chance"), [(0.0, 0), (0.002, 0.5), (0.02, 0.15), (0.2, 0.05)])
def test_frauds_have_the_share_that_was_asked_for(share: float, chance: float) -> None:
    found = made(200_000, cards=2_000, fraud=share).is_fraud.mean()
    assert found == pytest.approx(share, rel=chance)


def test_honest_transactions_do_not_depend_on_the_frauds() -> None:
    some, none = made(20_000, fraud=0.05), made(19_000, fraud=0)
    kept = some.columns["amount"][~some.is_fraud]
    shared = min(len(kept), 18_000)
    assert np.array_equal(kept[:shared], none.columns["amount"][:shared])


def test_all_kinds_of_fraud_are_there(month: Transactions) -> None:
    assert set(month.fraud_kind) == {"", *KINDS}


def test_tested_cards_pay_little_online_and_often(month: Transactions) -> None:
    tested = of_kind(month, "card_testing")
    assert (tested["amount"] <= 5).all()
    assert set(tested["channel"]) == {"online"}
    assert np.median(tested["card_transactions_24h"]) >= 4


def test_a_spree_is_several_payments_of_one_card_within_hours(month: Transactions) -> None:
    spree = of_kind(month, "spree")
    _, index, size = np.unique(spree["card_id"], return_inverse=True, return_counts=True)
    assert np.median(size[index]) >= 4
    gaps = [np.diff(spree["event_time"][index == card]).min() for card in np.flatnonzero(size > 1)]
    assert np.median(np.array(gaps)) < np.timedelta64(1, "h")


def test_odd_hours_are_in_the_middle_of_the_night(month: Transactions) -> None:
    odd = of_kind(month, "odd_hour")
    assert ((hours(odd["event_time"]) >= 1.5) & (hours(odd["event_time"]) <= 4.5)).all()
    assert not set(odd["category"]) & {"grocery", "restaurant", "digital"}


def test_an_account_is_drained_by_one_payment_far_beyond_what_is_usual(month: Transactions) -> None:
    drained = of_kind(month, "drained")
    assert np.median(drained["amount"]) > 1_500
    assert np.median(drained["amount_ratio_30d"]) > 20


def test_people_sleep_and_eat_when_people_do(honest: dict[str, NDArray[Any]]) -> None:
    local = hours(honest["event_time"])
    assert ((local > 1) & (local < 5)).mean() < 0.04
    meals = local[honest["category"] == "restaurant"]
    near_a_meal = (np.abs(meals - 12.8) < 2.5) | (np.abs(meals - 19.8) < 3)
    assert near_a_meal.mean() > 0.8


def test_fridays_are_busier_than_sundays(honest: dict[str, NDArray[Any]]) -> None:
    days = honest["event_time"].astype("datetime64[D]").astype(np.int64)
    per_day = np.bincount(days - days[0])[1:-1]
    weekday = (np.arange(days[0] + 1, days[-1]) + 3) % 7
    assert per_day[weekday == 4].mean() > 1.2 * per_day[weekday == 6].mean()


@pytest.mark.parametrize("category", world.CATEGORIES, ids=lambda category: category.name)
def test_categories_have_their_share_amounts_and_channels(
    honest: dict[str, NDArray[Any]], category: world.Category
) -> None:
    rows = honest["category"] == category.name
    assert rows.mean() == pytest.approx(category.share, rel=0.15)
    assert np.median(honest["amount"][rows]) == pytest.approx(category.median, rel=0.2)
    allowed = {name for name, share in zip(world.CHANNELS, category.channels, strict=True) if share}
    assert set(honest["channel"][rows]) <= allowed | {"chip"}


def test_people_differ_in_how_much_they_spend_and_keep_to_it(honest: dict[str, NDArray[Any]]) -> None:
    groceries = honest["category"] == "grocery"
    cards, index = np.unique(honest["card_id"][groceries], return_inverse=True)
    logs, half = np.log(honest["amount"][groceries]), np.arange(groceries.sum()) % 2 == 0
    sums = [np.bincount(index[part], logs[part], len(cards)) for part in (half, ~half)]
    counts = [np.bincount(index[part], minlength=len(cards)) for part in (half, ~half)]
    known = np.minimum(*counts) > 0
    first, second = (total[known] / count[known] for total, count in zip(sums, counts, strict=True))
    assert np.corrcoef(first, second)[0, 1] > 0.5


def test_cash_comes_in_tens_from_machines(honest: dict[str, NDArray[Any]]) -> None:
    cash = honest["category"] == "cash"
    assert (honest["amount"][cash] % 10 == 0).all()
    assert set(honest["channel"][cash]) == {"atm"}
    assert set(honest["category"][honest["channel"] == "atm"]) == {"cash"}


def test_large_amounts_are_not_paid_without_any_check_in_shops(honest: dict[str, NDArray[Any]]) -> None:
    unchecked = (honest["verification"] == "none") & (honest["channel"] != "online")
    assert honest["amount"][unchecked].max() <= 50


def test_most_payments_are_near_home_and_those_far_away_mostly_abroad(honest: dict[str, NDArray[Any]]) -> None:
    assert np.median(honest["distance_km"]) < 10
    far = (honest["distance_km"] > 600) & (honest["channel"] != "online")
    assert 0 < far.mean() < 0.02
    assert (honest["country"][far] != "DE").all()


def test_transactions_of_24_hours_are_those_of_the_stream() -> None:
    stream = made(3_000, cards=20, fraud=0.05)
    seen: dict[str, list[np.datetime64]] = {}
    first_known = stream.columns["event_time"][0] + np.timedelta64(1, "D")
    rows = zip(*(stream.columns[name] for name in ("card_id", "event_time", "card_transactions_24h")), strict=True)
    for card, time, claimed in rows:
        earlier = seen.setdefault(card, [])
        if time >= first_known:
            assert claimed == sum(time - np.timedelta64(1, "D") <= before < time for before in earlier)
        earlier.append(time)


def test_the_amount_ratio_is_over_the_mean_of_the_30_days_before_midnight() -> None:
    stream = made(6_000, cards=60, fraud=0.02)
    days = stream.columns["event_time"].astype("datetime64[D]")
    day = days[0] + np.timedelta64(31, "D")
    for row in np.flatnonzero(days == day)[:50]:
        window = (days >= day - np.timedelta64(30, "D")) & (days < day)
        usual = stream.columns["amount"][window & (stream.columns["card_id"] == stream.columns["card_id"][row])]
        expected = stream.columns["amount"][row] / usual.mean()
        assert stream.columns["amount_ratio_30d"][row] == pytest.approx(expected, abs=0.0051)


@pytest.mark.parametrize("arguments", [{"fraud": 1.0}, {"fraud": -0.1}, {"cards": 0}])
def test_what_cannot_be_is_refused_with_what_was_received(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=str(next(iter(arguments.values())))):
        SyntheticStream(**arguments)
