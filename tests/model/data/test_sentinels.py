"""Numbers that stand for "missing" are found, and numbers that only look like them are not."""

from collections.abc import Callable

import numpy as np
import pytest

from eddy.model.data.sentinels import Sentinel, find, remedy, suggestion
from eddy.model.schema.schema import Field, Kind, TransactionSchema

Make = Callable[[np.random.Generator, int], np.ndarray]

COLUMNS: dict[str, Make] = {
    "balance": lambda rng, n: rng.normal(5_000, 300, n).round(2),
    "amount": lambda rng, n: rng.lognormal(3, 1, n).round(2),
    "days since": lambda rng, n: rng.integers(0, 400, n),
    "count": lambda rng, n: rng.poisson(2, n),
    "rare count": lambda rng, n: rng.poisson(0.5, n),
    "ratio": lambda rng, n: rng.lognormal(0, 0.3, n).round(3),
    "score": lambda rng, n: rng.integers(1, 101, n),
}


@pytest.mark.parametrize("rows", [2_000, 20_000])
@pytest.mark.parametrize("share", [0.004, 0.02])
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("value", [-999_999_999.0, -1.0, 9_999.0, -9_999.0, 2.0**31 - 1])
def test_a_number_outside_all_others_that_people_write_for_missing_is_found(
    column: str, value: float, share: float, rows: int
) -> None:
    numbers = COLUMNS[column](np.random.default_rng(0), rows).astype(float)
    numbers[: int(share * rows)] = value
    assert find(numbers) == (Sentinel(value, int(share * rows), rows),)


LEGITIMATE: dict[str, Make] = COLUMNS | {
    "balance with both signs": lambda rng, n: rng.normal(100, 300, n).round(2),
    "whole balance with both signs": lambda rng, n: rng.normal(0, 5, n).round(),
    "bell that ends at -1": lambda rng, n: rng.normal(2, 1, n).round(),
    "direction": lambda rng, n: rng.choice([-1, 0, 1], n, p=[0.02, 0.49, 0.49]),
    "truth as 0 and -1": lambda rng, n: np.where(rng.random(n) < 0.01, -1, 0),
    "few codes": lambda rng, n: rng.choice([-1, 0, 1, 2], n, p=[0.02, 0.5, 0.3, 0.18]),
    "rounded prices": lambda rng, n: rng.choice([99, 199, 499, 999, 1999, 4999, 9999], n),
    "one rounded price": lambda rng, n: rng.choice([99, 199, 499, 999, 9999], n, p=[0.5, 0.3, 0.1, 0.09, 0.01]),
    "prices that end in .99": lambda rng, n: rng.lognormal(3, 2, n).round() + 0.99,
    "codes of four digits": lambda rng, n: rng.integers(0, 10_000, n),
    "limited to 9999": lambda rng, n: np.minimum(rng.lognormal(8, 1, n).round(), 9_999),
    "rarely zero": lambda rng, n: np.where(rng.random(n) < 0.01, 0, rng.normal(1_000, 30, n).round(2)),
    "mostly zero": lambda rng, n: np.where(rng.random(n) < 0.97, 0, rng.exponential(100, n).round(2)),
    "one mode": lambda rng, n: np.where(rng.random(n) < 0.99, 5, rng.integers(0, 12, n)),
    "mostly -1": lambda rng, n: np.where(rng.random(n) < 0.9, -1, rng.integers(0, 400, n)),
    "heavy tail": lambda rng, n: (rng.pareto(1, n) * 10).round(2),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n).round(),
    "prices that end in 9, one of them large": lambda rng, n: np.r_[
        10 * rng.lognormal(3, 1, n - 5).round() + 9, [9_999] * 5
    ],
    "one large amount": lambda rng, n: np.r_[rng.lognormal(3, 1, n - 1), 1e7],
}


@pytest.mark.parametrize("rows", [500, 4_000, 40_000])
@pytest.mark.parametrize("column", LEGITIMATE)
def test_nothing_is_found_in_columns_that_mean_what_they_say(column: str, rows: int) -> None:
    for seed in range(5):
        assert find(LEGITIMATE[column](np.random.default_rng(seed), rows).astype(float)) == ()


def test_several_are_found_the_far_one_first() -> None:
    numbers = COLUMNS["days since"](np.random.default_rng(0), 1_000).astype(float)
    numbers[:10], numbers[10:30], numbers[40] = -999_999_999, -1, np.nan
    assert find(numbers) == (Sentinel(-999_999_999, 10, 1_000), Sentinel(-1, 20, 1_000))


def test_what_to_write_can_be_put_into_a_schema_file() -> None:
    field, seen = Field("days since", Kind.NUMERIC), (Sentinel(-1.0, 20, 1_000),)
    line = suggestion(field, seen)
    assert line.endswith("# if -1 (20 rows) stands for a missing value")
    read = TransactionSchema.from_toml(f"[fields]\n{line}\n").fields[0]
    assert (read.missing, read.nullable) == ((-1.0,), True)
    assert line.split("  #")[0] in remedy(field, [-1.0])
