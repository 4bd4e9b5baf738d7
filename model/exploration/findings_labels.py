"""Findings about labels, about time, and about what changes with it."""

import re
from collections.abc import Iterator

from eddy.model.exploration.finding import Finding, Severity, listed
from eddy.model.exploration.findings_columns import FEWEST_ROWS, SCORED
from eddy.model.exploration.label_leakage import Separation
from eddy.model.exploration.profile import Exploration
from eddy.model.exploration.seasonality import DAY_S

COMMON_ANOMALIES = 0.2
PAUSE_SHARE = 0.05
RATE_RATIO = 3.0

_AFTERWARDS = re.compile(
    r".*(fraud|anomal|outlier|charge_?back|disput|is_bad|target|label|confirmed|investigat).*", re.IGNORECASE
)


def leaks(found: Exploration) -> Iterator[Finding]:
    separations = found.labels.separations if found.labels else ()
    leaking = [finding for each in separations if (finding := _leak(each))]
    yield from leaking
    for facts in found.columns:
        known = any(facts.name in finding.columns for finding in leaking)
        if facts.kind in SCORED and not known and _AFTERWARDS.fullmatch(facts.name):
            text = (
                f"`{facts.name}` is named like something known only afterwards, and would be learned from: "
                "set it to label or ignored if so"
            )
            yield Finding(Severity.WARNING, "labels", text, (facts.name,))


def _leak(each: Separation) -> Finding | None:
    figures = f"AUC {each.auc:.3f}, average precision {each.ap:.2f}"
    if each.second_label:
        text = (
            f"`{each.column}` looks like a second label ({figures} with {each.distinct} different values): "
            "set it to label or ignored in the schema"
        )
        return Finding(Severity.ERROR, "labels", text, (each.column,))
    if each.leak:
        text = f"the label leaks through `{each.column}` ({figures}): set it to ignored in the schema"
        return Finding(Severity.ERROR, "labels", text, (each.column,))
    if each.suspect:
        text = (
            f"`{each.column}` alone nearly gives the label away ({figures}): fine if it is known when a transaction is "
            "made, a leak if it is not"
        )
        return Finding(Severity.WARNING, "labels", text, (each.column,))
    return None


def labels(found: Exploration) -> Iterator[Finding]:
    facts = found.labels
    if facts is None:
        text = "there is no label: how well frauds are detected cannot be shown here"
        yield Finding(Severity.INFO, "labels", text)
        return
    columns = tuple(name for name, _ in facts.columns)
    if facts.anomalous == 0:
        yield Finding(Severity.WARNING, "labels", f"{listed(columns)} calls no row an anomaly", columns)
    elif facts.anomalous == len(found.view):
        text = f"{listed(columns)} calls every row an anomaly: no normal row is left to learn from"
        yield Finding(Severity.ERROR, "labels", text, columns)
    elif facts.share > COMMON_ANOMALIES:
        text = f"{facts.share:.0%} of the rows are labelled anomalies, which should be rare: which value means normal?"
        yield Finding(Severity.WARNING, "labels", text, columns)
    if 0 < facts.missing < 1:
        text = f"{facts.missing:.1%} of the rows have no label; they count as normal"
        yield Finding(Severity.WARNING, "labels", text, columns)


def time(found: Exploration) -> Iterator[Finding]:
    rhythm = found.rhythm
    if rhythm is None:
        text = "there is no time: hours and days cannot be checked, drift only in the order of the rows"
        yield Finding(Severity.INFO, "time", text)
        return
    names = (rhythm.column,)
    if rhythm.missing:
        yield Finding(Severity.WARNING, "time", f"{rhythm.missing:.1%} of the rows have no time", names)
    if rhythm.span_s < 7 * DAY_S:
        text = f"the rows span {duration(rhythm.span_s)}, less than a week: hours and days not seen will look anomalous"
        yield Finding(Severity.WARNING, "time", text, names)
    if rhythm.pause_s > PAUSE_SHARE * rhythm.span_s > 0 and len(found.view) >= FEWEST_ROWS:
        text = f"there is no row for {duration(rhythm.pause_s)} in a span of {duration(rhythm.span_s)}"
        yield Finding(Severity.WARNING, "time", text, names)
    if not rhythm.ordered:
        text = f"the rows are not in the order of `{rhythm.column}`: sort them before replaying them"
        yield Finding(Severity.INFO, "time", text, names)


def duration(seconds: float) -> str:
    """`3.5 days`: the largest unit of which there are one and a half."""
    for size, name in ((365.25 * DAY_S, "years"), (DAY_S, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.3g} {name}"
    return f"{seconds:,.3g} seconds"


def drift(found: Exploration) -> Iterator[Finding]:
    if found.drift is None:
        return
    fifth = "fifth of time" if found.drift.by_time else "fifth of the rows"
    different = tuple(each.column for each in found.drift.columns if each.verdict == "different")
    if different:
        text = (
            f"the last {fifth} differs from the first in {listed(different)}: "
            "a model of the past may not fit what comes"
        )
        yield Finding(Severity.WARNING, "drift", text, different)
    moved = tuple(each.column for each in found.drift.columns if each.verdict == "moved")
    if moved:
        yield Finding(Severity.INFO, "drift", f"the last {fifth} has moved a little in {listed(moved)}", moved)
    rates = found.drift.label_rates
    if rates and max(rates) > RATE_RATIO * min(rates) and abs(rates[0] - rates[1]) > found.drift.label_noise:
        sorted_by = "" if found.drift.by_time else ": the rows seem to be sorted by label"
        text = f"{rates[0]:.2%} of the first {fifth} are anomalies, and {rates[1]:.2%} of the last{sorted_by}"
        yield Finding(Severity.WARNING, "drift", text)
