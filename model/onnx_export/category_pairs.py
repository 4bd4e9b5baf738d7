"""The part of the scoring graph that looks pairs of levels up; the same as `model.components.category_pairs`."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from eddy.model.components.category_pairs import Pairs
from eddy.model.onnx_export.builder import Graph

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def surprise(g: Graph, pairs: Pairs) -> str:
    """What each column adds to the score [rows, J], float32.

    All J x J pairs are looked up at once, in one long table: the graph does not grow with their number. Sums are
    float64, so that large surprisals and large ratios that cancel each other out leave no rounding behind.
    """
    codes = _codes(g, pairs)
    nats = g.op("Gather", g.constant(np.concatenate(pairs.surprisals)), codes)
    groups = g.op("Gather", g.constant(np.concatenate(pairs.groups), np.int32), codes)
    table, widths, firsts = _in_line(pairs)
    own, other = (g.op("Unsqueeze", groups, g.constant([axis], np.int64)) for axis in (2, 1))
    line = g.op("Add", g.op("Mul", own, g.constant(widths, np.int32)), g.constant(firsts, np.int32))
    ratios = g.op("Gather", g.constant(table), g.op("Add", line, other))
    # A product with a vector: unlike ReduceMean it adds up in the same order wherever in a batch a row stands.
    mean = g.op("MatMul", ratios, g.constant(np.full(len(pairs), 1.0 / (len(pairs) - 1))))
    return g.cast(g.op("Add", nats, mean), TensorProto.FLOAT)


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


def _codes(g: Graph, pairs: Pairs) -> str:
    """The index of each level [rows, J] in the surprisals of all columns, one after the other."""
    columns, first = [], 0
    for index, levels in enumerate(pairs.levels):
        columns.append(g.level_indices(g.columns("categorical", index, index + 1), levels, first))
        first += len(levels) + 1
    return g.joined(columns)
