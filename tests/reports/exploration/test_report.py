"""The report of an exploration opens offline, has every section, and says nothing of persons and cards."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from eddy.model.exploration import row_map
from eddy.model.exploration.distributions import distribution
from eddy.reports.exploration.plots import distribution as draw_distribution
from eddy.reports.exploration.report import exploration_report
from tests.model.exploration.payments import explored, payments

SECTIONS = (
    "Summary", "Columns", "Missing values", "Distributions", "Time", "Levels", "Correlations", "Duplicates", "Outliers",
    "Labels", "Drift", "Map", "Table",
)  # fmt: skip
VOID = {"meta", "input", "br", "img", "link", "hr"}


class Reader(HTMLParser):
    """Reads as a browser does, and notes what is never closed, and what each section begins with."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.sections: dict[str, str] = {}
        self._heading = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        data = " ".join(data.split())
        if self.open and self.open[-1] == "h2":
            self._heading = data
        elif data and self._heading and self.open and self.open[-1] != "style":
            self.sections[self._heading] = f"{self.open[-1]}: {data}"
            self._heading = ""


@pytest.fixture(autouse=True)
def quick_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_map, "lay_out", lambda rows, *_: np.zeros((len(rows), 2)))


@pytest.fixture(scope="module")
def html() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_map, "lay_out", lambda rows, *_: np.zeros((len(rows), 2)))
        table = payments(email=["ann@example.org", "bob@example.org"] * 600, note=[f"to {n}" for n in range(1_200)])
        table.loc[3, "distance"] = np.nan
        return exploration_report(explored(table), "payments <1>.csv")


def without_browsable_table(html: str) -> str:
    """skrub closes not all that it opens, which browsers forgive; its part stands at the end."""
    return re.sub(r'<div id="report_browsable-wrapper".*(?=</body>)', "", html, flags=re.DOTALL)


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    loads = r"""(?:src|href|action|data)\s*=\s*["'](?!#|data:)|url\(\s*["']?(?!#|data:)|@import|<link|<iframe|<object"""
    assert re.findall(loads, re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)) == []
    assert re.findall(r"fetch\(|XMLHttpRequest|WebSocket|EventSource|\bimport\s*\(|sendBeacon", html) == []
    assert "default-src 'none'" in html


def test_it_is_html_in_which_all_is_closed(html: str) -> None:
    read = Reader(without_browsable_table(html))
    assert (read.wrong, read.open) == ([], [])


def test_every_section_is_there_and_begins_with_what_to_look_for(html: str) -> None:
    sections = Reader(without_browsable_table(html)).sections
    assert tuple(sections) == SECTIONS
    assert all(re.match(r"p: .{40,}[.!?]", text) for name, text in sections.items())


def test_persons_and_cards_are_shown_nowhere_and_it_says_so(html: str) -> None:
    for secret in ("ann@example.org", "bob@example.org", "to 77", "c-77", "t-77"):
        assert secret not in html
    assert "Values of card_id, email, note, transaction_id are shown nowhere" in html


def test_the_same_table_is_the_same_report() -> None:
    table = payments(600)
    assert exploration_report(explored(table), "a") == exploration_report(explored(table), "a")


def test_the_next_command_and_the_findings_stand_at_the_top() -> None:
    html = exploration_report(explored(payments().assign(refund=lambda t: t["is_fraud"] * 5.0)), "my payments.csv")
    top = html[: html.index("Columns</h2>")]
    assert "Do not train yet" in top
    assert '<span class="error">Error</span>' in top
    assert "looks like a second label" in top
    assert "eddy schema &#39;my payments.csv&#39; --out schema.toml" in top
    assert f'href="#part-{SECTIONS.index("Labels") + 1}"' in top


def test_sampling_is_said() -> None:
    html = exploration_report(explored(payments(), source_rows=50_000), "a")
    assert "a random sample of 1,200: every figure below is of the sample" in html
    assert "1,200 normal" not in html
    assert re.search(r"t-SNE of [\d,]+ normal and [\d,]+ anomalous rows, drawn at random", html)


RNG = np.random.default_rng(0)
ODD: dict[str, Callable[[], pd.DataFrame]] = {
    "no label": lambda: payments().drop(columns="is_fraud"),
    "no time": lambda: payments().drop(columns="event_time"),
    "no numbers": lambda: payments()[["shop", "card_id"]],
    "one column": lambda: payments()[["amount"]],
    "free text alone": lambda: pd.DataFrame({"note": [f"to {n}" for n in range(900)]}),
    "61 columns": lambda: pd.DataFrame(RNG.normal(size=(300, 61)), columns=[f"column number {n}" for n in range(61)]),
    "missing columns": lambda: payments(amount=np.nan, gone=None),
    "infinite": lambda: payments(distance=np.inf, amount=[1.0, -np.inf] * 600),
    "5 rows": lambda: payments(5),
    "1 row": lambda: payments(1),
    "local time": lambda: payments().assign(event_time=lambda t: t["event_time"].dt.tz_convert("Europe/Berlin")),
    "many levels": lambda: payments(3_000, shop=[f"shop {n}" for n in range(3_000)]),
    "names that are markup": lambda: payments().rename(columns={"shop": "<b>$x$", "distance": "金額"}),
    "lists": lambda: payments(parts=[[1, 2]] * 1_200),
    "extreme": lambda: payments(distance=RNG.normal(size=1_200) * 1e300, small=RNG.normal(size=1_200) * 1e-300),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ODD)
def test_odd_tables_get_a_whole_report(name: str) -> None:
    html = exploration_report(explored(ODD[name]()), name)
    read = Reader(without_browsable_table(html))
    assert (read.wrong, tuple(read.sections)) == ([], SECTIONS)


def test_zero_is_labelled_on_an_axis_that_is_logarithmic_beyond_it() -> None:
    amounts = np.append(np.zeros(500), np.exp(np.random.default_rng(0).normal(3, 1.5, 1_500)))
    spread = distribution(amounts)
    assert spread is not None
    labels = [label.get_text() for label in draw_distribution(spread).axes[0].get_xticklabels()]
    assert labels == ["0", "10", "100", "1000"]
