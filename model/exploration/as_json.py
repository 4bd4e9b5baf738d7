"""An exploration as plain values, for scripts: findings and figures, no pictures, no value of a hidden column."""

import math
from dataclasses import asdict
from typing import Any

from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.profile import Exploration

MOST_PAIRS = 50


def figures(found: Exploration, source: str) -> dict[str, Any]:
    """What JSON can hold; numbers that are none are None."""
    told, view = findings(found), found.view
    made = {
        "rows": view.source_rows,
        "rows_looked_at": len(view),
        "findings": [{**asdict(finding), "weight": finding.weight.name.lower()} for finding in told],
        "next": list(next_commands(told, source)),
        "columns": [asdict(facts) for facts in found.columns],
        "levels": {name: asdict(facts) for name, facts in found.levels.items() if name not in view.hidden},
        "time": _time(found),
        "correlations": list(found.correlations.pairs[:MOST_PAIRS]) if found.correlations else [],
        "duplicates": asdict(found.duplicates),
        "outliers": {name: asdict(far) for name, far in found.outliers.items() if name not in view.hidden},
        "strangest_rows": [asdict(row) for row in found.strangest],
        "labels": asdict(found.labels) if found.labels else None,
        "drift": _drift(found),
    }
    return {name: _plain(value) for name, value in made.items()}


def _time(found: Exploration) -> dict[str, Any] | None:
    told = found.rhythm
    if told is None:
        return None
    wanted = ("column", "first", "last", "span_s", "pause_s", "pause_at", "ordered", "missing")
    return {name: getattr(told, name) for name in wanted}


def _drift(found: Exploration) -> dict[str, Any] | None:
    told = found.drift
    if told is None:
        return None
    hidden = found.view.hidden
    columns = [
        {**asdict(each), "verdict": each.verdict, "level": None if each.column in hidden else each.level}
        for each in told.columns
    ]
    return {"by_time": told.by_time, "label_rates": told.label_rates, "columns": columns}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
