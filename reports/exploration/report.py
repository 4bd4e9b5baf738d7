"""The report of an exploration: what is in a table, what to correct, and what to run next."""

from typing import Any, get_args

from eddy.model.exploration.distributions import RARE_SHARE
from eddy.model.exploration.finding import Finding, Section, Severity
from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.findings_labels import duration
from eddy.model.exploration.label_leakage import FEWEST
from eddy.model.exploration.outliers import FAR
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import browsable_table, columns, plots, rows
from eddy.reports.exploration.axes import percent
from eddy.reports.exploration.columns import when
from eddy.reports.page import page


def exploration_report(found: Exploration, source: str) -> str:
    """The results of an exploration, as a page (HTML).

    Args:
        source: what the table was read from, as it was given.
    """
    sentences = findings(found)
    return page(
        "exploration.html",
        source=source,
        found=found,
        verdict=_verdict(sentences),
        findings=[_finding(finding) for finding in sentences],
        commands=next_commands(sentences, source),
        facts=_facts(found),
        columns=columns.shown(found),
        rows=rows.shown(found),
        hidden=", ".join(sorted(found.view.hidden)),
        browsable=browsable_table.browsable(found.view.table, found.view.hidden),
        browsable_rows=browsable_table.ROWS,
        draw=plots,
        percent=percent,
        when=when,
        duration=duration,
        far=FAR,
        fewest=FEWEST,
        notable=columns.NOTABLE,
        rare_share=RARE_SHARE,
    )


def _verdict(sentences: tuple[Finding, ...]) -> str:
    if any(finding.severity is Severity.ERROR for finding in sentences):
        return "Do not train yet: what is marked “Error” would make a model fail or deceive."
    if any(finding.severity is Severity.WARNING for finding in sentences):
        return "The table can be learned from; check what is marked “Warning” first."
    return "Nothing speaks against training a model on this table."


def _finding(finding: Finding) -> dict[str, Any]:
    """Every second part of its text is code. `place`: of its section on the page, after the summary."""
    return {
        "severity": finding.severity,
        "parts": (finding.text[0].upper() + finding.text[1:]).split("`"),
        "place": get_args(Section).index(finding.section) + 2,
    }


def _facts(found: Exploration) -> list[tuple[str, object]]:
    view, time, labels = found.view, found.rhythm, found.labels
    sampled = "all" if view.whole else f"a random sample of {len(view):,}: every figure below is of the sample"
    facts: list[tuple[str, object]] = [
        ("rows", f"{view.source_rows:,}"),
        ("looked at", sampled),
        ("columns", f"{len(view.fields):,}"),
    ]
    if time is not None:
        facts.append(("time", f"{when(time.first)} to {when(time.last)} UTC ({duration(time.span_s)})"))
    if labels is not None:
        facts.append(("labelled anomalous", f"{labels.anomalous:,} rows ({labels.share:.3%})"))
    return facts
