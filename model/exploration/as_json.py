"""An exploration as plain values, for scripts: findings and figures, no pictures, no value of a hidden column."""

import math
from dataclasses import asdict
from typing import Any

from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.profile import Exploration

MOST_PAIRS = 50


def figures(found: Exploration, source: str) -> dict[str, Any]:
    """What JSON can hold; numbers that are none are None."""
    view, listed = found.view, findings(found)
    made = {
        "rows": view.source_rows,
        "rows_looked_at": len(view),
        "findings": [asdict(finding) for finding in listed],
        "next": list(next_commands(listed, source)),
        "columns": [asdict(facts) for facts in found.columns],
        "levels": {name: asdict(facts) for name, facts in found.levels.items() if name not in view.hidden},
        "time": _time(found),
        "correlations": list(found.correlations.pairs[:MOST_PAIRS]) if found.correlations else [],
        "duplicates": asdict(found.duplicates),
        "outliers": {name: asdict(far) for name, far in found.outliers.items() if name not in view.hidden},
        "outlier_rows": [asdict(row) for row in found.outlier_rows],
        "labels": asdict(found.labels) if found.labels else None,
        "drift": _drift(found),
    }
    return {name: _plain(value) for name, value in made.items()}


def _time(found: Exploration) -> dict[str, Any] | None:
    rhythm = found.rhythm
    if rhythm is None:
        return None
    wanted = ("column", "first", "last", "span_s", "pause_s", "pause_at", "ordered", "missing")
    return {name: getattr(rhythm, name) for name in wanted}


def _drift(found: Exploration) -> dict[str, Any] | None:
    drift = found.drift
    if drift is None:
        return None
    hidden = found.view.hidden
    columns = [
        {**asdict(each), "verdict": each.verdict, "level": None if each.column in hidden else each.level}
        for each in drift.columns
    ]
    return {"by_time": drift.by_time, "label_rates": drift.label_rates, "columns": columns}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
