"""Findings about the columns of a table, and about rows that are there twice."""

from collections.abc import Callable, Iterator

from eddy.model.data import sentinels
from eddy.model.exploration.distributions import ColumnFacts
from eddy.model.exploration.finding import Finding, Severity, counted, listed
from eddy.model.exploration.profile import Exploration
from eddy.model.schema.schema import Kind

SCORED = (Kind.NUMERIC.value, Kind.CATEGORICAL.value, Kind.TIMESTAMP.value)
FEWEST_ROWS = 500
MOSTLY_MISSING, MOSTLY_ONE_VALUE = 0.5, 0.999
COPY = 0.98
EXTREME_Z = 50.0
RARE_ROWS = 0.2


def nothing_to_learn(found: Exploration) -> Iterator[Finding]:
    scored = [facts for facts in found.columns if facts.kind in SCORED]
    holding = [facts for facts in found.columns if facts.kind != Kind.IDENTIFIER.value]
    if all(facts.distinct <= 1 for facts in scored or holding):
        yield Finding(Severity.ERROR, "columns", "all rows are the same: there is nothing to learn")
    elif not scored:
        text = (
            "no column can be scored: none was read as numeric, categorical or timestamp; "
            "write a schema that says what they are"
        )
        yield Finding(Severity.ERROR, "columns", text)
    if found.view.source_rows < FEWEST_ROWS:
        few = counted(found.view.source_rows, "row is", "rows are")
        text = f"{few} too few to learn from: training needs {FEWEST_ROWS} normal ones"
        yield Finding(Severity.ERROR, "columns", text)


def missing(found: Exploration) -> Iterator[Finding]:
    empty = _names(found, lambda facts: facts.missing == 1.0)
    if empty:
        text = f"{_columns(empty, 'has', 'have')} no value in any row: {listed(empty)}"
        yield Finding(_unless_ignored(found, empty), "missing", text, empty)
    sparse = _names(found, lambda facts: MOSTLY_MISSING < facts.missing < 1.0)
    if sparse:
        text = f"{_columns(sparse, 'is', 'are')} missing in more than half of the rows: {listed(sparse)}"
        yield Finding(Severity.WARNING, "missing", text, sparse)


def refused_cells(found: Exploration) -> Iterator[Finding]:
    infinite = _names(found, lambda facts: facts.infinite > 0)
    if infinite:
        cells = counted(sum(facts.infinite for facts in found.columns), "cell is", "cells are")
        text = f"{cells} infinite, which training refuses: {listed(infinite)}; leave them empty, or correct them"
        yield Finding(Severity.ERROR, "missing", text, infinite)
    broken = _names(found, lambda facts: facts.unreadable > 0)
    if broken:
        cells = counted(sum(facts.unreadable for facts in found.columns), "cell", "cells")
        text = f"{cells} cannot be read as what the column is: {listed(broken)}; correct them, or set another kind"
        yield Finding(Severity.ERROR, "missing", text, broken)


def constant(found: Exploration) -> Iterator[Finding]:
    same = _names(found, lambda facts: facts.constant and facts.kind != Kind.LABEL.value)
    if same:
        text = f"{_columns(same, 'is', 'are')} constant: {listed(same)}"
        yield Finding(_unless_ignored(found, same), "columns", text, same)
    nearly = _names(found, _nearly_constant)
    if nearly:
        text = (
            f"{_columns(nearly, 'has', 'have')} one value in {MOSTLY_ONE_VALUE:.1%} of the rows or more: "
            f"{listed(nearly)}; every other value will look anomalous"
        )
        yield Finding(Severity.WARNING, "columns", text, nearly)


def _nearly_constant(facts: ColumnFacts) -> bool:
    return facts.kind in SCORED and facts.distinct > 1 and facts.top_share >= MOSTLY_ONE_VALUE


def no_amount(found: Exploration) -> Iterator[Finding]:
    payments = found.view.named(Kind.CATEGORICAL) or found.view.role("card")  # a bare matrix has no names to go by
    if payments and found.view.role("amount") is None:
        text = "no column was recognised as the amount: name it in the schema if there is one"
        yield Finding(Severity.INFO, "columns", text)


def repeated(found: Exploration) -> Iterator[Finding]:
    same, where = found.duplicates, "" if found.view.whole else " of the sample"
    if same.repeats and same.column:
        text = (
            f"{counted(same.repeats, 'row', 'rows')}{where} {'repeats' if same.repeats == 1 else 'repeat'} an earlier "
            f"one's transaction identifier (`{same.column}`): the same payment may be there twice"
        )
        yield Finding(Severity.WARNING, "duplicates", text, (same.column,))
    if same.but_identifier > same.rows:
        count = counted(same.but_identifier, "row", "rows")
        text = f"{count}{where} equal an earlier one in all but `{same.column}`: booked twice?"
        yield Finding(Severity.INFO, "duplicates", text)
    if same.rows:
        share = f"{same.rows / len(found.view):.2%}"
        are = "is an exact copy" if same.rows == 1 else "are exact copies"
        text = f"{counted(same.rows, 'row', 'rows')}{where} ({share}) {are} of an earlier one"
        yield Finding(Severity.WARNING, "duplicates", text)


def copies(found: Exploration) -> Iterator[Finding]:
    pairs = found.correlations.pairs if found.correlations else ()
    same = [(one, other) for one, other, strength in pairs if abs(strength) >= COPY]
    if same:
        shown = "; ".join(f"`{one}` and `{other}`" for one, other in same[:3])
        more = f" and {counted(len(same) - 3, 'pair', 'pairs')} more" if len(same) > 3 else ""
        say = counted(len(same), "pair of columns says", "pairs of columns say")
        text = f"{say} nearly the same: {shown}{more}; leave out one of each"
        yield Finding(
            Severity.WARNING, "correlations", text, tuple(dict.fromkeys(name for pair in same for name in pair))
        )


def far_values(found: Exploration) -> Iterator[Finding]:
    fields = {field.name: field for field in found.view.fields}
    suspected = {name: far.sentinels for name, far in found.outliers.items() if far.sentinels}
    for name, seen in suspected.items():
        described = "; ".join(sentinels.described(f"`{name}`", each) for each in seen)
        text = f"{described}. {sentinels.remedy(fields[name], [each.value for each in seen])}"
        yield Finding(Severity.WARNING, "outliers", text, (name,))
    extreme = tuple(name for name, far in found.outliers.items() if name not in suspected and far.farthest >= EXTREME_Z)
    if extreme:
        text = (
            f"{_columns(extreme, 'has', 'have')} values more than {EXTREME_Z:g} robust standard deviations from the "
            f"middle: {listed(extreme)}; wrong units, or typing errors?"
        )
        yield Finding(Severity.INFO, "outliers", text, extreme)


def rare_levels(found: Exploration) -> Iterator[Finding]:
    rare = tuple(name for name, facts in found.levels.items() if facts.rare_rows > RARE_ROWS)
    if rare:
        text = (
            f"more than a fifth of the rows has a level that is rare in its column: {listed(rare)}; "
            "an identifier, or free text?"
        )
        yield Finding(Severity.INFO, "levels", text, rare)


def level_spellings(found: Exploration) -> Iterator[Finding]:
    shown = [name for name in found.view.levels if name not in found.view.hidden]
    twice = {name: pair for name in shown if (pair := _spelled_twice(found.view.levels[name].names.tolist()))}
    for name, (one, other) in twice.items():
        text = (
            f"`{name}` has levels that differ only in case or spaces, such as {one!r} and {other!r}: to the model they "
            "are as different as any others; write them alike, in messages too"
        )
        yield Finding(Severity.WARNING, "levels", text, (name,))


def _spelled_twice(levels: list[str]) -> tuple[str, str] | None:
    """The first two levels that differ only in case or in spaces around them."""
    seen: dict[str, str] = {}
    for level in levels:
        first = seen.setdefault(level.strip().casefold(), level)
        if first != level:
            return first, level
    return None


def _unless_ignored(found: Exploration, names: tuple[str, ...]) -> Severity:
    """What is left out of the model anyway needs no correction."""
    kinds = {facts.name: facts.kind for facts in found.columns}
    return Severity.WARNING if any(kinds[name] in SCORED for name in names) else Severity.INFO


def _names(found: Exploration, wanted: Callable[[ColumnFacts], bool]) -> tuple[str, ...]:
    return tuple(facts.name for facts in found.columns if wanted(facts))


def _columns(names: tuple[str, ...], one: str, many: str) -> str:
    return counted(len(names), f"column {one}", f"columns {many}")
