from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import graph
from model.columns import Columns
from model.schema import Field, Kind, TransactionSchema
from model.score import ScoreModel, compress
from model.scorer import CHUNK_ROWS, Scorer
from model.tables import columns_of

MakeTable = Callable[..., pd.DataFrame]
Forward = Callable[..., Any]

NUMBERS = st.sampled_from([np.nan, 0.0, -0.0, 1e-300, 1.0, -1.0, 1e15, -1e15]) | st.floats(-1e6, 1e6)
LEVELS = st.sampled_from(["fuel", "grocery", "DE", "", "\N{SNOWMAN}", "x" * 4_000])
TIMES = st.floats(0.0, 7_258_118_399.0)


@st.composite
def strange_columns(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(1, 5))
    numeric = [draw(st.lists(NUMBERS, min_size=3, max_size=3)) for _ in range(rows)]
    categorical = [draw(st.lists(LEVELS, min_size=2, max_size=2)) for _ in range(rows)]
    timestamp = [[draw(TIMES)] for _ in range(rows)]
    return Columns(np.array(numeric, float), np.array(categorical, object), np.array(timestamp, float))


def test_the_graph_scores_as_the_python_pipeline_does(
    scorer: Scorer, score_model: ScoreModel, columns: Columns, forward: Forward
) -> None:
    expected = score_model.score(columns, lambda u: forward(score_model.layers, u))
    np.testing.assert_allclose(scorer.score(columns).score, expected, rtol=graph.PARITY)


@given(strange_columns())
@settings(deadline=None)
def test_the_graph_and_the_pipeline_agree_on_what_no_table_has(
    scorer: Scorer, score_model: ScoreModel, forward: Forward, rows: Columns
) -> None:
    scores = scorer.score(rows)
    assert np.isfinite(scores.score).all()
    assert np.isfinite(scores.contributions).all()
    expected = score_model.score(rows, lambda u: forward(score_model.layers, u))
    np.testing.assert_allclose(scores.score, expected, rtol=graph.PARITY)


def test_expected_values_are_the_reconstruction_in_original_units(
    scorer: Scorer, score_model: ScoreModel, columns: Columns, forward: Forward
) -> None:
    u = compress(score_model.inputs.apply(score_model.encoder.encode(columns))).astype(np.float32)
    kept = np.clip(forward(score_model.layers, u), score_model.lowest, score_model.highest).astype(np.float64)
    white = np.sign(kept) * np.expm1(np.abs(kept))
    expected = score_model.encoder.decode(white @ score_model.inputs.inverse + score_model.inputs.center)
    np.testing.assert_allclose(scorer.score(columns).expected, expected, rtol=1e-3, atol=1e-3)


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


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [("numeric", 0, 1e15), ("numeric", 2, -1e15), ("categorical", 0, "never seen"), ("timestamp", 0, 3 * 3_600.0)],
)
def test_what_is_strange_about_a_row_contributes_most(
    scorer: Scorer, make_table: MakeTable, schema: TransactionSchema, kind: str, place: int, value: object
) -> None:
    """All rows are from the afternoon; a clearly strange value in one field must be that field's contribution."""
    columns = columns_of(make_table(3_000), schema)
    usual = columns[np.arange(900, 901)]
    getattr(usual, kind)[0, place] = value
    scores = scorer.score(usual)
    first = {"numeric": 0, "categorical": 3, "timestamp": 5}[kind]
    if kind != "timestamp":  # any hour is usual in this table: it only must be scored
        assert int(scores.contributions[0].argmax()) == first + place
    assert np.isfinite(scores.score[0])


def test_the_hour_of_day_keeps_its_minutes(scorer: Scorer, columns: Columns) -> None:
    """A float32 of Unix seconds is good for two minutes; two times ten milliseconds apart must already differ."""
    row = columns[np.array([0, 0, 0])]
    row.timestamp[:, 0] = 1772366400.0 + np.array([0.0, 0.01, 86_400.0])
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
    make_table: MakeTable, fields: tuple[Field, ...], random_model: Callable[..., ScoreModel], forward: Forward
) -> None:
    schema = TransactionSchema(fields)
    columns = columns_of(make_table(500), schema)
    model = random_model(columns, schema)
    scores = Scorer(graph.build(schema, model), schema.scored).score(columns)
    np.testing.assert_allclose(
        scores.score, model.score(columns, lambda u: forward(model.layers, u)), rtol=graph.PARITY, atol=1e-6
    )


def test_the_graph_knows_the_usual_level_of_each_category(scorer: Scorer) -> None:
    assert scorer.usual_levels == {"shop": "grocery", "country": "DE"}


def test_a_graph_that_is_off_is_not_exported() -> None:
    with pytest.raises(graph.ParityError):
        graph.check_parity(np.array([10.0, 5.0]), np.array([10.0, 5.01]))
    with pytest.raises(graph.ParityError):
        graph.check_parity(np.array([10.0]), np.array([np.nan]))
