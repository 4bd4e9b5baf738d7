"""The report of an exploration: what is in a table, what to correct, and what to run next."""

from html import escape

from eddy.model.exploration.finding import Finding, Section, Severity
from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.findings_labels import duration
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import columns, rows
from eddy.reports.exploration.text import when
from eddy.reports.page import Page

_SECTIONS: tuple[tuple[Section | None, str], ...] = (
    (None, "Summary"),
    ("columns", "Columns"),
    ("missing", "Missing values"),
    ("distributions", "Distributions"),
    ("time", "Time"),
    ("levels", "Levels"),
    ("correlations", "Correlations"),
    ("duplicates", "Duplicates"),
    ("outliers", "Outliers"),
    ("labels", "Labels"),
    ("drift", "Drift"),
    (None, "Map"),
    (None, "Table"),
)
_WRITERS = (
    columns.columns, columns.missing, columns.distributions, rows.time, columns.levels, columns.correlations,
    rows.duplicates, rows.outliers, rows.labels, rows.drift, rows.map_of_rows, rows.table,
)  # fmt: skip
_STYLE = """<style>
.findings { padding: 0; margin: .8rem 0; list-style: none; max-width: 52rem; }
.findings li { display: grid; grid-template-columns: 6.2rem 1fr; gap: .2rem .8rem; padding: .4rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.findings .error { color: var(--warn); font-weight: 650; } .findings .info { color: var(--soft); }
.wide td:last-child:not(.number) { min-width: 12rem; }
@media (max-width: 40rem) { .findings li { grid-template-columns: 1fr; } }
pre.command { background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .9rem;
  overflow-x: auto; max-width: 52rem; }
</style>"""


def exploration_report(found: Exploration, source: str) -> Page:
    """All that was found out about a table, as a page of its own.

    Args:
        source: what the table was read from, as it was given.
    """
    page = Page("Exploration", source)
    _summary(page, found, source)
    for (_, heading), write in zip(_SECTIONS[1:], _WRITERS, strict=True):
        page.section(heading)
        write(page, found)
    return page


def _summary(page: Page, found: Exploration, source: str) -> None:
    page.section("Summary").raw(_STYLE)
    told = findings(found)
    page.paragraph(_verdict(told))
    if told:
        page.raw(f'<ul class="findings">{"".join(map(_line, told))}</ul>')
    page.section("Next", 3)
    commands = "\n".join(next_commands(told, source))
    page.raw(f'<pre class="command"><code>{escape(commands)}</code></pre>')
    page.section("What was read", 3).table(["", ""], _facts(found))


def _verdict(told: tuple[Finding, ...]) -> str:
    if any(finding.severity is Severity.ERROR for finding in told):
        return "Do not train yet: what is marked “Error” would make a model fail or deceive."
    if any(finding.severity is Severity.WARNING for finding in told):
        return "The table can be learned from; check what is marked “Warning” first."
    return "Nothing speaks against training a model on this table."


def _line(finding: Finding) -> str:
    part = next(place for place, (name, _) in enumerate(_SECTIONS, 1) if name == finding.section)
    text = escape(finding.text[0].upper() + finding.text[1:])
    word = f'<span class="{finding.severity}">{finding.severity.capitalize()}</span>'
    return f'<li>{word}<span>{_code(text)} <a href="#part-{part}">see</a></span></li>'


def _code(text: str) -> str:
    """`name` as code."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def _facts(found: Exploration) -> list[tuple[str, object]]:
    view, time, told = found.view, found.rhythm, found.labels
    sampled = "all" if view.whole else f"a random sample of {len(view):,}: every figure below is of the sample"
    facts: list[tuple[str, object]] = [
        ("rows", f"{view.source_rows:,}"),
        ("looked at", sampled),
        ("columns", f"{len(view.fields):,}"),
    ]
    if time is not None:
        facts.append(("time", f"{when(time.first)} to {when(time.last)} UTC ({duration(time.span_s)})"))
    if told is not None:
        facts.append(("labelled anomalous", f"{told.anomalous:,} rows ({told.share:.3%})"))
    return facts
