"""Four kinds of card fraud, each labelled; none shows in every transaction.

Like honest days, a day of frauds is a function of (seed, day) alone. A fraud begins and ends on the same UTC day.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eddy.producer import world
from eddy.producer.cardholders import (
    DAY_MS,
    Cardholders,
    Ints,
    Payments,
    expected_payments,
    local_hours,
    merchant_number,
    round_amounts,
    utc_ms,
)
from eddy.producer.world import Floats

MINUTE_MS = 60_000
_DISTANCES = world.distances_km()
_CASH = world.category_index("cash")
_MEDIANS = np.array([category.median for category in world.CATEGORIES])


@dataclass(frozen=True)
class _Cases:
    """The payments of some thefts: with which card, in which theft, when."""

    card: Ints
    case: Ints
    time_ms: Ints
    count: int  # of thefts

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
    return Payments.join([_thefts(kind, people, wanted, rng) for kind in range(len(KINDS))])


def _thefts(kind: int, people: Cardholders, wanted: float, rng: np.random.Generator) -> Payments:
    recipe = _RECIPES[kind]
    low, high = recipe.payments
    thefts = rng.poisson(wanted * recipe.weight / ((low + high) / 2))
    sizes = rng.integers(low, high + 1, thefts)
    cards = rng.integers(0, len(people), thefts)
    return replace(recipe.make(cards, sizes, rng), fraud=np.full(sizes.sum(), kind + 1))


def _card_testing(cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """Stolen numbers are tried with small online payments, minutes apart, before they are sold."""
    cases = _bursts(cards, sizes, rng.uniform(0.5, 5, len(cards)) * MINUTE_MS, rng)
    category = _pick(cases, {"digital": 0.6, "entertainment": 0.15, "transport": 0.15, "grocery": 0.1}, rng)
    amount = rng.lognormal(np.log(1.2), 0.4, len(cases)).clip(0.5, 5).round(2)
    country = _shop_countries(cases, 0.6, rng)
    return _online(cases, category, amount, country, _devices(cases, 0.9, rng), rng, unverified=1.0)


def _spree(cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """A stolen card is used up in shops within hours: below the contactless limit, or with the PIN that was watched."""
    cases = _bursts(cards, sizes, rng.uniform(6, 35, len(cards)) * MINUTE_MS, rng)
    category = _pick(cases, {"electronics": 0.35, "fashion": 0.2, "cash": 0.2, "grocery": 0.15, "fuel": 0.1}, rng)
    knows_pin = (rng.random(len(cards)) < 0.7)[cases.case]
    category = np.where(~knows_pin & (category == _CASH), world.category_index("fuel"), category)
    dear = _MEDIANS[category] * rng.lognormal(np.log(5), 0.5, len(cases))
    amount = round_amounts(np.where(knows_pin, dear, rng.uniform(25, 50, len(cases))), category, rng)
    channel = np.where(category == _CASH, world.ATM, np.where(knows_pin, world.CHIP, world.CONTACTLESS))
    country, distance_km = _fraudsters_places(cases, rng)
    verification = np.where(knows_pin, world.PIN, world.NO_CHECK)
    return _payments(cases, category, amount, channel, verification, country, distance_km, rng)


def _odd_hour(cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """One or two online payments in the small hours, for what nobody buys then."""
    cases = _bursts(cards, sizes, np.zeros(len(cards)), rng)
    cases = replace(cases, time_ms=utc_ms(rng.uniform(1.5, 4.5, len(cases)), np.full(len(cases), world.HOME)))
    category = _pick(cases, {"electronics": 0.35, "fashion": 0.25, "travel": 0.2, "home": 0.2}, rng)
    amount = round_amounts(_MEDIANS[category] * rng.lognormal(np.log(2), 0.5, len(cases)), category, rng)
    country = _shop_countries(cases, 0.6, rng)
    return _online(cases, category, amount, country, _devices(cases, 0.75, rng), rng, unverified=0.9)


def _drained(cards: Ints, sizes: Ints, rng: np.random.Generator) -> Payments:
    """The account is emptied by a single payment, at an hour and in a shop like any other."""
    cases = _bursts(cards, sizes, np.zeros(len(cards)), rng)
    category = _pick(cases, {"electronics": 0.4, "travel": 0.3, "home": 0.15, "fashion": 0.15}, rng)
    cases = replace(cases, time_ms=utc_ms(local_hours(category, rng), np.full(len(cases), world.HOME)))
    amount = rng.lognormal(np.log(2200), 0.5, len(cases)).round(2)
    country = _shop_countries(cases, 0.5, rng)
    return _online(cases, category, amount, country, _devices(cases, 0.4, rng), rng, unverified=0.6)


class _Recipe(NamedTuple):
    kind: str
    weight: float  # share of the fraudulent transactions
    payments: tuple[int, int]  # fewest and most per theft
    make: Callable[[Ints, Ints, np.random.Generator], Payments]


_RECIPES = (
    _Recipe("card_testing", 0.35, (8, 20), _card_testing),
    _Recipe("spree", 0.30, (4, 9), _spree),
    _Recipe("odd_hour", 0.15, (1, 2), _odd_hour),
    _Recipe("drained", 0.20, (1, 1), _drained),
)

KINDS = tuple(recipe.kind for recipe in _RECIPES)


def _bursts(cards: Ints, sizes: Ints, gap_ms: Floats, rng: np.random.Generator) -> _Cases:
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
    return _Cases(cards[case], case, time_ms, len(cards))


def _pick(cases: _Cases, weights: dict[str, float], rng: np.random.Generator) -> Ints:
    codes = np.array([world.category_index(name) for name in weights])
    return codes[rng.choice(len(codes), len(cases), p=world.shares(list(weights.values())))]


def _shop_countries(cases: _Cases, foreign: float, rng: np.random.Generator) -> Ints:
    abroad = rng.choice(len(world.COUNTRIES), len(cases), p=world.shares([c.shops + 0.02 for c in world.COUNTRIES]))
    return np.where(rng.random(len(cases)) < foreign, abroad, world.HOME)


def _devices(cases: _Cases, far: float, rng: np.random.Generator) -> Floats:
    """How far from home the fraudsters' devices seem to be: one device per fraud, some behind a proxy nearby."""
    distance = np.where(
        rng.random(cases.count) < far, rng.uniform(400, 8000, cases.count), rng.lognormal(np.log(15), 1.0, cases.count)
    )
    return distance[cases.case].round(1)


def _fraudsters_places(cases: _Cases, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """In which country a stolen card is used, three times in five abroad, and how far from home."""
    visits = world.shares([country.visits for country in world.COUNTRIES])
    abroad = rng.random(cases.count) < 0.6
    country = np.where(abroad, rng.choice(len(visits), cases.count, p=visits), world.HOME)
    moved = rng.lognormal(np.log(120), 0.7, cases.count) + np.where(abroad, _DISTANCES[country], 0)
    distance = moved[cases.case] + rng.lognormal(np.log(4), 0.8, len(cases))
    return country[cases.case], distance.round(1)


def _online(
    cases: _Cases,
    category: Ints,
    amount: Floats,
    country: Ints,
    distance_km: Floats,
    rng: np.random.Generator,
    unverified: float,
) -> Payments:
    channel = np.full(len(cases), world.ONLINE)
    verification = np.where(rng.random(len(cases)) < unverified, world.NO_CHECK, world.THREE_DS)
    return _payments(cases, category, amount, channel, verification, country, distance_km, rng)


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
