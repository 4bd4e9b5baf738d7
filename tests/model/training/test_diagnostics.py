"""What training leaves behind for its report stands for all held-out rows."""

import numpy as np

from eddy.model.features.encoder import Categories
from eddy.model.schema.schema import Columns
from eddy.model.training.diagnostics import evenly_sampled, unseen_levels


def columns(rows: int) -> Columns:
    levels = np.array([["grocery", "DE"], ["fuel", "XX"], ["casino", "DE"], ["", "DE"]], object)
    return Columns(np.arange(rows, dtype=np.float64)[:, None], np.resize(levels, (rows, 2)), np.empty((rows, 0)))


def test_a_sample_of_rows_reaches_from_the_first_to_the_last() -> None:
    some = evenly_sampled(columns(1_000), 10)
    assert some.numeric[[0, -1], 0].tolist() == [0.0, 999.0]
    assert len(some) == 10
    assert len(evenly_sampled(columns(4), 10)) == 4
    assert len(evenly_sampled(columns(0), 10)) == 0


def test_levels_that_no_training_row_has_are_counted_by_column() -> None:
    known = Categories(np.array([0]), ({"grocery": 0.1, "fuel": 2.0, "": 3.0},), np.array([9.0]), np.array([False]))
    assert unseen_levels(known, columns(8)) == {0: 0.25}
