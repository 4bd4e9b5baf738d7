"""Pairs of categories: the formula, what is unseen, what is too much, and the graph beside it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eddy.model.components import category_pairs
from eddy.model.components.category_pairs import Pairs
from eddy.model.components.score_model import ScoreModel
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.features import fit
from eddy.model.features.encoder import GROUPS
from eddy.model.onnx_export import graph
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.scorer import Scorer
from eddy.model.training.fit import learn
from eddy.model.training.preprocessing import suits_pairs

Levels = NDArray[np.object_]
RandomModel = Callable[..., ScoreModel]


def schema_of(columns: int) -> TransactionSchema:
    return TransactionSchema(tuple(Field(f"c{place}", Kind.CATEGORICAL) for place in range(columns)))


def columns_of(levels: Levels) -> Columns:
    none = np.empty((len(levels), 0))
    return Columns(none, levels, none)


def fitted(levels: Levels, most_cells: int = category_pairs.MOST_CELLS) -> Pairs:
    encoder = fit.fit(columns_of(levels), schema_of(levels.shape[1]))
    return category_pairs.fit(levels, encoder.categories, most_cells)


def payments(rows: int = 3_000, seed: int = 0) -> Levels:
    """A currency that belongs to its country, a shop that does not, and one of a hundred terminals."""
    rng = np.random.default_rng(seed)
    country = rng.choice(["DE", "FR", "GB", "US", ""], rows, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    currency = np.array([{"GB": "GBP", "US": "USD"}.get(name, "EUR") for name in country])
    shop = rng.choice(["grocery", "fuel", "travel"], rows, p=[0.6, 0.3, 0.1])
    terminal = np.char.add("t", (100 * rng.random(rows) ** 2).astype(np.intp).astype(str))
    return np.column_stack([country, currency, shop, terminal]).astype(object)


def test_a_contribution_is_the_mean_surprisal_of_a_level_given_the_others() -> None:
    table = np.array([["a", "x", "p"]] * 6 + [["a", "y", "q"]] * 3 + [["b", "y", "q"]] * 3, object)
    share = {"a": (9 + 5 / 3) / 17, "b": (3 + 5 / 3) / 17}
    given_y = (3 + 5 * share["b"]) / (6 + 5)
    given_q = given_y
    given_x = (0 + 5 * share["b"]) / (6 + 5)
    rows = np.array([["b", "y", "q"], ["b", "x", "q"]], object)
    first = fitted(table).contributions(rows)[:, 0]
    np.testing.assert_allclose(first, [-np.log(given_y * given_q) / 2, -np.log(given_x * given_q) / 2])


def test_the_score_is_that_of_the_formula_where_counts_are_many() -> None:
    """The sum of -log p(a), and 2 / (J - 1) times that of log( p(a) p(b) / p(a, b) ) over pairs."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, (200_000, 3))
    codes[:, 1] = np.where(rng.random(len(codes)) < 0.8, codes[:, 0], codes[:, 1])
    row = np.array([0, 1, 2])

    def share(*places: int) -> float:
        return float((codes[:, places] == row[list(places)]).all(axis=1).mean())

    alone = -sum(np.log(share(place)) for place in range(3))
    together = sum(np.log(share(a) * share(b) / share(a, b)) for a, b in ((0, 1), (0, 2), (1, 2)))
    score = fitted(codes.astype(str).astype(object)).contributions(row[None].astype(str).astype(object)).sum()
    assert score == pytest.approx(alone + 2 / 2 * together, abs=0.01)


def test_columns_that_say_the_same_count_once() -> None:
    table = np.repeat(np.random.default_rng(0).integers(0, 4, (20_000, 1)), 3, axis=1).astype(str).astype(object)
    assert fitted(table).contributions(table).max() < 0.01


def test_an_unseen_level_is_as_anomalous_as_can_be_by_itself_and_says_nothing_of_others() -> None:
    levels = payments()
    learned = fitted(levels)
    row = levels[:1].copy()
    row[0, :2] = "never", "seen"
    parts = learned.contributions(row)[0]
    for place in (0, 1):
        seen = len(learned.levels[place])
        assert parts[place] == pytest.approx(-np.log(5 / (seen + 1) / (len(levels) + 5)))
    shop, terminal = (known.index(level) for known, level in zip(learned.levels[2:], row[0, 2:], strict=True))
    ratio = learned.tables[2][3][learned.groups[2][shop], learned.groups[3][terminal]]
    assert parts[2] == pytest.approx(learned.surprisals[2][shop] + ratio / 3)  # of the three others, one was seen


def test_what_does_not_go_together_is_anomalous_though_each_level_is_usual() -> None:
    levels = payments()
    odd = levels[:200].copy()
    odd[:, :2] = "DE", "GBP"
    learned = fitted(levels)
    usual = learned.contributions(levels).sum(axis=1)
    assert learned.contributions(odd).sum(axis=1).min() > np.quantile(usual, 0.95)
    assert set(learned.contributions(odd)[:, :3].argmax(axis=1)) <= {0, 1}


@pytest.mark.parametrize("most_cells", [category_pairs.MOST_CELLS, 2_000, 1])
def test_no_contribution_is_negative(most_cells: int) -> None:
    levels = payments()
    assert (fitted(levels, most_cells).contributions(levels) > 0).all()


@pytest.mark.parametrize("most_cells", [100_000, 2_000, 500])
def test_tables_keep_within_their_bounds_and_rare_levels_share_a_place(most_cells: int) -> None:
    levels = payments()
    whole, learned = fitted(levels), fitted(levels, most_cells)
    assert sum(table.size for tables in learned.tables for table in tables) <= most_cells
    if most_cells == 100_000:
        assert learned.together == {}
        np.testing.assert_array_equal(learned.contributions(levels), whole.contributions(levels))
        return
    assert list(learned.together) == [3]
    usual = levels[:, 3] == "t0"
    kept = learned.contributions(levels[usual]), whole.contributions(levels[usual])
    np.testing.assert_allclose(*kept)


def test_where_pairs_take_the_place_of_the_networks() -> None:
    levels = columns_of(payments())
    encoder = fit.fit(levels, schema_of(4))
    assert suits_pairs(encoder, DEFAULTS)
    assert suits_pairs(encoder, TrainingConfig(members=1, contamination=0.0, steps=10))
    for chosen in ({"parts": "both"}, {"parts": "network"}, {"parts": "inputs"}, {"score": "mse"}, {"clusters": 4}):
        assert not suits_pairs(encoder, replace(DEFAULTS, **chosen)), chosen
    alone = fit.fit(Columns(levels.numeric, levels.categorical[:, :1], levels.timestamp), schema_of(1))
    assert not suits_pairs(alone, DEFAULTS)
    wide = np.repeat(levels.categorical, 17, axis=1)
    assert not suits_pairs(fit.fit(columns_of(wide), schema_of(68)), DEFAULTS)


def test_with_numbers_pairs_take_the_networks_place_only_where_categories_alone_are_chosen() -> None:
    levels = payments()
    columns = Columns(np.random.default_rng(0).normal(size=(len(levels), 1)), levels, np.empty((len(levels), 0)))
    schema = TransactionSchema((Field("amount", Kind.NUMERIC, role="amount"), *schema_of(4).fields))
    assert not suits_pairs(fit.fit(columns, schema), DEFAULTS)
    assert not suits_pairs(fit.fit(columns, schema, tuple(set(GROUPS) - {"numbers"})), DEFAULTS)
    assert suits_pairs(fit.fit(columns, schema, ("categories",)), DEFAULTS)


@pytest.mark.parametrize("most_cells", [category_pairs.MOST_CELLS, 2_000])
def test_the_graph_scores_as_pairs_do_a_row_alone_as_in_any_batch(random_model: RandomModel, most_cells: int) -> None:
    levels = payments(1_500)
    levels[:3] = "\N{SNOWMAN} never seen"
    columns, schema = columns_of(levels), schema_of(4)
    model = replace(random_model(columns[slice(3, None)], schema, paired=True), pairs=fitted(levels[3:], most_cells))
    scorer = Scorer(graph.build(schema, model), schema.scored)
    scores = scorer.score(columns)
    parts = model.contributions(columns, lambda u: u)
    np.testing.assert_allclose(scores.contributions, parts, rtol=1e-6)
    np.testing.assert_allclose(scores.score, parts.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(scores.contributions.sum(axis=1, dtype=np.float64), scores.score)
    assert np.isnan(scores.expected).all()
    assert scores.expected.shape == (1_500, 4)
    for rows in (slice(0, 1), slice(7, 8), slice(5, 38), slice(0, 1_025)):
        alone = scorer.score(columns[rows])
        np.testing.assert_array_equal(alone.score, scores.score[rows])
        np.testing.assert_array_equal(alone.contributions, scores.contributions[rows])


def test_fields_that_make_no_feature_contribute_nothing_and_expect_nothing(random_model: RandomModel) -> None:
    levels = payments(600)
    columns = Columns(np.full((600, 1), np.nan), levels, np.full((600, 1), 1e9))
    fields = (Field("fee", Kind.NUMERIC), *schema_of(4).fields, Field("at", Kind.TIMESTAMP, unit="s"))
    schema = TransactionSchema(fields)
    model = random_model(columns, schema, groups=("categories",), paired=True)
    scores = Scorer(graph.build(schema, model), schema.scored).score(columns)
    assert (scores.contributions[:, [0, 5]] == 0).all()
    assert (scores.contributions[:, 1:5] > 0).all()
    assert np.isnan(scores.expected).all()


@pytest.fixture(scope="module")
def learned() -> Any:
    return learn(columns_of(payments(4_000)), schema_of(4), TrainingConfig(alert_rate=0.01))


def test_a_model_of_categories_needs_no_network(learned: Any) -> None:
    assert (learned.keras, learned.loss, learned.diagnostics.history) == (None, None, ())
    assert "no network was trained" in " ".join(learned.notes)
    assert not any("too many levels" in note for note in learned.notes)


def test_an_alert_names_the_pair_and_expects_the_most_usual_level(learned: Any) -> None:
    row = np.array([["DE", "GBP", "grocery", "t0"]], object)
    verdicts = learned.detector().detect(columns_of(row))
    assert verdicts.rarity[0] < 0.1
    first, second = verdicts.contributions(0, 2)
    assert {first.field, second.field} == {"c0", "c1"}
    assert {part.field: (part.observed, part.expected) for part in (first, second)} == {
        "c0": ("DE", "DE"),
        "c1": ("GBP", "EUR"),
    }


def test_the_alert_rate_comes_out_on_fresh_rows(learned: Any) -> None:
    """Scores of categories have steps: not more than was asked for, by far, and not nothing."""
    verdicts = learned.detector().detect(columns_of(payments(20_000, seed=5)))
    assert 0.003 < verdicts.anomalous.mean() < 0.03


def test_the_training_report_is_drawn_without_a_network(learned: Any) -> None:
    from eddy.reports.training.report import training_report

    html = training_report(learned, learned.notes)
    for words in ("no network was trained", "There is no map", "no curve of the loss"):
        assert words in html
