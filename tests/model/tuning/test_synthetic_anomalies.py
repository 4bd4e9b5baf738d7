from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from eddy.model.data.conversion import columns_of
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.tuning.synthetic_anomalies import FEWEST, KINDS, inject

MakeTable = Callable[..., pd.DataFrame]


def changed(columns: Columns, made: Columns, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many cells of each made row are not those of the row that it was made from."""
    was = columns[rows]
    numbers = (made.numeric != was.numeric) & ~(np.isnan(made.numeric) & np.isnan(was.numeric))
    return np.hstack([numbers, made.categorical != was.categorical, made.timestamp != was.timestamp]).sum(axis=1)


def test_every_kind_is_made_and_every_row_differs_from_the_one_that_it_was_made_from(columns: Columns) -> None:
    made = inject(columns, seed=1)
    assert made.keys() == KINDS.keys()
    for kind, (rows, origins) in made.items():
        assert len(rows) == len(origins) >= FEWEST
        assert (changed(columns, rows, origins) > 0).all(), kind


def test_kinds_differ_in_strength(columns: Columns) -> None:
    most = {kind: changed(columns, *made).max() for kind, made in inject(columns, seed=1).items()}
    assert most["one column swapped"] == most["one number far out"] == most["one rare level"] == 1
    assert most["two or three columns swapped"] == 3


def test_the_same_seed_makes_the_same_rows_and_another_seed_others(columns: Columns) -> None:
    first, again, other = (inject(columns, seed) for seed in (1, 1, 2))
    for kind in KINDS:
        np.testing.assert_array_equal(first[kind][0].numeric, again[kind][0].numeric)
        np.testing.assert_array_equal(first[kind][0].categorical, again[kind][0].categorical)
        assert not np.array_equal(first[kind][1], other[kind][1])


def test_the_rows_that_they_are_made_from_stay_as_they_are(columns: Columns) -> None:
    before = columns.numeric.copy(), columns.categorical.copy(), columns.timestamp.copy()
    inject(columns, seed=1)
    np.testing.assert_array_equal(before[0], columns.numeric)
    np.testing.assert_array_equal(before[1], columns.categorical)
    np.testing.assert_array_equal(before[2], columns.timestamp)


def test_swapped_values_are_values_of_that_column(columns: Columns) -> None:
    rows, _ = inject(columns, seed=1)["half of the columns swapped"]
    for made, real in zip(rows.numeric.T, columns.numeric.T, strict=True):
        assert np.isin(made[~np.isnan(made)], real).all()


def test_a_number_far_out_is_as_far_as_the_most_extreme_of_hundreds(columns: Columns) -> None:
    rows, origins = inject(columns, seed=1)["one number far out"]
    moved = (rows.numeric != columns.numeric[origins]) & ~np.isnan(rows.numeric)
    for made, here, real in zip(rows.numeric.T, moved.T, columns.numeric.T, strict=True):
        middle = np.nanmedian(real)
        low, high = np.nanquantile(real, (0.001, 0.999))
        reach = (made[here] - middle) / np.where(made[here] > middle, high - middle, middle - low)
        assert (np.abs(reach) > 0.79).all()


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ((Field("amount", Kind.NUMERIC),), {"one number far out"}),
        ((Field("shop", Kind.CATEGORICAL),), {"one rare level"}),
        (
            (Field("amount", Kind.NUMERIC), Field("distance_km", Kind.NUMERIC, nullable=True)),
            set(KINDS) - {"one rare level"},
        ),
    ],
)
def test_what_the_columns_do_not_allow_is_left_out(
    make_table: MakeTable, fields: tuple[Field, ...], left: set[str]
) -> None:
    assert inject(columns_of(make_table(1_000), TransactionSchema(fields)), seed=0).keys() == left
