import numpy as np
import pytest

from model import features, whitening
from model.columns import Columns
from model.schema import Field, Kind, TransactionSchema


def numbers(*columns: list[float]) -> tuple[Columns, TransactionSchema]:
    values = np.array(columns, float).T
    schema = TransactionSchema(tuple(Field(f"n{place}", Kind.NUMERIC) for place in range(values.shape[1])))
    return Columns(values, np.empty((len(values), 0), object), np.empty((len(values), 0))), schema


def levels(*names: str) -> tuple[Columns, TransactionSchema]:
    schema = TransactionSchema((Field("level", Kind.CATEGORICAL),))
    column = np.array(names, object)[:, None]
    return Columns(np.empty((len(names), 0)), column, np.empty((len(names), 0))), schema


def test_encoded_numbers_decode_to_what_they_were(columns: Columns, schema: TransactionSchema) -> None:
    encoder = features.fit(columns, schema)
    decoded = encoder.decode(encoder.encode(columns))
    filled = np.where(np.isnan(columns.numeric), encoder.numbers.fill, columns.numeric)
    np.testing.assert_allclose(decoded[:, :3], filled, rtol=1e-9)
    np.testing.assert_allclose(decoded[:, 5], columns.timestamp[:, 0] / 3_600 % 24, atol=1e-6)


def test_a_missing_number_is_taken_for_the_median() -> None:
    columns, schema = numbers([1.0, 2.0, 3.0, 4.0, np.nan])
    z = features.fit(columns, schema).encode(columns)
    assert z[4, 0] == 0.0


def test_heavy_tails_and_the_amount_are_logarithmic_others_are_not() -> None:
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(50, 5, 1_000), rng.lognormal(3, 1.5, 1_000), rng.normal(50, 5, 1_000)])
    schema = TransactionSchema(
        (Field("even", Kind.NUMERIC), Field("heavy", Kind.NUMERIC), Field("paid", Kind.NUMERIC, role="amount"))
    )
    none = np.empty((1_000, 0))
    encoder = features.fit(Columns(values, none.astype(object), none), schema)
    assert encoder.numbers.heavy.tolist() == [False, True, True]


@pytest.mark.parametrize("column", [[5.0] * 20, [0.0] * 19 + [1.0], [0.0] * 20])
def test_a_column_that_hardly_varies_stays_finite(column: list[float]) -> None:
    columns, schema = numbers(column, list(range(20)))
    encoder = features.fit(columns, schema)
    assert np.isfinite(encoder.encode(columns)).all()
    assert np.isfinite(encoder.numbers.encode(np.array([[7.0, 7.0]]))).all()


def test_rare_levels_are_farther_out_than_usual_ones_and_unseen_ones_farthest() -> None:
    columns, schema = levels(*["usual"] * 90, *["rare"] * 10)
    encoder = features.fit(columns, schema)
    z = encoder.categories.encode(np.array([["usual"], ["rare"], ["unseen"]], object))[:, 0]
    assert z[0] < z[1] < z[2]
    assert encoder.categories.usual == ("usual",)


def test_whitened_rows_have_spread_one_and_no_correlation() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20_000, 3)) @ np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]]) + 7.0
    fitted = whitening.fit(values, values.std(axis=0))
    white = fitted.apply(values)
    # 2 % of the rows were left out and correlations shrunk by as much, so a little more than one.
    np.testing.assert_allclose(np.cov(white.T), np.eye(3), atol=0.15)
    np.testing.assert_allclose(white @ fitted.inverse + fitted.center, values, rtol=1e-9)


def test_a_few_frauds_among_the_rows_do_not_bend_the_whitening() -> None:
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(5_000, 4))
    fraud = np.full((50, 4), 15.0) + rng.normal(size=(50, 4))
    alone, together = (whitening.fit(rows, np.ones(4)) for rows in (clean, np.vstack([clean, fraud])))
    np.testing.assert_allclose(together.apply(fraud), alone.apply(fraud), rtol=0.1)


def test_constant_columns_can_be_whitened() -> None:
    values = np.column_stack([np.zeros(100), np.arange(100.0)])
    assert np.isfinite(whitening.fit(values, np.array([1.0, 30.0])).apply(values)).all()
