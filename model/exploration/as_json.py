"""An exploration as plain values, for scripts: findings and figures, no pictures, no value of a hidden column."""

from dataclasses import asdict
from typing import Any

from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.profile import Exploration

MOST_PAIRS = 50


def figures(found: Exploration, source: str) -> dict[str, Any]:
    """What JSON can hold, and dataclasses that hold only that."""
    view, listed = found.view, findings(found)
    return {
        "rows": view.source_rows,
        "rows_looked_at": len(view),
        "findings": listed,
        "next": next_commands(listed, source),
        "columns": found.columns,
        "levels": {name: facts for name, facts in found.levels.items() if name not in view.hidden},
        "time": _time(found),
        "correlations": found.correlations.pairs[:MOST_PAIRS] if found.correlations else [],
        "duplicates": found.duplicates,
        "outliers": {name: far for name, far in found.outliers.items() if name not in view.hidden},
        "outlier_rows": found.outlier_rows,
        "labels": found.labels,
        "drift": _drift(found),
    }


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
