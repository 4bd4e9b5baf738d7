from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eddy.model.components.score_model import ScoreModel, to_network_input
from eddy.model.data.conversion import columns_of
from eddy.model.features.encoder import BEYOND
from eddy.model.onnx_export import graph
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import CHUNK_ROWS, Scorer
from eddy.producer.synthetic import SyntheticStream
from tests.plugins.artifacts import artifact_store as artifact_store
from tests.plugins.artifacts import trained_detector as trained_detector

MakeTable = Callable[..., pd.DataFrame]
Reconstructions = Callable[..., Any]
RandomModel = Callable[..., ScoreModel]

NUMBERS = st.sampled_from([np.nan, 0.0, -0.0, 1e-300, 1.0, -1.0, 1e15, -1e15]) | st.floats(-1e6, 1e6)
LEVELS = st.sampled_from(["fuel", "grocery", "DE", "", "\N{SNOWMAN}", "x" * 4_000])
TIMES = st.floats(0.0, 7_258_118_399.0)


@st.composite
def unusual_columns(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(1, 5))
    numeric = [draw(st.lists(NUMBERS, min_size=3, max_size=3)) for _ in range(rows)]
    categorical = [draw(st.lists(LEVELS, min_size=2, max_size=2)) for _ in range(rows)]
    timestamp = [[draw(TIMES)] for _ in range(rows)]
    return Columns(np.array(numeric, float), np.array(categorical, object), np.array(timestamp, float))


def test_the_graph_scores_as_the_python_pipeline_does(
    scorer: Scorer, score_model: ScoreModel, columns: Columns, reconstructions: Reconstructions
) -> None:
    expected = score_model.score(columns, lambda u: reconstructions(score_model, u))
    np.testing.assert_allclose(scorer.score(columns).score, expected, rtol=graph.PARITY)


@given(unusual_columns())
@settings(deadline=None)
def test_the_graph_and_the_pipeline_agree_on_what_no_table_has(
    scorer: Scorer, score_model: ScoreModel, reconstructions: Reconstructions, rows: Columns
) -> None:
    scores = scorer.score(rows)
    assert np.isfinite(scores.score).all()
    assert np.isfinite(scores.contributions).all()
    expected = score_model.score(rows, lambda u: reconstructions(score_model, u))
    np.testing.assert_allclose(scores.score, expected, rtol=graph.PARITY)


def test_graph_and_pipeline_set_the_same_numbers_aside(
    make_table: MakeTable, schema: TransactionSchema, random_model: RandomModel, reconstructions: Reconstructions
) -> None:
    """Two in one column, one in the amount, of which more than one feature is made."""
    columns = columns_of(make_table(3_000), schema)
    columns.numeric[:30, 0], columns.numeric[30:60, 1], columns.numeric[60:90, 1] = 9_999_999.0, -1.0, 99_999.0
    model = random_model(columns, schema, parts="combined")
    assert model.encoder.aside == {0: (9_999_999.0,), 1: (99_999.0, -1.0)}
    scores = Scorer(graph.build(schema, model), schema.scored).score(columns).score
    np.testing.assert_allclose(scores, model.score(columns, lambda u: reconstructions(model, u)), rtol=graph.PARITY)
    gaps = columns.numeric.copy()
    gaps[:30, 0], gaps[30:90, 1] = np.nan, np.nan
    missing = Columns(gaps, columns.categorical, columns.timestamp)
    np.testing.assert_array_equal(Scorer(graph.build(schema, model), schema.scored).score(missing).score, scores)


@pytest.mark.parametrize(
    "choice",
    [
        {"parts": "combined"},
        {"parts": "combined", "network_input": "standardised"},
        {"parts": "both"},
        {"parts": "network", "members": 1},
        {"parts": "inputs"},
        {"network_input": "standardised"},
        {"network_input": "standardised", "mse": True},
        {"hinge": True},
        {"count": 4},
        {"groups": ("numbers",)},
        {"groups": ("amount", "amount_by_category", "hour_by_category")},
        {"groups": ("categories", "hour")},
    ],
    ids=str,
)
def test_graph_and_pipeline_agree_under_every_setting(
    make_table: MakeTable,
    schema: TransactionSchema,
    random_model: RandomModel,
    reconstructions: Reconstructions,
    choice: dict[str, Any],
) -> None:
    columns = columns_of(make_table(800), schema)
    model = random_model(columns, schema, **choice)
    scorer = Scorer(graph.build(schema, model), schema.scored)
    unusual = columns[slice(0, 64)]
    unusual.numeric[:8] = np.array([np.nan, 0.0, -1.0, -1e15, 1e15, 1e-9, 1e6, -1e6])[:, None]
    unusual.categorical[8] = "never seen"
    scores = scorer.score(unusual)
    parts = model.contributions(unusual, lambda u: reconstructions(model, u))
    np.testing.assert_allclose(scores.score, parts.sum(axis=1), rtol=graph.PARITY)
    by_field = np.zeros(scores.contributions.shape)
    np.add.at(by_field.T, model.encoder.field_of_feature, parts.T)
    np.testing.assert_allclose(scores.contributions, by_field, rtol=1e-3, atol=1e-3)


def test_expected_numbers_are_the_mean_reconstruction_in_original_units(
    make_table: MakeTable, schema: TransactionSchema, random_model: RandomModel, reconstructions: Reconstructions
) -> None:
    columns = columns_of(make_table(800), schema)
    model = random_model(columns, schema, network_input="standardised")
    x = model.encoder.encode(columns)
    u = to_network_input(x, model.inputs.apply(x), "standardised")
    shown = np.clip(u, model.lowest, model.highest)
    kept = np.clip(reconstructions(model, shown).mean(axis=0), model.lowest, model.highest)
    kept = np.clip(kept, model.encoder.lowest + BEYOND, model.encoder.highest - BEYOND)
    raw = kept * model.encoder.scale + model.encoder.center
    numbers, logs = model.encoder.numbers, raw[:, :3]
    original = np.where(numbers.logged, np.sign(logs) * np.expm1(np.abs(logs)) * numbers.unit, logs)
    expected = Scorer(graph.build(schema, model), schema.scored).score(columns).expected
    np.testing.assert_allclose(expected[:, :3], original, rtol=1e-3, atol=1e-3)
    assert np.isnan(expected[:, 3:5]).all()
    assert (expected[:, 5] == model.encoder.usual_hour[0]).all()


def test_what_is_expected_has_been_seen(scorer: Scorer, columns: Columns) -> None:
    """These networks have learned nothing, but no negative amount is expected all the same."""
    expected, seen = scorer.score(columns).expected[:, :3], columns.numeric
    assert (expected >= np.nanmin(seen, axis=0) - 1e-3).all()
    assert (expected <= np.nanmax(seen, axis=0) * (1 + 1e-4)).all()


def test_expected_hours_are_on_the_clock(make_table: MakeTable, random_model: RandomModel) -> None:
    schema = TransactionSchema((Field("event_time", Kind.TIMESTAMP, unit="iso8601"), Field("amount", Kind.NUMERIC)))
    columns = columns_of(make_table(500), schema)
    model = random_model(columns, schema)
    expected = Scorer(graph.build(schema, model), schema.scored).score(columns).expected[:, 1]
    assert ((expected >= 0) & (expected < 24)).all()


def test_expected_values_are_left_out_unless_asked_for(scorer: Scorer, columns: Columns) -> None:
    asked, plain = scorer.score(columns), scorer.score(columns, explain=False)
    assert len(plain.expected) == 0
    np.testing.assert_array_equal(plain.score, asked.score)


def test_a_row_scores_the_same_alone_and_in_any_batch(scorer: Scorer, columns: Columns) -> None:
    """Bit by bit here; 1e-6 is what is promised."""
    together = scorer.score(columns)
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 7, 16, 17, 100, CHUNK_ROWS, CHUNK_ROWS + 1):
        rows = rng.choice(len(columns), size, replace=False)
        alone = scorer.score(columns[rows])
        np.testing.assert_allclose(alone.score, together.score[rows], rtol=1e-6)
        np.testing.assert_allclose(alone.contributions, together.contributions[rows], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(alone.expected, together.expected[rows], rtol=1e-6)


def test_contributions_add_up_to_the_score(scorer: Scorer, columns: Columns) -> None:
    scores = scorer.score(columns)
    assert scores.contributions.shape == (len(columns), len(scorer.fields))
    assert (scores.contributions >= 0).all()
    np.testing.assert_allclose(scores.contributions.astype(np.float64).sum(axis=1), scores.score, rtol=1e-12)


@pytest.mark.parametrize("field", ["amount", "distance_km", "card_transactions_24h", "amount_ratio_30d"])
def test_what_is_anomalous_about_a_transaction_is_its_first_reason(trained_detector: Detector, field: str) -> None:
    probe = SyntheticStream(seed=5, cards=50)
    rows = next(probe.chunks(count=40, size=40))
    columns = columns_of(pd.DataFrame(rows.columns), trained_detector.schema)
    place = trained_detector.schema.numeric.index(field)
    columns.numeric[:, place] = 1e6
    scores = trained_detector.scorer.score(columns)
    assert (scores.contributions.argmax(axis=1) == place).all()


def test_the_hour_of_day_keeps_its_minutes(make_table: MakeTable, random_model: RandomModel) -> None:
    """A float32 of Unix seconds is good for two minutes; two times ten milliseconds apart must already differ."""
    schema = TransactionSchema((Field("event_time", Kind.TIMESTAMP, unit="iso8601"),))
    columns = columns_of(make_table(500), schema)
    scorer = Scorer(graph.build(schema, random_model(columns, schema, parts="both")), schema.scored)
    row = columns[np.array([0, 0, 0])]
    row.timestamp[:, 0] = 1772366400.0 + 20_000.0 + np.array([0.0, 0.01, 86_400.0])
    score = scorer.score(row).score
    assert score[0] != score[1]
    assert score[0] == score[2]


def test_no_rows_give_no_scores(scorer: Scorer, columns: Columns) -> None:
    scores = scorer.score(columns[slice(0, 0)])
    assert [array.shape for array in scores] == [(0,), (0, 6), (0, 6)]


@pytest.mark.parametrize(
    "fields",
    [
        (Field("amount", Kind.NUMERIC),),
        (Field("shop", Kind.CATEGORICAL),),
        (Field("event_time", Kind.TIMESTAMP, unit="iso8601"),),
        (Field("temperature", Kind.NUMERIC), Field("shop", Kind.CATEGORICAL)),
    ],
    ids=lambda fields: "+".join(field.kind.value for field in fields),
)
def test_a_schema_may_lack_any_kind_of_field(
    make_table: MakeTable,
    fields: tuple[Field, ...],
    random_model: RandomModel,
    reconstructions: Reconstructions,
) -> None:
    schema = TransactionSchema(fields)
    columns = columns_of(make_table(500), schema)
    model = random_model(columns, schema)
    scores = Scorer(graph.build(schema, model), schema.scored).score(columns)
    np.testing.assert_allclose(
        scores.score, model.score(columns, lambda u: reconstructions(model, u)), rtol=graph.PARITY, atol=1e-6
    )


def test_the_graph_knows_the_usual_level_of_each_category(scorer: Scorer) -> None:
    assert scorer.usual_levels == {"shop": "grocery", "country": "DE"}


def test_a_graph_that_is_off_is_not_exported() -> None:
    with pytest.raises(graph.ParityError):
        graph.check_parity(np.array([10.0, 5.0]), np.array([10.0, 5.01]))
    with pytest.raises(graph.ParityError):
        graph.check_parity(np.array([10.0]), np.array([np.nan]))


def test_rounding_in_the_score_of_the_most_usual_row_is_no_difference() -> None:
    """Scored by networks alone, a row that is the median of all scores exactly nothing, but for rounding."""
    graph.check_parity(np.array([0.0, 2.4, 4.1]), np.array([5e-6, 2.4, 4.1]))
    with pytest.raises(graph.ParityError):
        graph.check_parity(np.array([0.0, 2.4, 4.1]), np.array([1e-2, 2.4, 4.1]))
