"""Names, levels and sentences from a table are text in every report, whatever they hold; also in plots and scripts."""

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from eddy.model.config import DEFAULTS
from eddy.model.data.conversion import columns_of
from eddy.model.data.sampling import Sample
from eddy.model.evaluation.compare import compare_models
from eddy.model.evaluation.evaluate import prepare, run
from eddy.model.exploration import row_map
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.training.ablation import AblationRun, RunComparison
from eddy.model.tuning import tune
from eddy.reports.evaluation.comparison import comparison_report
from eddy.reports.evaluation.report import evaluation_report
from eddy.reports.exploration.report import exploration_report
from eddy.reports.plots import Group
from eddy.reports.training import latent_map
from eddy.reports.training.report import training_report
from eddy.reports.tuning.report import tuning_report
from tests.model.evaluation.test_compare import by
from tests.model.exploration.payments import explored, payments
from tests.model.tuning.test_tune import Ellipse, tuned
from tests.model.tuning.test_tune import payments as to_tune
from tests.reports.learned import made
from tests.reports.training.test_ablation import result

HOSTILE = """--></title></style></script></svg>"'><script>hostile()</script><hostile onload=hostile()>$x$ {{ 7 * 7 }}"""
"""Leaves comments, attributes and scripts where it is not escaped, and becomes a script and an element."""


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.elements: set[str] = set()
        self._script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements |= {tag, *(name for name, _ in attrs)}
        self._script = tag == "script"

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts.append(data)
            self._script = False


@pytest.fixture(autouse=True)
def quick_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps without t-SNE, and without the megabytes of plotly.js."""
    monkeypatch.setattr(row_map, "lay_out", lambda rows, *_: np.zeros((len(rows), 2)))
    monkeypatch.setattr(row_map, "embed", lambda rows, dimensions, _: np.resize(rows, (len(rows), dimensions)))
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")


@pytest.fixture(autouse=True)
def quick_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune, "learn", lambda rows, _, config: Ellipse(rows, config))


SCHEMA = TransactionSchema(
    (
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field(HOSTILE, Kind.NUMERIC),
        Field(f"{HOSTILE} shop", Kind.CATEGORICAL),
    )
)


def hostile_table() -> pd.DataFrame:
    table = payments().rename(columns={"amount": HOSTILE, "shop": f"{HOSTILE} shop", "card_id": f"{HOSTILE} card"})
    table[f"{HOSTILE} shop"] = np.resize([HOSTILE, "fuel", "travel"], len(table))
    table.loc[3, HOSTILE] = 1e9
    table["fraud_kind"] = np.where(table.is_fraud, HOSTILE, "")
    return table


def training() -> str:
    model = made()
    fields = tuple(replace(field, name=f"{HOSTILE} {n}") for n, field in enumerate(model.schema.fields))
    diagnostics = replace(model.diagnostics, unseen={0: 0.5})
    diagnostics.held_out.categorical[:] = HOSTILE
    model = replace(model, schema=TransactionSchema(fields), diagnostics=diagnostics)
    ablated = result()
    run = AblationRun(HOSTILE, DEFAULTS, HOSTILE, HOSTILE)
    comparisons = (ablated.comparisons[0], RunComparison(run, 0.5, 0.8, 0.9))
    return training_report(model, [HOSTILE], replace(ablated, comparisons=comparisons))


def evaluated(report: Callable[..., str]) -> str:
    table = hostile_table()
    detectors = [replace(by(HOSTILE, SCHEMA, columns_of(table, SCHEMA)), version=f"{HOSTILE}{n}") for n in range(2)]
    rows, _, notes = prepare(Sample(table, len(table)), SCHEMA, with_baselines=False)
    done = run(detectors, rows, 10, None, (*notes, HOSTILE))
    return report(done, compare_models(done), HOSTILE) if report is comparison_report else report(done, HOSTILE)


REPORTS: dict[str, Callable[[], str]] = {
    "training": training,
    "evaluation": lambda: evaluated(evaluation_report),
    "comparison": lambda: evaluated(comparison_report),
    "exploration": lambda: exploration_report(explored(hostile_table()), HOSTILE),
    "tuning": lambda: tuning_report(tuned(to_tune()), [HOSTILE]),
}


@pytest.mark.parametrize("name", REPORTS)
def test_what_stands_in_a_table_is_text_in_every_report(name: str) -> None:
    html = REPORTS[name]()
    assert html.count("hostile()") >= 1
    assert "<script>hostile" not in html
    read = Tags(html)
    assert {"hostile", "onload"} & read.elements == set()
    assert "{{ 7 * 7 }}" in html
    assert [script for script in read.scripts if script.startswith("hostile")] == []


def test_what_plotly_gets_cannot_end_its_script() -> None:
    model = made()
    placed = latent_map.draw_map(model.diagnostics, 3)
    groups = [Group(HOSTILE, "#000000", np.ones(len(placed), np.bool_))]
    html = latent_map.turning(placed, groups, model.calibration)
    assert "hostile()" in html
    assert "<script>hostile" not in html
    assert "hostile" not in Tags(html).elements
