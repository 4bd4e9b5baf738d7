"""The training report: it says what was done, draws what was found, and names nobody."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from eddy.model.exploration import row_map
from eddy.reports.training import latent_map
from eddy.reports.training.report import training_report
from tests.reports.learned import Made, made


@pytest.fixture(autouse=True)
def quick_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps without t-SNE, which has tests of its own."""
    for dimensions in latent_map.ROWS:
        monkeypatch.setitem(latent_map.ROWS, dimensions, 80)
    monkeypatch.setattr(row_map, "embed", lambda rows, dimensions, _: np.resize(rows, (len(rows), dimensions)))


@pytest.fixture(autouse=True)
def no_plotly_js(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Its five megabytes are in one test only."""
    if "whole" not in request.fixturenames:
        monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")


@pytest.fixture
def whole() -> str:
    return report(made())


def report(learned: Made, *notes: str) -> str:
    return training_report(learned, notes)


def text(html: str) -> str:
    return " ".join(re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", html, flags=re.S).split())


def test_the_summary_says_rows_threshold_and_what_was_done_with_the_table() -> None:
    said = text(report(made(), "Column `a` was dropped: <all> values are missing."))
    for fact in ("2,000", "400", "which 1 in 100 normal rows should reach", "Column `a` was dropped: &lt;all&gt;"):
        assert fact in said
    assert re.search(r"labelled anomalies that reach it\s+\d+ of 30", said)


def test_settings_are_shown_beside_their_defaults() -> None:
    learned = made()
    html = report(replace(learned, config=replace(learned.config, hidden=(8, 4))))
    assert "<td>hidden</td><td>8, 4</td><td>chosen from the data</td>" in html


def test_top_scoring_rows_are_shown_with_reasons() -> None:
    said = text(report(made()))
    assert re.search(r"shop grocery \(expected grocery, \d+%\)|amount of \$ number \d [\d.,e-]+ \(expected", said)


@pytest.mark.parametrize(
    "shape",
    [
        {"numeric": 1, "categorical": 0, "times": 0, "rows": 100, "anomalies": 0, "latent": 1},
        {"numeric": 0, "categorical": 4, "times": 0, "latent": 2},
        {"numeric": 0, "categorical": 0, "times": 1, "anomalies": 0},
        {"numeric": 55, "categorical": 4, "latent": 12, "rows": 120},
        {"latent": 0},
    ],
    ids=["one number, no label", "categories only", "a time only", "sixty fields", "no bottleneck"],
)
def test_every_shape_of_table_has_a_report_without_a_warning(
    shape: dict[str, int], recwarn: pytest.WarningsRecorder
) -> None:
    html = report(made(**shape))
    assert "<svg" in html
    assert [str(warning.message) for warning in recwarn] == []
    assert "nan" not in text(html).split()


def test_without_a_label_the_map_shows_rarity() -> None:
    html = report(made(anomalies=0))
    assert "rarer than 1 in 10" in html
    assert "of 0 labelled" not in html
    assert "labelled anomalous" not in html


def test_scores_below_zero_and_a_history_of_nothing_have_a_report() -> None:
    learned = made()
    lower = learned.diagnostics.scores._replace(score=learned.diagnostics.scores.score - 30)
    html = report(replace(learned, diagnostics=replace(learned.diagnostics, scores=lower, history=())))
    assert "There is no curve of the loss" in html


def test_a_loss_that_rises_on_held_out_rows_and_a_rate_beyond_the_rows_are_warned_of() -> None:
    learned = made()
    rising = ((1, 0.5, 0.5), (2, 0.3, 0.4), (3, 0.1, 0.6))
    rare = replace(learned.config, alert_rate=1e-5)
    html = report(replace(learned, config=rare, diagnostics=replace(learned.diagnostics, history=rising)))
    assert "the networks overfit" in html
    assert "it is an extrapolation" in text(html)
    assert 'class="note warning"' not in report(replace(learned, config=replace(rare, alert_rate=0.1)))


def test_categories_that_bring_new_levels_are_warned_of() -> None:
    learned = made()
    unseen = replace(learned.diagnostics, unseen={0: 0.0, 1: 0.123})
    html = report(replace(learned, diagnostics=unseen))
    assert "has: shop 1 12.3%." in html


def test_striking_out_the_field_that_finds_anomalies_costs_precision() -> None:
    learned = made(numeric=2, categorical=0, times=0, anomalies=60)
    scores = learned.diagnostics.anomaly_scores
    parts = np.column_stack([np.full(60, 50.0), np.full(60, 0.1)]).astype(np.float32)
    telling = replace(learned.diagnostics, anomaly_scores=scores._replace(contributions=parts, score=parts.sum(axis=1)))
    rows = dict(
        re.findall(
            r"<td>(amount of \$ number \d)</td><td>\d+%</td><td[^>]*>([\d.]+)",
            report(replace(learned, diagnostics=telling)),
        )
    )
    assert float(rows["amount of $ number 0"]) < 0.5 < float(rows["amount of $ number 1"])


def test_the_whole_report_loads_nothing_and_is_small_enough_to_keep(whole: str) -> None:
    assert whole.count("plotly.js v") == 1
    assert len(whole.encode()) < 7_000_000
    without_scripts = re.sub(r"<script.*?</script>", "", whole, flags=re.S)
    assert re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*", without_scripts) == []
    assert "form-action 'none'" in whole
    assert "cdn" not in re.sub(r"<script>/\*\*\n\* plotly.js.*?</script>", "", whole, flags=re.S)


def test_the_turning_map_has_every_row_once_and_no_button_that_sends_anything() -> None:
    learned = made()
    drawn = latent_map.draw_map(learned.diagnostics, 3)
    html = latent_map.turning(drawn, latent_map.groups(drawn, learned.calibration), learned.calibration)
    assert sum(len(cloud["x"]) for cloud in clouds(html)) == len(drawn)
    assert '"modeBarButtons"' in html
    assert "sendData" not in html


def clouds(html: str) -> Iterator[dict[str, list[float]]]:
    start = html.index("[", html.index("Plotly.newPlot"))
    yield from json.JSONDecoder().raw_decode(html[start:])[0]


def test_the_same_learning_gives_the_same_report() -> None:
    assert report(made()) == report(made())


def test_the_top_scoring_held_out_rows_are_on_the_map_and_anomalies_are_at_most_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(latent_map.ROWS, 2, 120)
    diagnostics = made(anomalies=80).diagnostics
    drawn = latent_map.draw_map(diagnostics, 2)
    top_scoring = np.sort(diagnostics.scores.score)[-latent_map.TOP_SCORING :]
    assert len(drawn) == 120
    assert np.isin(top_scoring, drawn.score[~drawn.anomalous]).all()
    assert drawn.anomalous.sum() == 30
