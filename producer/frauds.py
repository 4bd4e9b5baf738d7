"""What thieves do with cards: four kinds of fraud, each labelled, none announcing itself in every transaction.

Like honest days, a day of frauds is a function of (seed, day) alone. A fraud begins and ends on the same UTC day.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from producer import world
from producer.cardholders import (
    DAY_MS,
    Cardholders,
    Ints,
    Payments,
    billed,
    expected_payments,
    local_hours,
    merchant_number,
    round_amounts,
    utc_ms,
    whereabouts,
)
from producer.world import Floats

MINUTE_MS = 60_000
_CODES = {name: index for index, name in enumerate(world.CATEGORY_NAMES)}
_MEDIANS = np.array([category.median for category in world.CATEGORIES])


@dataclass(frozen=True)
class _Cases:
    """The payments of some thefts: which card, which theft, when, and where the thief is."""

    card: Ints
    case: Ints
    time_ms: Ints
    place: Ints
    away_km: Floats

    def __len__(self) -> int:
        return len(self.card)


def fraud_day(people: Cardholders, day: int, share: float) -> Payments:
    """The frauds of one (UTC) day.

    Args:
        people: whose cards are stolen.
        day: days since 1970-01-01.
        share: the share of all transactions that shall be frauds, on average; 0 <= share < 1.
    """
    rng = np.random.default_rng([people.seed, 3, day])
    wanted = share / (1 - share) * expected_payments(people, day)
    return Payments.join([_thefts(kind, people, day, wanted, rng) for kind in range(len(KINDS))])


def _thefts(kind: int, people: Cardholders, day: int, wanted: float, rng: np.random.Generator) -> Payments:
    recipe = _RECIPES[kind]
    low, high = recipe.payments
    thefts = rng.poisson(wanted * recipe.weight / ((low + high) / 2))
    sizes = rng.integers(low, high + 1, thefts)
    paid = recipe.make(people, day, rng.integers(0, len(people), thefts), sizes, rng)
    return replace(paid, fraud=np.full(len(paid), kind + 1))


def _card_testing(people: Cardholders, day: int, cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """Stolen numbers are tried with small online payments, minutes apart, before they are sold."""
    cases = _bursts(people, day, cards, sizes, rng.uniform(0.5, 5, len(cards)) * MINUTE_MS, rng)
    category = _pick(cases, {"digital": 0.6, "entertainment": 0.15, "transport": 0.15, "grocery": 0.1}, rng)
    amount = np.round(rng.lognormal(np.log(1.4), 0.5, len(cases)).clip(0.5, 6), 2)
    local_proxy = (rng.random(len(cards)) < 0.5)[cases.case]
    far = np.round(rng.uniform(300, 8000, len(cards)), 1)[cases.case]
    near = rng.lognormal(np.log(8), 1.0, len(cases)).round(1)
    channel = np.full(len(cases), world.ONLINE)
    shop_country = _shop_countries(cases, 0.5, rng)
    return _payments(
        cases,
        category,
        amount,
        channel,
        _unverified(cases, 0.9, rng),
        shop_country,
        np.where(local_proxy, near, far),
        rng,
    )


def _spree(people: Cardholders, day: int, cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """A stolen card is used up in shops within hours: below the contactless limit, or with the PIN that was watched."""
    cases = _bursts(people, day, cards, sizes, rng.uniform(6, 35, len(cards)) * MINUTE_MS, rng)
    category = _pick(cases, {"electronics": 0.3, "fashion": 0.25, "grocery": 0.15, "fuel": 0.15, "cash": 0.15}, rng)
    knows_pin = (rng.random(len(cards)) < 0.5)[cases.case]
    euros = _MEDIANS[category] * rng.lognormal(np.log(2.5), 0.6, len(cases))
    euros = np.where(knows_pin, euros, rng.uniform(25, 50, len(cases)))
    category = np.where(~knows_pin & (category == _CODES["cash"]), _CODES["fuel"], category)
    channel = np.where(category == _CODES["cash"], world.ATM, np.where(knows_pin, world.CHIP, world.CONTACTLESS))
    distance = np.round(cases.away_km + rng.lognormal(np.log(25), 0.8, len(cases)), 1)
    amount = round_amounts(billed(people, cases.card, euros), category, rng)
    verification = np.where(knows_pin, world.PIN, world.NO_CHECK)
    return _payments(cases, category, amount, channel, verification, cases.place, distance, rng)


def _odd_hour(people: Cardholders, day: int, cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """One or two payments in the small hours, for what nobody buys then."""
    cases = _bursts(people, day, cards, sizes, rng.uniform(5, 40, len(cards)) * MINUTE_MS, rng)
    first = utc_ms(rng.uniform(0.5, 4.5, len(cards)), people.home[cards])
    since_first = cases.time_ms - cases.time_ms[np.searchsorted(cases.case, cases.case)]
    cases = replace(cases, time_ms=np.minimum(first[cases.case] + since_first, DAY_MS - 1))
    category = _pick(cases, {"electronics": 0.35, "fashion": 0.2, "travel": 0.15, "home": 0.15, "cash": 0.15}, rng)
    amount = _MEDIANS[category] * rng.lognormal(np.log(1.8), 0.6, len(cases))
    amount = round_amounts(billed(people, cases.card, amount), category, rng)
    cash = category == _CODES["cash"]
    channel = np.where(cash, world.ATM, world.ONLINE)
    verification = np.where(cash, world.PIN, _unverified(cases, 0.7, rng))
    country = np.where(cash, cases.place, _shop_countries(cases, 0.6, rng))
    distance = np.round(cases.away_km + rng.lognormal(np.log(40), 1.3, len(cases)), 1)
    return _payments(cases, category, amount, channel, verification, country, distance, rng)


def _drained(people: Cardholders, day: int, cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """The account is emptied by a single payment, at an hour and in a shop like any other."""
    cases = _bursts(people, day, cards, sizes, np.zeros(len(cards)), rng)
    category = _pick(cases, {"electronics": 0.4, "travel": 0.3, "home": 0.15, "fashion": 0.15}, rng)
    cases = replace(cases, time_ms=utc_ms(local_hours(category, rng), people.home[cases.card]))
    euros = people.spending[cases.card] * rng.lognormal(np.log(1300), 0.55, len(cases))
    amount = np.round(billed(people, cases.card, euros), 2)
    online = rng.random(len(cases)) < 0.7
    channel = np.where(online, world.ONLINE, world.CHIP)
    verification = np.where(online, _unverified(cases, 0.5, rng), world.PIN)
    country = np.where(online, _shop_countries(cases, 0.45, rng), cases.place)
    distance = np.round(cases.away_km + rng.lognormal(np.log(10), 1.3, len(cases)), 1)
    return _payments(cases, category, amount, channel, verification, country, distance, rng)


class _Recipe(NamedTuple):
    kind: str
    weight: float  # share of the fraudulent transactions
    payments: tuple[int, int]  # fewest and most per theft
    make: Callable[[Cardholders, int, Ints, Ints, np.random.Generator], Payments]


_RECIPES = (
    _Recipe("card_testing", 0.35, (4, 10), _card_testing),
    _Recipe("spree", 0.35, (4, 9), _spree),
    _Recipe("odd_hour", 0.15, (1, 2), _odd_hour),
    _Recipe("drained", 0.15, (1, 1), _drained),
)

KINDS = tuple(recipe.kind for recipe in _RECIPES)


def _bursts(
    people: Cardholders, day: int, cards: Ints, sizes: Ints, gap_ms: Floats, rng: np.random.Generator
) -> _Cases:
    """`sizes` payments per theft, about `gap_ms` apart, beginning at any moment that lets them end on this day."""
    case = np.repeat(np.arange(len(cards)), sizes)
    gaps = rng.exponential(1.0, len(case)) * gap_ms[case]
    firsts = np.searchsorted(case, np.arange(len(cards)))
    gaps[firsts] = 0
    since_first = np.cumsum(gaps)
    since_first -= since_first[firsts[case]]
    last = np.zeros(len(cards))
    np.maximum.at(last, case, since_first)
    begin = rng.random(len(cards)) * np.maximum(DAY_MS - 1 - last, 0)
    time_ms = np.minimum(begin[case] + since_first, DAY_MS - 1).astype(np.int64)
    place, away_km = whereabouts(people, day)
    return _Cases(cards[case], case, time_ms, place[cards[case]], away_km[cards[case]])


def _pick(cases: _Cases, weights: dict[str, float], rng: np.random.Generator) -> Ints:
    codes = np.array([_CODES[name] for name in weights])
    return codes[rng.choice(len(codes), len(cases), p=world.shares(list(weights.values())))]


def _unverified(cases: _Cases, share: float, rng: np.random.Generator) -> Ints:
    return np.where(rng.random(len(cases)) < share, world.NO_CHECK, world.THREE_DS)


def _shop_countries(cases: _Cases, foreign: float, rng: np.random.Generator) -> Ints:
    abroad = rng.choice(len(world.COUNTRIES), len(cases), p=world.shares([c.shops + 0.02 for c in world.COUNTRIES]))
    return np.where(rng.random(len(cases)) < foreign, abroad, cases.place)


def _payments(
    cases: _Cases,
    category: Ints,
    amount: Floats,
    channel: Ints,
    verification: Ints,
    country: Ints,
    distance_km: Floats,
    rng: np.random.Generator,
) -> Payments:
    shop = rng.integers(0, world.MERCHANTS_PER_CATEGORY, len(cases))
    return Payments(
        card=cases.card,
        time_ms=cases.time_ms,
        category=category,
        amount=amount,
        channel=channel,
        verification=verification,
        country=country,
        merchant=merchant_number(country, category, shop),
        distance_km=distance_km,
        fraud=np.zeros(len(cases), dtype=np.int64),
    )
