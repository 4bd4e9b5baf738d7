"""Scoring a table: piece by piece, one row of verdicts for each row of transactions, in the same order.

Uses pandas, and nothing else of the training side: no TensorFlow, no scikit-learn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eddy.model.data.conversion import columns_of
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.detector import Contribution, Detector, Verdicts

VERDICT = ("score", "rarity", "anomalous")
CONTRIBUTION = "contribution_"


@dataclass(frozen=True)
class TopRow:
    """A row worth looking at. `row` counts from 1; `transaction` is its identifier, where the schema names one."""

    row: int
    transaction: str | None
    score: float
    rarity: float
    anomalous: bool
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """Some rows of a table with their verdicts: `frame` has the columns that `names` lists."""

    first_row: int
    frame: pd.DataFrame
    verdicts: Verdicts


def score_pieces(pieces: Iterable[pd.DataFrame], detector: Detector) -> Iterator[Piece]:
    """Scores a table that comes in pieces.

    Raises:
        TableError: a column is missing or holds what the schema does not say.
    """
    first = 1
    for table in pieces:
        verdicts = detector.detect(columns_of(table, detector.schema))
        yield Piece(first, _frame(table, verdicts, detector.schema), verdicts)
        first += len(table)


def names(schema: TransactionSchema) -> tuple[str, ...]:
    """The columns of what comes out: the transaction's identifier, score, rarity, anomalous, contributions."""
    identifier = schema.role("transaction")
    own = () if identifier is None else ("transaction" if identifier.name in VERDICT else identifier.name,)
    return (*own, *VERDICT, *(CONTRIBUTION + name for name in schema.scored))


def top_rows(piece: Piece, count: int, top: int, named: bool) -> list[TopRow]:
    """The rows of a piece that score highest, each with its largest contributions.

    Args:
        named: whether the first column is the transaction's identifier.
    """
    verdicts = piece.verdicts
    identifiers = piece.frame.iloc[:, 0] if named else None
    return [
        TopRow(
            piece.first_row + int(i),
            None if identifiers is None or pd.isna(identifiers.iloc[i]) else str(identifiers.iloc[i]),
            float(verdicts.score[i]),
            float(verdicts.rarity[i]),
            bool(verdicts.anomalous[i]),
            verdicts.contributions(int(i), top),
        )
        for i in np.argsort(-verdicts.score, kind="stable")[:count]
    ]


def _frame(table: pd.DataFrame, verdicts: Verdicts, schema: TransactionSchema) -> pd.DataFrame:
    verdict = [verdicts.score, verdicts.rarity, verdicts.anomalous, *verdicts.contribution_matrix.T]
    identifier = schema.role("transaction")
    own = [] if identifier is None else [_texts(table, identifier.name)]
    return pd.DataFrame(dict(zip(names(schema), own + verdict, strict=True)))


def _texts(table: pd.DataFrame, name: str) -> "pd.Series[str]":
    """As text, so that every piece has the same type; nothing where the table has no such column."""
    column = table[name] if name in table else pd.Series(None, index=table.index, dtype="object")
    return column.astype("object").map(str, na_action="ignore").reset_index(drop=True)
