"""Sections about single columns and pairs of them. Each begins with what to look for and whether to go on."""

from eddy.model.exploration.distributions import RARE_SHARE, ColumnFacts, Distribution
from eddy.model.exploration.finding import counted
from eddy.model.exploration.profile import Exploration
from eddy.reports.exploration import plots as draw
from eddy.reports.exploration.text import percent
from eddy.reports.page import Page

MOST_BARS, MOST_PAIRS = 60, 15
NOTABLE = 0.3


def columns(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Check that every column is what it says here; where one is wrong, correct the schema before you train, for "
        "everything below and every model follows from it."
    )
    names = ["column", "kind", "role", "missing", "different values", "least", "middle", "most", "why"]
    page.table(names, [_row(facts) for facts in found.columns])
    hidden = sorted(found.view.hidden)
    if hidden:
        page.note(f"Values of {', '.join(hidden)} are shown nowhere in this report: they may name persons or cards.")


def _row(facts: ColumnFacts) -> list[object]:
    spread = [facts.least, facts.middle, facts.most]
    return [facts.name, facts.kind, facts.role or "", percent(facts.missing), facts.distinct, *spread, facts.why]


def missing(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Missing numbers are filled in with the median and flagged, missing categories are a level of their own: go on "
        "unless a column is missing where it should not be."
    )
    holes = sorted((facts for facts in found.columns if facts.missing), key=lambda facts: -facts.missing)[:MOST_BARS]
    if holes:
        figure = draw.missing([facts.name for facts in holes], [facts.missing for facts in holes])
        page.figure(figure, f"Share of rows without a value, in {counted(len(holes), 'column', 'columns')}.")
    else:
        page.paragraph("No value is missing.")
    lost = [facts for facts in found.columns if facts.infinite or facts.unreadable]
    if lost:
        page.paragraph("These cells are neither missing nor of use; here they are read as missing:")
        page.table(["column", "infinite", "not readable"], [[f.name, f.infinite, f.unreadable] for f in lost])


def distributions(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for columns that are not what you expect: other units, spikes, values that cannot be; skewed ones are "
        "fine, the model takes care of them."
    )
    if not found.distributions:
        page.paragraph("No numeric column has two different values.")
        return
    strange = any(spread.anomalous is not None for spread in found.distributions.values())
    if strange:
        page.paragraph("Filled: normal rows. Line: labelled anomalies. Both by their own number, so they compare.")
    page.grid((draw.distribution(spread), name, _axis(spread)) for name, spread in found.distributions.items())


def _axis(spread: Distribution) -> str:
    sides = "log axis with zero" if spread.edges[0] >= 0 else "log axis on both sides"
    words = {"linear": "", "log": "log axis", "symlog": sides}[spread.scale]
    beyond = ("not positive" if spread.scale == "log" else "beyond the axis") if spread.unseen > 0 else ""
    return "; ".join(filter(None, (words, f"{percent(spread.unseen)} {beyond}" if beyond else "")))


def levels(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for levels that mean the same in different spelling, and for columns with so many rare levels that they "
        "are identifiers in truth: set these to ignored."
    )
    if not found.levels:
        page.paragraph("There is no categorical column.")
        return
    if found.labels is not None:
        page.paragraph("Bars: share of the rows. At the right: share of the level's rows that are anomalous.")
    shown = {name: facts for name, facts in found.levels.items() if facts.top and name not in found.view.hidden}
    page.grid((draw.levels(facts), name, f"{facts.levels:,} levels") for name, facts in shown.items())
    page.paragraph(f"A level is called rare if fewer than {RARE_SHARE:.1%} of the rows have it.")
    rows = [[name, facts.levels, facts.rare_levels, percent(facts.rare_rows)] for name, facts in found.levels.items()]
    page.table(["column", "levels", "rare ones", "rows with a rare one"], rows)


def correlations(page: Page, found: Exploration) -> None:
    page.paragraph(
        "Look for pairs that say the same twice: copies of one fact drown the others, so leave out one of each; weaker "
        "ties are what the model learns from."
    )
    told = found.correlations
    if told is None:
        page.paragraph("There are no two numeric columns that vary.")
        return
    of = "all rows" if told.rows == len(found.view) else f"{told.rows:,} rows drawn at random"
    page.figure(draw.correlations(told), f"Rank correlation (Spearman) of {of}; similar columns side by side.")
    strong = [pair for pair in told.pairs if abs(pair[2]) >= NOTABLE][:MOST_PAIRS]
    if strong:
        page.table(["column", "and", "correlation"], strong)
    else:
        page.paragraph(f"No pair is correlated by {NOTABLE} or more.")
