"""The findings of an exploration, the most severe first, and what to run next."""

import shlex
from collections.abc import Callable, Iterable

from eddy.model.exploration import findings_columns, findings_labels
from eddy.model.exploration.finding import Finding, Severity
from eddy.model.exploration.profile import Exploration

_Look = Callable[[Exploration], Iterable[Finding]]
_LOOKS: tuple[_Look, ...] = (
    findings_columns.nothing_to_learn,
    findings_labels.leaks,
    findings_columns.refused_cells,
    findings_labels.labels,
    findings_columns.missing,
    findings_columns.constant,
    findings_columns.repeated,
    findings_labels.drift,
    findings_columns.copies,
    findings_columns.far_values,
    findings_labels.time,
    findings_columns.rare_levels,
    findings_columns.level_spellings,
    findings_columns.no_amount,
)
_MOST_SEVERE_FIRST = tuple(Severity)
_CORRECTED_IN_SCHEMA = ("columns", "labels", "missing", "correlations")


def findings(found: Exploration) -> tuple[Finding, ...]:
    """The most severe first; equally severe ones in the order in which one would look."""
    every = [finding for look in _LOOKS for finding in look(found)]
    return tuple(sorted(every, key=lambda finding: _MOST_SEVERE_FIRST.index(finding.severity)))


def next_commands(found: tuple[Finding, ...], source: str) -> tuple[str, ...]:
    """What to run next: straight to the training where no column needs a correction."""
    data = shlex.quote(source)
    if any(finding.severity is not Severity.INFO and finding.section in _CORRECTED_IN_SCHEMA for finding in found):
        return f"eddy schema {data} --out schema.toml", f"eddy train {data} --schema schema.toml"
    return (f"eddy train {data}",)
