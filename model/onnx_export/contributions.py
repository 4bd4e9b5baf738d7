"""The part of the scoring graph that says what each field adds to the score; the same as `ScoreModel.contributions`."""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from eddy.model.components.attribution import OWN
from eddy.model.components.score_model import TINY, ScoreModel
from eddy.model.onnx_export.builder import Graph
from eddy.model.onnx_export.combination import shared
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema


def contributions(g: Graph, schema: TransactionSchema, model: ScoreModel, terms: Terms, output: str) -> None:
    """Contributions [rows, fields] in float64; they add up to the value `score`."""
    g.precision = np.float32
    belongs = model.encoder.field_of_feature[:, None] == np.arange(len(schema.scored))
    features = terms.network if model.pairs is not None else _by_feature(g, model, terms)
    fields = g.cast(g.op("MatMul", features, g.constant(belongs)), TensorProto.DOUBLE)
    # float32 leaves a millionth; what adds up to the score is to add up to it.
    fields_axis = g.constant([1], np.int64)
    total = g.op("ReduceSum", fields, fields_axis, keepdims=1)
    score = g.op("Unsqueeze", "score", fields_axis)
    ratio = g.op("Div", score, g.op("Max", total, g.constant(TINY, np.float64)))
    g.op("Mul", fields, ratio, output=output)


def _by_feature(g: Graph, model: ScoreModel, terms: Terms) -> str:
    if model.combination is not None:
        terms = shared(g, model.combination, terms)
    if terms.strange:
        of_one = g.op("Div", terms.network, g.op("Max", g.sum(terms.strange), g.constant(TINY)))
        of_u = [_of_network(g, model, terms, of_one, index) for index in range(len(terms.strange))]
    else:
        of_u = [terms.network] if terms.network else []
    of_white = [terms.inputs] if terms.inputs else []
    if model.clusters is not None or model.network_input == "whitened":
        of_u, of_white = [], of_white + of_u
    traced_back = [_from_white(g, model, terms.x, g.sum(of_white))] if of_white else []
    of_x = [part for part in (terms.tail_scores, terms.lacking, terms.distance) if part]
    return g.sum([*of_u, *traced_back, *of_x])


def _of_network(g: Graph, model: ScoreModel, terms: Terms, of_one: str, index: int) -> str:
    """What one network's share in the networks' part owes to each feature of u; `of_one`: the part, by strange."""
    assert model.residuals is not None
    whitening = model.residuals[index]
    missed = g.op("Sub", g.op("Sub", terms.u, terms.rebuilt[index]), g.constant(whitening.center))
    return traced(g, g.op("Mul", of_one, terms.strange[index]), missed, whitening.matrix)


def _from_white(g: Graph, model: ScoreModel, x: str, values: str) -> str:
    return traced(g, values, g.op("Sub", x, g.constant(model.inputs.center)), model.inputs.matrix)


def traced(g: Graph, values: str, sizes: str, matrix: NDArray[np.float64]) -> str:
    """The same as `model.components.attribution.traced`."""
    size, brought = g.op("Abs", sizes), np.abs(matrix)
    every = g.op("Add", g.op("MatMul", size, g.constant(brought)), g.constant(OWN))
    each = g.op("Div", values, every)
    back = g.op("Mul", size, g.op("MatMul", each, g.constant(brought.T)))
    return g.op("Add", back, g.op("Mul", each, g.constant(OWN)))
