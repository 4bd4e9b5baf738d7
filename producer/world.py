"""The world that synthetic cardholders live in: where one can pay, for what, when, how and how much.

Plain tables, so that a reader can see (and change) what the stream is made of. Nothing here is random.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHANNELS = ("chip", "contactless", "online", "atm")
CHIP, CONTACTLESS, ONLINE, ATM = range(4)

VERIFICATIONS = ("none", "pin", "device", "3ds")
NO_CHECK, PIN, DEVICE, THREE_DS = range(4)


class Country(NamedTuple):
    """A country as the cards see it; weights are relative shares. `utc_hours` ignores summer time."""

    code: str
    latitude: float
    longitude: float
    utc_hours: int
    visits: float  # of the journeys abroad
    shops: float  # of the foreign online shops


# The cards are those of one German bank: the first country is home, and amounts are in euros.
COUNTRIES = (
    Country("DE", 51.0, 10.0, 1, 0.0, 0.0),
    Country("FR", 47.0, 2.0, 1, 0.16, 0.07),
    Country("IT", 42.8, 12.5, 1, 0.18, 0.05),
    Country("ES", 40.0, -4.0, 1, 0.18, 0.05),
    Country("NL", 52.1, 5.5, 1, 0.10, 0.20),
    Country("AT", 47.5, 14.5, 1, 0.20, 0.12),
    Country("GB", 52.5, -1.5, 0, 0.07, 0.14),
    Country("GR", 39.0, 22.0, 2, 0.05, 0.01),
    Country("IE", 53.2, -8.0, 0, 0.01, 0.20),
    Country("US", 40.0, -90.0, -6, 0.02, 0.14),
    Country("TH", 14.0, 101.0, 7, 0.02, 0.01),
    Country("BR", -15.0, -48.0, -3, 0.01, 0.01),
)
HOME = 0
CURRENCY = "EUR"


class Category(NamedTuple):
    """Something that people pay for.

    `share` of all payments; amounts are log-normal around `median` euros with `sigma`; `hours` are peaks of the local
    day as (hour, width, weight); `channels` are the shares of chip, contactless, online, atm.
    """

    name: str
    share: float
    median: float
    sigma: float
    hours: tuple[tuple[float, float, float], ...]
    channels: tuple[float, float, float, float]


CATEGORIES = (
    Category("grocery", 0.26, 26, 0.65, ((10.5, 2.0, 0.4), (17.8, 2.0, 0.6)), (0.35, 0.60, 0.05, 0)),
    Category("restaurant", 0.16, 22, 0.60, ((12.8, 1.0, 0.45), (19.8, 1.5, 0.55)), (0.35, 0.60, 0.05, 0)),
    Category("transport", 0.12, 7, 0.60, ((8.0, 1.1, 0.45), (17.5, 1.6, 0.4), (22, 1.6, 0.15)), (0.05, 0.60, 0.35, 0)),
    Category("fuel", 0.07, 52, 0.35, ((8.0, 1.5, 0.35), (17.5, 2.2, 0.65)), (0.60, 0.40, 0, 0)),
    Category("fashion", 0.06, 55, 0.60, ((14.5, 2.4, 0.65), (20.5, 1.6, 0.35)), (0.30, 0.25, 0.45, 0)),
    Category("electronics", 0.03, 110, 0.75, ((14.5, 2.6, 0.6), (20.5, 1.8, 0.4)), (0.35, 0.10, 0.55, 0)),
    Category("pharmacy", 0.05, 16, 0.60, ((11.0, 1.8, 0.55), (16.5, 1.8, 0.45)), (0.30, 0.65, 0.05, 0)),
    Category("entertainment", 0.05, 25, 0.60, ((20.0, 2.2, 0.75), (15, 2.0, 0.25)), (0.20, 0.40, 0.40, 0)),
    Category("digital", 0.11, 8, 0.60, ((13.0, 4.0, 0.5), (21.0, 2.0, 0.5)), (0, 0, 1, 0)),
    Category("home", 0.04, 60, 0.75, ((11.0, 2.4, 0.5), (16.0, 2.4, 0.5)), (0.45, 0.25, 0.30, 0)),
    Category("travel", 0.02, 180, 0.65, ((11.0, 3.0, 0.5), (20.5, 2.0, 0.5)), (0.20, 0, 0.80, 0)),
    Category("cash", 0.03, 80, 0.50, ((12.0, 2.8, 0.5), (18.0, 2.6, 0.5)), (0, 0, 0, 1)),
)

CATEGORY_NAMES = tuple(category.name for category in CATEGORIES)
COUNTRY_CODES = tuple(country.code for country in COUNTRIES)

# Fridays and Saturdays are busy, Sundays are quiet; Monday first.
WEEKDAY_BUSYNESS = np.array([0.95, 0.95, 0.98, 1.02, 1.15, 1.15, 0.80])

# What nobody's habits explain: this share of every category's payments falls on any hour.
ANY_HOUR = 0.01

MERCHANTS_PER_CATEGORY = 40


def category_index(name: str) -> int:
    return CATEGORY_NAMES.index(name)


def shares(weights: list[float]) -> Floats:
    """Weights as probabilities that add up to one."""
    values: Floats = np.array(weights, dtype=np.float64) / sum(weights)
    return values


def distances_km() -> Floats:
    """Great-circle distances from home to the middles of all countries."""
    latitude = np.radians([country.latitude for country in COUNTRIES])
    longitude = np.radians([country.longitude for country in COUNTRIES])
    half_chord = (
        np.sin((latitude - latitude[HOME]) / 2) ** 2
        + np.cos(latitude) * np.cos(latitude[HOME]) * np.sin((longitude - longitude[HOME]) / 2) ** 2
    )
    distance: Floats = 2 * 6371.0 * np.arcsin(np.sqrt(half_chord))
    return distance


def hour_quantiles(steps: int = 1024) -> Floats:
    """The local hour below which each share of a category's payments falls, [category, steps + 1]."""
    hours = np.linspace(0, 24, 24 * 12 + 1)
    return np.stack([_quantiles(_hour_density(category, hours), hours, steps) for category in CATEGORIES])


def _hour_density(category: Category, hours: Floats) -> Floats:
    density = np.full(hours.shape, ANY_HOUR / 24)
    for peak, width, weight in category.hours:
        for turn in (-24, 0, 24):
            bell = np.exp(-0.5 * ((hours - peak + turn) / width) ** 2) / (width * np.sqrt(2 * np.pi))
            density += (1 - ANY_HOUR) * weight * bell
    return density


def _quantiles(density: Floats, hours: Floats, steps: int) -> Floats:
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(np.linspace(0, 1, steps + 1), cumulative / cumulative[-1], hours)
