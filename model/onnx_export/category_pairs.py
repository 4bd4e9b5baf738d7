"""The part of the scoring graph that looks pairs of levels up; the same as `model.components.category_pairs`."""

import numpy as np

from eddy.model.arrays import Floats, Indices
from eddy.model.components.category_pairs import Pairs
from eddy.model.onnx_export.builder import Graph, Value, joined


def surprise(g: Graph, pairs: Pairs) -> Value:
    """What each column adds to the score [rows, J], float32.

    All J x J pairs are looked up at once, in one long table: the graph does not grow with their number. Sums are
    float64, so that large surprisals and large ratios that cancel each other out leave no rounding behind.
    """
    codes = _codes(g.inputs["categorical"], pairs)
    nats = g.constant(np.concatenate(pairs.surprisals)).op("Gather", codes)
    groups = g.constant(np.concatenate(pairs.groups), np.int32).op("Gather", codes)
    table, widths, firsts = _in_line(pairs)
    own, other = groups.op("Unsqueeze", [2]), groups.op("Unsqueeze", [1])
    cells = own * widths.astype(np.int32) + firsts.astype(np.int32) + other
    ratios = g.constant(table).op("Gather", cells)
    # A product with a vector: unlike ReduceMean it adds up in the same order wherever in a batch a row stands.
    return (nats + ratios @ np.full(len(pairs), 1.0 / (len(pairs) - 1))).cast(np.float32)


def _in_line(pairs: Pairs) -> tuple[Floats, Indices, Indices]:
    """All tables, one after the other [cells]; by pair [J, J] the width of its table, and its first cell.

    A column with itself has one line of zeros, of width 0: its ratio is 0 whatever the level.
    """
    zeros = np.zeros(1 + max(int(groups[-1]) for groups in pairs.groups))
    tables, widths, firsts = [zeros], np.zeros((len(pairs), len(pairs)), np.intp), []
    first = len(zeros)
    for a, b in np.ndindex(widths.shape):
        firsts.append(0 if a == b else first)
        if a != b:
            tables.append(pairs.tables[a][b].ravel())
            widths[a, b] = pairs.tables[a][b].shape[1]
            first += len(tables[-1])
    return np.concatenate(tables), widths, np.reshape(firsts, widths.shape)


def _codes(categorical: Value, pairs: Pairs) -> Value:
    """The index of each level [rows, J] in the surprisals of all columns, one after the other."""
    columns, first = [], 0
    for index, levels in enumerate(pairs.levels):
        columns.append(categorical.columns(index, index + 1).level_indices(levels, first))
        first += len(levels) + 1
    return joined(columns)
