"""Categories beside each other, for transactions that have no other fields: how unusual is a level, given the others?

They take the place of the networks where all features are surprisals of categories. A network sees of a level only how
rare it is, so two levels of the same share are one to it; what does not go together it can hardly find. Counts can:

    contribution of a field  =  mean over the other fields of -log p(level | the other field's level)
                             =  -log p(level) + mean over the other fields of log( p(level) / p(level | other level) )

in nats, not standardised: a nat is a nat. The score is the sum over J fields. But for how counts are smoothed it is

    sum over fields of -log p(a)  +  2 / (J - 1)  sum over pairs of log( p(a) p(b) / p(a, b) )

each pair's term given half to each of its two fields. Two fields that say the same count once, and no contribution is
negative: there is no pair that makes up for another.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eddy.model.arrays import Floats, Indices, Texts
from eddy.model.features.encoder import Categories, indices_of

Groups = NDArray[np.int32]

WEIGHT = 5.0
"""p(level | other level) is drawn to p(level) as if so many more rows of the other level had been seen."""
MOST_FIELDS = 64
"""Beyond so many fields pairs are too many to look all of them up for every row; the networks score then."""
MOST_CELLS = 2_000_000
"""Cells of all tables together, of 8 bytes: what an artifact, and each process that scores by it, has to hold."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Of J categorical columns, one entry each; `unseen` levels are all those that no training row has.

    Args:
        levels: the K levels.
        surprisals: -log p(level) [K + 1], the last for unseen levels.
        groups: the rows and columns of levels in the tables [K + 1]. Usual levels have their own, rare ones share one
            where they are too many for that; the last is that of unseen levels.
        tables: [a][b] is log( p(group of a) / p(group of a | group of b) ), 0 where either is unseen: what nobody has
            seen tells nothing of others. Where a is b there is none: [0, 0].
    """

    levels: tuple[tuple[str, ...], ...]
    surprisals: tuple[Floats, ...]
    groups: tuple[Groups, ...]
    tables: tuple[tuple[Floats, ...], ...]

    def __len__(self) -> int:
        return len(self.levels)

    def contributions(self, categorical: Texts) -> Floats:
        """What each column [n, J] adds to the scores [n, J], in nats."""
        codes = _codes(categorical, self.levels)
        groups = [of[code] for of, code in zip(self.groups, codes, strict=True)]
        parts = [
            nats[code] + sum(tables[b][groups[a], groups[b]] for b in range(len(self)) if b != a) / (len(self) - 1)
            for a, (nats, code, tables) in enumerate(zip(self.surprisals, codes, self.tables, strict=True))
        ]
        return np.column_stack(parts)

    @property
    def together(self) -> dict[int, int]:
        """By column how many rare levels share a place in the tables, where some do."""
        shared = {index: len(groups) - int(groups[-1]) for index, groups in enumerate(self.groups)}
        return {index: count for index, count in shared.items() if count > 1}


def countable(categories: int, of: int) -> bool:
    """Whether there are pairs to count, and not too many: so many categories among so many features or fields."""
    return 2 <= categories <= MOST_FIELDS and categories == of


def fit(categorical: Texts, categories: Categories, most_cells: int = MOST_CELLS) -> Pairs:
    """Counts the pairs of levels of columns [n, J]; `categories` are those that were learned from them."""
    levels = tuple(tuple(known) for known in categories.surprisals)
    both = zip(categories.surprisals, categories.unseen, strict=True)
    surprisals = tuple(np.array([*known.values(), unseen]) for known, unseen in both)
    own = _own_groups(np.array([len(known) for known in levels]), most_cells)
    groups = tuple(_groups(nats, own) for nats in surprisals)
    rows = [of[code] for of, code in zip(groups, _codes(categorical, levels), strict=True)]
    shares = [_summed(np.exp(-nats), of) for of, nats in zip(groups, surprisals, strict=True)]
    tables = [[np.zeros((0, 0))] * len(levels) for _ in levels]
    for a in range(len(levels)):
        for b in range(a):
            size = len(shares[a]), len(shares[b])
            counts = np.bincount(rows[a] * size[1] + rows[b], minlength=size[0] * size[1]).reshape(size)
            tables[a][b], tables[b][a] = _table(counts, shares[a]), _table(counts.T, shares[b])
    return Pairs(levels, surprisals, groups, tuple(map(tuple, tables)))


def _table(counts: Indices, share: Floats) -> Floats:
    """log( p(a) / p(a | b) ) [a, b] of counts [a, b] and p(a) [a]; the last of each are unseen."""
    given = (counts + WEIGHT * share[:, None]) / (counts.sum(axis=0) + WEIGHT)
    table = np.log(share[:, None] / given)
    table[-1], table[:, -1] = 0.0, 0.0
    return np.asarray(table)


def _own_groups(levels: Indices, most_cells: int) -> int:
    """Of how many levels each column may give one a group of its own: as many as the tables have room for."""

    def cells(own: int) -> int:
        sizes = np.where(levels <= own, levels + 1, own + 2)
        return int(sizes.sum() ** 2 - (sizes**2).sum())

    return bisect_right(range(1, int(levels.max()) + 1), most_cells, key=cells)


def _groups(surprisals: Floats, own: int) -> Groups:
    """The group of each level and of unseen ones [K + 1]: the most usual first, beyond `own` of them all in one."""
    known = len(surprisals) - 1
    rank = np.empty(known, np.int32)
    rank[np.argsort(surprisals[:-1], kind="stable")] = np.arange(known)
    shared = np.minimum(rank, own)
    return np.append(shared, shared.max() + 1).astype(np.int32)


def _summed(shares: Floats, groups: Groups) -> Floats:
    return np.bincount(groups, shares).astype(np.float64)


def _codes(categorical: Texts, levels: tuple[tuple[str, ...], ...]) -> list[Indices]:
    """By column the indices of levels [n] among the known, for unseen ones one more than the last."""
    return [indices_of(column, known) for column, known in zip(categorical.T, levels, strict=True)]
