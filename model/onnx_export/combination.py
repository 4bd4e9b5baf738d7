"""The three parts of the default score in the scoring graph; the same as `model.components.combination`."""

import numpy as np

from eddy.model.components.combination import EVEN, STEEPNESS, UNIT, WEIGHTS, Combination
from eddy.model.components.prototypes import NEAREST, Prototypes
from eddy.model.onnx_export.builder import Value, joined, total
from eddy.model.onnx_export.terms import Terms


def combined(model: Combination, terms: Terms) -> Terms:
    """What tails, network and distance add to the score, of what is in `terms`."""
    assert terms.x is not None
    assert terms.network is not None
    tails = total([part for part in (terms.tail_scores, terms.lacking) if part])
    compressed = terms.x.sign() * abs(terms.x).log1p()
    lengths = [_squared(terms.network).op("Sqrt"), _distance(model.prototypes, compressed)]
    units = STEEPNESS / model.spreads
    steep = joined([tails.row_sums(), *lengths]) * units + -model.medians * units
    weighted = steep.op("Softplus") * (UNIT * WEIGHTS / STEEPNESS)
    return terms._replace(tail_scores=tails, lacking=None, compressed=compressed, combined=weighted)


def shared(model: Combination, terms: Terms) -> Terms:
    """The three parts shared out over features [rows, d]."""
    assert terms.combined is not None
    assert terms.compressed is not None
    assert terms.tail_scores is not None
    assert terms.network is not None
    tails, network, distance = terms.combined.split([1, 1, 1])
    return terms._replace(
        tail_scores=_shared(tails, terms.tail_scores),
        network=_shared(network, terms.network * terms.network),
        distance=_shared(distance, _squares(model.prototypes, terms.compressed)),
    )


def _shared(term: Value, values: Value) -> Value:
    values = values + EVEN
    share: Value = values / values.row_sums()
    return share * term


def _distance(prototypes: Prototypes, rows: Value) -> Value:
    nearest = _distances(prototypes, rows).op("ReduceMin", [1], keepdims=1)
    least = float(NEAREST**2 * prototypes.centers.shape[1])
    return ((nearest + _squared(rows)).op("Max", 0.0) + least).op("Sqrt")


def _distances(prototypes: Prototypes, rows: Value) -> Value:
    """Squared distances [rows, k] less the row's own square."""
    return rows.gemm(-2 * prototypes.centers.T, prototypes.offsets)


def _squares(prototypes: Prototypes, rows: Value) -> Value:
    """Squared distances from the nearest prototype by feature [rows, d]."""
    nearest = _distances(prototypes, rows).op("ArgMin", axis=1, keepdims=0, kind=np.int64)
    centers = rows.graph.constant(prototypes.centers, np.float32).op("Gather", nearest)
    doubt = prototypes.doubts[:, None] ** 2 / prototypes.centers.shape[1] + NEAREST**2
    missed = rows - centers
    squares: Value = missed * missed + rows.graph.constant(doubt, np.float32).op("Gather", nearest)
    return squares


def _squared(values: Value) -> Value:
    return values.op("ReduceSumSquare", [1], keepdims=1)
