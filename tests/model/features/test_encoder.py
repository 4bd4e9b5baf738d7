import numpy as np
import pytest

from eddy.model.components import whitening
from eddy.model.config import ConfigError
from eddy.model.features import fit
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema


def numbers(*columns: list[float]) -> tuple[Columns, TransactionSchema]:
    values = np.array(columns, float).T
    schema = TransactionSchema(tuple(Field(f"n{place}", Kind.NUMERIC) for place in range(values.shape[1])))
    return Columns(values, np.empty((len(values), 0), object), np.empty((len(values), 0))), schema


def levels(*names: str) -> tuple[Columns, TransactionSchema]:
    schema = TransactionSchema((Field("level", Kind.CATEGORICAL),))
    column = np.array(names, object)[:, None]
    return Columns(np.empty((len(names), 0)), column, np.empty((len(names), 0))), schema


def test_amounts_become_logarithms_and_other_numbers_stay(columns: Columns, schema: TransactionSchema) -> None:
    encoded = fit.fit(columns, schema).numbers.encode(columns)
    amount, others = columns.numeric[:, 0], columns.numeric[:, 1:]
    np.testing.assert_allclose(np.expm1(encoded[:, 0]) * np.abs(amount).mean(), amount, rtol=1e-9)
    np.testing.assert_array_equal(encoded[:, 1:][~np.isnan(others)], others[~np.isnan(others)])


def test_a_missing_number_is_taken_for_the_median_and_counts_by_how_rare_that_is() -> None:
    lacking_one, lacking_none = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, np.nan], list(range(10))
    columns, schema = numbers(lacking_one, lacking_none)
    encoder = fit.fit(columns, schema)
    assert encoder.raw(columns)[9, 0] == 5.0
    lacking = encoder.lacking(Columns(np.full((1, 2), np.nan), columns.categorical[:1], columns.timestamp[:1]))
    assert lacking[0, 1] > lacking[0, 0] == pytest.approx(-np.log(1.5 / 11))
    assert not encoder.lacking(columns)[:9].any()


def test_a_category_that_is_rarely_missing_is_taken_for_the_usual_level_and_counts_by_how_rare_that_is() -> None:
    columns, schema = levels(*["grocery"] * 60, *["fuel"] * 39, "")
    encoder = fit.fit(columns, schema)
    assert encoder.raw(columns)[-1] == encoder.raw(columns)[0] < encoder.raw(columns)[60]
    assert encoder.lacking(columns)[-1] == pytest.approx(-np.log(1.5 / 101))
    assert not encoder.lacking(columns)[:-1].any()


def test_a_category_that_was_never_missing_counts_most_where_it_is() -> None:
    learned, schema = levels(*["grocery"] * 60, *["fuel"] * 40)
    lacking, _ = levels("")
    assert fit.fit(learned, schema).lacking(lacking)[0] == pytest.approx(-2 * np.log(0.5 / 101))


def test_a_category_that_is_often_missing_has_one_level_more() -> None:
    columns, schema = levels(*["grocery"] * 60, *["fuel"] * 30, *[""] * 10)
    encoder = fit.fit(columns, schema)
    assert encoder.raw(columns)[-1] > encoder.raw(columns)[60] > encoder.raw(columns)[0]
    assert not encoder.lacking(columns).any()


def test_a_number_that_seems_to_stand_for_a_missing_one_counts_as_missing_unless_the_schema_says_otherwise() -> None:
    values = np.random.default_rng(0).normal(1_000, 30, 1_000)
    values[:10], values[10:20] = -999_999_999, np.nan
    columns, schema = numbers(values.tolist())
    encoder = fit.fit(columns, schema)
    assert encoder.scale[0] == pytest.approx(30, rel=0.1)
    np.testing.assert_array_equal(encoder.encode(columns)[:10], encoder.encode(columns)[10:20])
    np.testing.assert_array_equal(encoder.lacking(columns)[:20], encoder.absent[0])
    assert encoder.absent[0] == pytest.approx(-np.log(20.5 / 1_001))
    kept = fit.fit(columns, TransactionSchema((Field("n0", Kind.NUMERIC, missing=()),)))
    assert not kept.aside
    assert kept.scale[0] > 1e6


def test_the_amount_is_logarithmic_and_other_numbers_are_not() -> None:
    values = np.random.default_rng(0).lognormal(3, 1.5, (1_000, 2))
    schema = TransactionSchema((Field("heavy", Kind.NUMERIC), Field("paid", Kind.NUMERIC, role="amount")))
    none = np.empty((1_000, 0))
    encoder = fit.fit(Columns(values, none.astype(object), none), schema)
    assert encoder.numbers.logged.tolist() == [False, True]


def test_the_category_is_the_field_that_tells_most_about_the_amount(
    columns: Columns, schema: TransactionSchema
) -> None:
    by = fit.fit(columns, schema).by_category
    assert by is not None
    assert schema.categorical[by.category] == "shop"
    travel, grocery = by.levels.index("travel"), by.levels.index("grocery")
    assert by.mean[travel] > 5 * by.mean[grocery]


def test_a_field_that_tells_nothing_about_the_amount_is_not_the_category(
    columns: Columns, schema: TransactionSchema
) -> None:
    shuffled = columns.numeric.copy()
    np.random.default_rng(0).shuffle(shuffled)
    blind = Columns(shuffled, columns.categorical, columns.timestamp)
    encoder = fit.fit(blind, schema)
    assert encoder.by_category is None
    assert len(encoder.hours.indices) == 1


def test_an_hour_is_anomalous_where_the_category_has_none() -> None:
    rng = np.random.default_rng(0)
    night = rng.random(4_000) < 0.3
    hour = np.where(night, rng.integers(0, 5, 4_000), rng.integers(8, 20, 4_000))
    shop = np.where(night, "club", "bakery").astype(object)
    amount = np.where(night, 80.0, 4.0) * rng.lognormal(0, 0.2, 4_000)
    schema = TransactionSchema(
        (
            Field("amount", Kind.NUMERIC, role="amount"),
            Field("shop", Kind.CATEGORICAL),
            Field("at", Kind.TIMESTAMP, role="time", unit="s"),
        )
    )
    encoder = fit.fit(Columns(amount[:, None], shop[:, None], hour[:, None] * 3_600.0), schema)
    pair = Columns(
        np.array([[4.0], [4.0]]), np.array([["bakery"], ["bakery"]], object), np.array([[12 * 3_600.0], [3 * 3_600.0]])
    )
    usual, unusual = encoder.raw(pair)[:, -1]
    assert unusual > usual + 3


def test_with_a_hinge_small_amounts_are_all_the_same(columns: Columns, schema: TransactionSchema) -> None:
    tiny = columns[slice(0, 2)]
    tiny.numeric[:, 0] = [0.5, 2.0]
    place = schema.numeric.index("amount")
    plain, hinged = (fit.fit(columns, schema, None, hinge).encode(tiny)[:, place] for hinge in (False, True))
    assert plain[0] != plain[1]
    assert hinged[0] == hinged[1]


def test_features_are_chosen_by_group(columns: Columns, schema: TransactionSchema) -> None:
    encoder = fit.fit(columns, schema, ("amount", "categories"))
    assert [schema.scored[field] for field in encoder.field_of_feature] == ["amount", "shop", "country"]


@pytest.mark.parametrize("groups", [("amounts",), ("missing",)])
def test_groups_that_make_nothing_are_refused(
    columns: Columns, schema: TransactionSchema, groups: tuple[str, ...]
) -> None:
    complete = Columns(np.nan_to_num(columns.numeric), columns.categorical, columns.timestamp)
    with pytest.raises(ConfigError, match="features"):
        fit.fit(complete, schema, groups)


@pytest.mark.parametrize("column", [[5.0] * 20, [0.0] * 19 + [1.0], [0.0] * 20])
def test_a_column_that_hardly_varies_stays_finite(column: list[float]) -> None:
    columns, schema = numbers(column, list(range(20)))
    encoder = fit.fit(columns, schema)
    assert np.isfinite(encoder.encode(columns)).all()
    far = Columns(np.array([[7.0, 7.0]]), np.empty((1, 0), object), np.empty((1, 0)))
    assert np.isfinite(encoder.encode(far)).all()


def test_rare_levels_are_farther_out_than_usual_ones_and_unseen_ones_farthest() -> None:
    columns, schema = levels(*["usual"] * 90, *["rare"] * 10)
    encoder = fit.fit(columns, schema)
    some = np.array([["usual"], ["rare"], ["unseen"]], object)
    z = encoder.encode(Columns(np.empty((3, 0)), some, np.empty((3, 0))))[:, 0]
    assert z[0] < z[1] < z[2]
    assert encoder.usual_level == ("usual",)


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


@pytest.mark.parametrize("share", [0.95, 0.98, 0.995])
def test_a_column_that_nearly_always_has_the_same_value_does_not_drown_the_others(share: float) -> None:
    rng = np.random.default_rng(0)
    flag = (rng.random(20_000) > share).astype(float)
    values = np.column_stack([rng.normal(size=(20_000, 3)), flag / flag.std()])
    white = whitening.fit(values, np.ones(4), steady=whitening.steady(values)).apply(values)
    assert np.abs(white[:, 3]).max() <= 2.1 * np.ptp(values[:, 3])  # by its own standard deviation, at most halved


def test_only_a_column_of_which_more_than_half_is_the_median_is_steady() -> None:
    values = np.column_stack(
        [np.r_[np.zeros(51), np.ones(49)], np.r_[np.zeros(50), np.arange(50.0) + 1], np.zeros(100)]
    )
    assert whitening.steady(values).tolist() == [True, False, True]
