"""Exploratory data analysis of a table of transactions, as one sequence: facts only, nothing is drawn here."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from eddy.model.data.schema_inference import Guess
from eddy.model.exploration.correlations import Correlations, Duplicates, correlations, duplicates
from eddy.model.exploration.distributions import (
    ColumnFacts,
    Distribution,
    LevelFacts,
    column_facts,
    distributions,
    level_facts,
)
from eddy.model.exploration.drift import Drift, drift
from eddy.model.exploration.label_leakage import Labels, labels
from eddy.model.exploration.outliers import OutlierRow, Outliers, outlier_rows, outliers
from eddy.model.exploration.row_map import Projection, projection
from eddy.model.exploration.seasonality import Rhythm, rhythm
from eddy.model.exploration.typed_table import View, view
from eddy.model.progress import ProgressCallback
from eddy.model.schema.schema import Kind


@dataclass(frozen=True, eq=False)
class Exploration:
    """Everything that was found out about a table."""

    view: View
    columns: tuple[ColumnFacts, ...]
    distributions: dict[str, Distribution]
    levels: dict[str, LevelFacts]
    rhythm: Rhythm | None
    correlations: Correlations | None
    duplicates: Duplicates
    outliers: dict[str, Outliers]
    outlier_rows: tuple[OutlierRow, ...]
    labels: Labels | None
    drift: Drift | None
    projection: Projection | None


def explore(
    table: pd.DataFrame,
    source_rows: int,
    guesses: Sequence[Guess],
    seed: int = 0,
    progress: ProgressCallback = lambda *_: None,
) -> Exploration:
    """Looks at a table from all sides.

    Args:
        table: n rows, in the order of their source; a random sample of it where it is large.
        source_rows: how many rows the source has.
        guesses: what the columns are; those that the table does not have are passed over.
    """
    progress("reading the columns", 0.0)
    seen = view(table, source_rows, guesses)
    progress("counting values", 0.1)
    columns = column_facts(seen)
    spreads = distributions(seen)
    levels = level_facts(seen)
    progress("following time", 0.25)
    times = rhythm(seen)
    progress("correlating", 0.3)
    related = correlations(seen, seed)
    progress("looking for duplicates", 0.35)
    repeated = duplicates(seen)
    progress("looking for outliers", 0.45)
    far, far_rows = outliers(seen, spreads), outlier_rows(seen, spreads)
    progress("comparing columns with the label", 0.55)
    distinct = {facts.name: facts.distinct for facts in columns}
    labelled = labels(seen, seen.named(Kind.LABEL), distinct, seed)
    progress("comparing the first fifth with the last", 0.7)
    moved = drift(seen, seed)
    progress("drawing a map of similar rows", 0.75)
    near = projection(seen, spreads, seed)
    progress("done", 1.0)
    return Exploration(seen, columns, spreads, levels, times, related, repeated, far, far_rows, labelled, moved, near)
