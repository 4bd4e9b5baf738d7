"""The three parts of the default score in the scoring graph; the same as `model.components.combination`."""

import numpy as np
from numpy.typing import NDArray

from eddy.model.components.combination import EVEN, STEEPNESS, UNIT, WEIGHTS, Combination
from eddy.model.components.prototypes import NEAREST, Prototypes
from eddy.model.onnx_export.builder import Graph
from eddy.model.onnx_export.terms import Terms

BY_ROW = [1]


def combined(g: Graph, model: Combination, terms: Terms) -> Terms:
    """What tails, network and distance add to the score, of what is in `terms`."""
    tails = g.sum([part for part in (terms.tail_scores, terms.lacking) if part])
    sizes = g.sum(terms.strange)
    compressed = g.signed(terms.x, g.log1p(g.op("Abs", terms.x)))
    parts = g.joined([_total(g, tails), g.op("Sqrt", _squared(g, sizes)), _distance(g, model.prototypes, compressed)])
    units = STEEPNESS / model.spreads
    steep = g.op("Add", g.op("Mul", parts, g.constant(units)), g.constant(-model.medians * units))
    weighted = g.op("Mul", g.op("Softplus", steep), g.constant(UNIT * WEIGHTS / STEEPNESS))
    return terms._replace(tail_scores=tails, lacking="", network=sizes, compressed=compressed, combined=weighted)


def shared(g: Graph, model: Combination, terms: Terms) -> Terms:
    """The three parts shared out over features [rows, d]."""
    tails, network, distance = g.split(terms.combined, [1, 1, 1])
    return terms._replace(
        tail_scores=_shared(g, tails, terms.tail_scores),
        network=_shared(g, network, g.op("Mul", terms.network, terms.network)),
        distance=_shared(g, distance, _squares(g, model.prototypes, terms.compressed)),
    )


def _shared(g: Graph, term: str, values: str) -> str:
    values = g.op("Add", values, g.constant(EVEN))
    return g.op("Mul", g.op("Div", values, _total(g, values)), term)


def _distance(g: Graph, prototypes: Prototypes, rows: str) -> str:
    nearest = g.op("ReduceMin", _distances(g, prototypes, rows), g.constant(BY_ROW, np.int64), keepdims=1)
    least = g.constant(NEAREST**2 * prototypes.centers.shape[1])
    squared = g.op("Max", g.op("Add", nearest, _squared(g, rows)), g.constant(0.0))
    return g.op("Sqrt", g.op("Add", squared, least))


def _distances(g: Graph, prototypes: Prototypes, rows: str) -> str:
    """Squared distances [rows, k] less the row's own square."""
    return g.op("Gemm", rows, g.constant(-2 * prototypes.centers.T), g.constant(prototypes.offsets))


def _squares(g: Graph, prototypes: Prototypes, rows: str) -> str:
    """Squared distances from the nearest prototype by feature [rows, d]."""
    nearest = g.op("ArgMin", _distances(g, prototypes, rows), axis=1, keepdims=0)
    missed = g.op("Sub", rows, g.op("Gather", g.constant(prototypes.centers), nearest))
    doubt: NDArray[np.float64] = prototypes.doubts**2 / prototypes.centers.shape[1] + NEAREST**2
    return g.op("Add", g.op("Mul", missed, missed), g.op("Gather", g.constant(doubt[:, None]), nearest))


def _total(g: Graph, values: str) -> str:
    return g.op("ReduceSum", values, g.constant(BY_ROW, np.int64), keepdims=1)


def _squared(g: Graph, values: str) -> str:
    return g.op("ReduceSumSquare", values, g.constant(BY_ROW, np.int64), keepdims=1)
