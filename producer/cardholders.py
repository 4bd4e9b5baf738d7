"""Who the cardholders are, and what they honestly pay for on one day.

Everything is a function of (seed, day): a day can be made without the days before it, so a stream may start anywhere
and is the same however it is cut into chunks.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from eddy.producer import world
from eddy.producer.world import Floats

Ints = NDArray[np.int64]

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

_DISTANCES = world.distances_km()
_HOURS = world.hour_quantiles()
_UTC_HOURS = np.array([country.utc_hours for country in world.COUNTRIES])
_MEDIANS = np.array([category.median for category in world.CATEGORIES])
_SIGMAS = np.array([category.sigma for category in world.CATEGORIES])
_CHANNELS = np.cumsum([category.channels for category in world.CATEGORIES], axis=1)[:, :3]
_CATEGORY_SHARES = world.shares([category.share for category in world.CATEGORIES])
_VISITS = world.shares([country.visits for country in world.COUNTRIES])
_SHOPS = world.shares([country.shops for country in world.COUNTRIES])
_CASH = world.category_index("cash")


@dataclass(frozen=True)
class Payments:
    """Payments as numbers, not in any order; every array has one entry per payment."""

    card: Ints
    time_ms: Ints  # since the start of the (UTC) day
    category: Ints
    amount: Floats
    channel: Ints
    verification: Ints
    country: Ints
    merchant: Ints
    distance_km: Floats
    fraud: Ints  # 0: honest, else 1 + the index of the kind

    def __len__(self) -> int:
        return len(self.card)

    def take(self, index: NDArray[np.intp]) -> "Payments":
        return Payments(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    @staticmethod
    def join(parts: list["Payments"]) -> "Payments":
        return Payments(
            **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Payments)}
        )


@dataclass(frozen=True)
class Cardholders:
    """The habits of every cardholder; arrays have one entry per card."""

    seed: int
    payments_per_day: Floats
    spending: Floats  # factor on amounts
    hours_late: Floats  # how much later than most people
    radius: Floats  # factor on distances
    pays_by_phone: NDArray[np.bool_]
    journeys: Floats  # share of the weeks spent abroad
    categories: Floats  # cumulative shares, [card, category]

    def __len__(self) -> int:
        return len(self.spending)


def cardholders(seed: int, count: int) -> Cardholders:
    """Draws `count` people. The same seed and count give the same people."""
    rng = np.random.default_rng([seed, 0])
    night_workers = rng.random(count) < 0.02
    tastes = rng.gamma(_CATEGORY_SHARES * 20, size=(count, len(_CATEGORY_SHARES))) + 1e-9
    return Cardholders(
        seed=seed,
        payments_per_day=np.clip(rng.lognormal(np.log(2.0), 0.4, count), 0.5, 5.0),
        spending=rng.lognormal(0.0, 0.3, count),
        hours_late=np.where(night_workers, rng.normal(7, 1.5, count), rng.normal(0, 0.8, count)),
        radius=rng.lognormal(0.0, 0.5, count),
        pays_by_phone=rng.random(count) < 0.45,
        journeys=np.clip(rng.gamma(1.0, 0.003, count), 0, 0.1),
        categories=np.cumsum(tastes / tastes.sum(axis=1, keepdims=True), axis=1),
    )


def expected_payments(people: Cardholders, day: int) -> float:
    """How many honest payments a day has on average; days are counted from 1970-01-01, a Thursday."""
    return float(people.payments_per_day.sum() * world.WEEKDAY_BUSYNESS[(day + 3) % 7])


def honest_day(people: Cardholders, day: int) -> Payments:
    """What everybody honestly pays on one (UTC) day."""
    rng = np.random.default_rng([people.seed, 1, day])
    busyness = world.WEEKDAY_BUSYNESS[(day + 3) % 7]
    card = np.repeat(np.arange(len(people)), rng.poisson(people.payments_per_day * busyness))
    category = (people.categories[card] < rng.random((len(card), 1))).sum(axis=1).clip(max=len(_MEDIANS) - 1)
    amount = _amounts(people, card, category, rng)
    channel = (_CHANNELS[category] < rng.random((len(card), 1))).sum(axis=1)
    channel = np.where((channel == world.CONTACTLESS) & (amount > 50) & ~people.pays_by_phone[card], 0, channel)
    place, away_km = whereabouts(people, day)
    place, away_km = place[card], away_km[card]
    country = _merchant_country(place, channel, rng)
    return Payments(
        card=card,
        time_ms=_times(people, card, category, place, rng),
        category=category,
        amount=amount,
        channel=channel,
        verification=_verification(people, card, channel, amount, rng),
        country=country,
        merchant=_merchants(card, category, country, rng),
        distance_km=_distances(people, card, channel, away_km, rng),
        fraud=np.zeros(len(card), dtype=np.int64),
    )


def whereabouts(people: Cardholders, day: int) -> tuple[Ints, Floats]:
    """In which country each cardholder is in the week of `day`, and how far from home (0: not on a journey)."""
    rng = np.random.default_rng([people.seed, 2, (day + 3) // 7])
    away = rng.random(len(people)) < people.journeys
    country = np.where(away, rng.choice(len(_VISITS), len(people), p=_VISITS), world.HOME)
    distance = _DISTANCES[country] * rng.uniform(0.7, 1.3, len(people)) + rng.uniform(60, 450, len(people))
    return country, np.where(away, distance, 0.0)


def round_amounts(amount: Floats, category: Ints, rng: np.random.Generator) -> Floats:
    """Amounts as prices are: cash in tens, many others ending in 9 or in 0."""
    style = rng.random(len(amount))
    amount = np.where(style < 0.25, np.ceil(amount) - 0.01, np.where(style < 0.4, np.ceil(amount), amount))
    amount = np.where(category == _CASH, np.ceil(amount / 10) * 10, amount)
    return np.maximum(amount, 0.5).round(2)


def utc_ms(local_hour: Floats, place: Ints) -> Ints:
    """A local hour of the day as milliseconds of the UTC day; what falls before or after the day wraps around."""
    time_ms: Ints = ((local_hour - _UTC_HOURS[place]) * HOUR_MS).astype(np.int64) % DAY_MS
    return time_ms


def local_hours(category: Ints, rng: np.random.Generator) -> Floats:
    """At what local hours most people pay for these categories."""
    at = rng.random(len(category)) * (_HOURS.shape[1] - 1)
    below = at.astype(np.int64)
    low, high = _HOURS[category, below], _HOURS[category, below + 1]
    hours: Floats = low + (high - low) * (at - below)
    return hours


def _times(people: Cardholders, card: Ints, category: Ints, place: Ints, rng: np.random.Generator) -> Ints:
    return utc_ms(local_hours(category, rng) + people.hours_late[card], place)


def _amounts(people: Cardholders, card: Ints, category: Ints, rng: np.random.Generator) -> Floats:
    euros = _MEDIANS[category] * np.exp(_SIGMAS[category] * rng.standard_normal(len(card))) * people.spending[card]
    return round_amounts(euros, category, rng)


def _verification(
    people: Cardholders, card: Ints, channel: Ints, amount: Floats, rng: np.random.Generator
) -> NDArray[np.int64]:
    three_ds = rng.random(len(card)) < np.where(amount > 30, 0.96, 0.4)
    without_pin = np.where(people.pays_by_phone[card], world.DEVICE, world.NO_CHECK)
    online = np.where(three_ds, world.THREE_DS, world.NO_CHECK)
    return np.select([channel == world.CONTACTLESS, channel == world.ONLINE], [without_pin, online], world.PIN)


def _merchant_country(place: Ints, channel: Ints, rng: np.random.Generator) -> Ints:
    foreign = (channel == world.ONLINE) & (rng.random(len(place)) < 0.3)
    country = place.copy()
    country[foreign] = rng.choice(len(_SHOPS), int(foreign.sum()), p=_SHOPS)
    return country


def _merchants(card: Ints, category: Ints, country: Ints, rng: np.random.Generator) -> Ints:
    """Two times in three one of the card's three usual shops of the category, else any."""
    usual = (card * 7919 + category * 104_729 + rng.integers(0, 3, len(card)) * 31) % world.MERCHANTS_PER_CATEGORY
    any_shop = rng.integers(0, world.MERCHANTS_PER_CATEGORY, len(card))
    return merchant_number(country, category, np.where(rng.random(len(card)) < 2 / 3, usual, any_shop))


def merchant_number(country: Ints, category: Ints, shop: Ints) -> Ints:
    return (country * len(world.CATEGORIES) + category) * world.MERCHANTS_PER_CATEGORY + shop


def _distances(
    people: Cardholders, card: Ints, channel: Ints, away_km: Floats, rng: np.random.Generator
) -> NDArray[np.float64]:
    """From home to the terminal, or online to where the device seems to be (one in 1,000 seems far away)."""
    nearby = np.where(channel == world.ONLINE, 1.2, 4.0) * np.exp(rng.standard_normal(len(card)))
    hidden = (channel == world.ONLINE) & (rng.random(len(card)) < 1 / 1000)
    detour = np.where(hidden, rng.uniform(200, 3000, len(card)), 0.0)
    return (nearby * people.radius[card] + away_km + detour).round(1)
