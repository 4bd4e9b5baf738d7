"""Models put together from networks that have learned nothing: what is tested is what is learned afterwards."""

from dataclasses import replace

import numpy as np
import pytest

from eddy.model.config import TrainingConfig
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.training.assemble import Assembled, assemble
from eddy.model.training.fit_calibration import calibrate
from eddy.model.training.preprocessing import Preprocessed, fit_preprocessing


def nothing(u: np.ndarray) -> np.ndarray:
    """What a network makes of its input that always gives zeros."""
    return np.zeros((1, *u.shape), np.float32)


def numbers(rows: int, width: int, seed: int) -> Columns:
    values = np.random.default_rng(seed).normal(size=(rows, width))
    return Columns(values, np.empty((rows, 0), np.object_), np.empty((rows, 0)))


def preprocessed(rows: int, width: int, seed: int) -> Preprocessed:
    schema = TransactionSchema(tuple(Field(f"n{place}", Kind.NUMERIC) for place in range(width)))
    columns, learned = numbers(rows, width, seed), np.arange(rows) % 5 != 0
    parts = columns[np.flatnonzero(learned)], columns[np.flatnonzero(~learned)]
    return fit_preprocessing(*parts, schema, TrainingConfig(seed=seed))


def rates(assembled: Assembled, scores: np.ndarray, fresh: Columns) -> float:
    """The share of new rows above a threshold for 1 in 100."""
    return float((assembled.model.score(fresh, nothing) >= calibrate(scores).score_at(0.01)).mean())


@pytest.mark.parametrize("width", [40, 120])
def test_a_threshold_by_few_rows_flags_about_as_many_new_ones_as_asked(width: int) -> None:
    """Whitening fitted to the very rows that the threshold is learned from makes it too low."""
    found = []
    for seed in range(4):
        prepared = preprocessed(1_500, width, seed)
        assembled, fresh = assemble(prepared, nothing), numbers(2_000, width, seed + 100)
        assert assembled.cross_fitted is not None
        naive = assembled.model.score(prepared.held_out, nothing)
        found.append((rates(assembled, assembled.cross_fitted, fresh), rates(assembled, naive, fresh)))
    fitted, naive_rate = np.median(found, axis=0)
    assert 0.01 / 2.5 <= fitted <= 0.01 * 2.5
    assert fitted < naive_rate


def test_with_rows_enough_nothing_is_cross_fitted() -> None:
    assert assemble(preprocessed(3_000, 4, 0), nothing).cross_fitted is None


def test_only_the_default_combines_and_raises_an_alarm() -> None:
    prepared = preprocessed(1_000, 4, 0)
    far = numbers(1, 4, 1)
    far.numeric[0, 2] = 1e9
    combined = assemble(prepared, nothing).model
    assert combined.combination is not None
    usual = combined.score(prepared.held_out, nothing)
    assert combined.score(far, nothing)[0] > 2 * usual.max()
    balanced = assemble(replace(prepared, config=replace(prepared.config, parts="balanced")), nothing).model
    assert balanced.combination is None
