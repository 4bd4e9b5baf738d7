"""A report is one file that loads nothing, shows what it was given, and is the same for the same content."""

import re

import pytest
from jinja2 import ChoiceLoader, DictLoader, UndefinedError

from eddy.reports import plots
from eddy.reports.page import environment, page

TEMPLATES = {
    "report": """{% extends "base.html" %}
{% from "macros.html" import figure, note, section, table with context %}
{% block title %}{{ title }}{% endblock %}
{% block body %}
{{ section("Scores") }}
<p>{{ text }}</p>
{% call figure(picture) %}Scores of 'normal' {{ text }}{% endcall %}
{% call note(warning=true) %}look twice{% endcall %}
{{ section("Metrics") }}
{{ table(["name", "rows", "share"], rows) }}
{% endblock %}""",
    "table": """{% from "macros.html" import table %}{{ table(["what"], rows) }}""",
}


@pytest.fixture(autouse=True)
def templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the reports, and two of the tests."""
    loader = environment().loader
    assert loader is not None
    monkeypatch.setattr(environment(), "loader", ChoiceLoader([DictLoader(TEMPLATES), loader]))


@plots.drawn
def picture() -> plots.Figure:
    made, axes = plots.axes()
    axes.plot([1, 2, 3], label="a line")
    axes.scatter([1, 2], [1, 2], rasterized=True)
    axes.set_xlabel("score & more")
    axes.legend()
    return made


def report() -> str:
    rows = [["<b>", 12_345, 0.00012345], ["c", None, float("nan")]]
    return page("report", title="Training <1>", text="a < b", picture=picture(), rows=rows)


def test_text_is_never_read_as_html() -> None:
    html = report()
    assert "Training &lt;1&gt;" in html
    assert "a &lt; b" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert """aria-label="Scores of &#x27;normal&#x27; a &lt; b\"""" in html
    assert '<div class="note warning">look twice</div>' in html


def test_a_value_that_is_not_given_is_an_error_and_not_a_gap() -> None:
    with pytest.raises(UndefinedError, match="'rows' is undefined"):
        page("table")


def test_nothing_is_loaded_and_the_browser_refuses_it() -> None:
    html = report()
    assert "default-src 'none'" in html
    assert re.findall(r"(?:src|href)=\"(?!#|data:)[^\"]*", html) == []


def test_sections_are_listed_and_linked() -> None:
    assert '<a href="#part-1">Scores</a><a href="#part-2">Metrics</a>' in report()


def test_numbers_are_readable_and_what_is_missing_is_empty() -> None:
    assert '<td class="number">12,345</td><td class="number">0.0001234</td>' in report()
    assert '<td>c</td><td class="number"></td><td class="number"></td>' in report()


def test_the_same_content_is_the_same_file() -> None:
    assert report() == report()


def test_lines_and_text_of_a_figure_take_the_colour_of_the_page() -> None:
    svg = plots.to_svg(picture(), "a line")
    assert "currentColor" in svg
    assert not re.search(r"(fill|stroke): #(000000|010203|040506)", svg)


def test_figures_on_one_page_do_not_share_ids() -> None:
    first, second = plots.to_svg(picture(), "one"), plots.to_svg(other(), "two")
    assert set(re.findall(r'id="([^"]+)', first)) & set(re.findall(r'id="([^"]+)', second)) == set()


@plots.drawn
def other() -> plots.Figure:
    made, axes = plots.subplots(1, 2)
    axes[0].bar(["a", "b"], [3, 4])
    axes[1].hist([1, 1, 2])
    return made


@pytest.mark.parametrize("name", ["axes.edgecolor", "svg.hashsalt"])
def test_drawing_leaves_the_settings_of_matplotlib_alone(name: str) -> None:
    import matplotlib as mpl

    before = mpl.rcParams[name]
    picture()
    assert mpl.rcParams[name] == before


def test_a_sentence_in_a_table_is_not_squeezed_on_a_narrow_screen() -> None:
    html = page("table", rows=[["word " * 20], ["short"]])
    assert html.count('<td class="long">') == 1
