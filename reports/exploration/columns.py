"""What an exploration shows of single columns and pairs of them."""

from datetime import UTC, datetime
from typing import Any

from eddy.model.exploration.distributions import ColumnFacts, Distribution
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import plots as draw
from eddy.reports.exploration.axes import percent

MOST_BARS, MOST_PAIRS = 60, 15
NOTABLE = 0.3


def shown(found: Exploration) -> dict[str, Any]:
    """Rows of tables, and small plots with their titles and captions."""
    visible = {name: facts for name, facts in found.levels.items() if facts.top and name not in found.view.hidden}
    pairs = found.correlations.pairs if found.correlations else ()
    return {
        "facts": [_facts(facts) for facts in found.columns],
        "missing": sorted(((f.name, f.missing) for f in found.columns if f.missing), key=lambda m: -m[1])[:MOST_BARS],
        "unusable": [(f.name, f.infinite, f.unreadable) for f in found.columns if f.infinite or f.unreadable],
        "distributions": [(draw.distribution(s), name, _axis(s)) for name, s in found.distributions.items()],
        "level_plots": [(draw.levels(facts), name, f"{facts.levels:,} levels") for name, facts in visible.items()],
        "levels": [(name, f.levels, f.rare_levels, percent(f.rare_rows)) for name, f in found.levels.items()],
        "correlated": [pair for pair in pairs if abs(pair[2]) >= NOTABLE][:MOST_PAIRS],
    }


def _facts(facts: ColumnFacts) -> tuple[object, ...]:
    spread = (facts.least, facts.middle, facts.most)
    return (facts.name, facts.kind, facts.role or "", percent(facts.missing), facts.distinct, *spread, facts.why)


def _axis(spread: Distribution) -> str:
    sides = "log axis with zero" if spread.edges[0] >= 0 else "log axis on both sides"
    words = {"linear": "", "log": "log axis", "symlog": sides}[spread.scale]
    beyond = ("not positive" if spread.scale == "log" else "beyond the axis") if spread.unseen > 0 else ""
    return "; ".join(filter(None, (words, f"{percent(spread.unseen)} {beyond}" if beyond else "")))


def when(seconds: float) -> str:
    """2026-03-01 12:00."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
