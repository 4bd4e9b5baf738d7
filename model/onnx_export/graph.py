"""Encoder, network and score as one ONNX graph: raw columns in; score, contributions and expected values out.

The graph is put together by hand from the numbers that were learned, operator by operator: it is small, every
operator is one of standard ONNX, and nothing has to be converted (`docs/decisions/0001-one-scoring-graph.md`).
`check_parity` holds it against `ScoreModel`, the same in Python, at every export.
"""

import json
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from eddy.model.components.autoencoder import Layer
from eddy.model.components.gaussian_clusters import Clusters
from eddy.model.components.score_model import WEIGHTS, ScoreModel, Weights
from eddy.model.components.tail_scores import TailScores
from eddy.model.components.whitening import Whitening
from eddy.model.onnx_export import category_pairs
from eddy.model.onnx_export import features as raw_features
from eddy.model.onnx_export.builder import Graph
from eddy.model.onnx_export.combination import combined
from eddy.model.onnx_export.contributions import contributions
from eddy.model.onnx_export.expected_values import expected
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.scorer import EXPLAIN, OUTPUTS, USUAL_LEVELS

PARITY = 1e-4
"""How far a score of the graph may be from the Python pipeline's, relative."""

BLOCK = 10
"""Features whose tail scores are computed together: more are mostly zeros, fewer mostly overhead."""

OPSET, ML_OPSET, IR_VERSION = 18, 3, 9


class ParityError(Exception):
    """The graph does not do what the Python pipeline does: a bug here or in ONNX Runtime, never the data's fault."""


def check_parity(score: NDArray[np.float64], graph_score: NDArray[np.float64]) -> None:
    """Holds the graph's scores against those of the Python pipeline for the same rows.

    Raises:
        ParityError: they differ by more than PARITY, relative; a score below the median counts as the median.
    """
    least = max(1e-3, float(np.median(np.abs(score))))
    worst = float(np.max(np.abs(graph_score - score) / np.maximum(np.abs(score), least), initial=0.0))
    if not worst <= PARITY:
        raise ParityError(f"the exported graph's scores are off by {worst:.2g}; at most {PARITY:g} is allowed")


def build(schema: TransactionSchema, model: ScoreModel) -> bytes:
    """The scoring graph of a trained model, serialised.

    Raw columns are float64 until they are standardised, because times and amounts need it.
    """
    graph = Graph()
    terms = _terms(graph, schema, model)
    total = graph.cast(graph.sum(terms.parts), TensorProto.DOUBLE)
    graph.op("ReduceSum", total, graph.constant([1], np.int64), keepdims=0, output="score")
    _explain(graph, schema, model, terms)
    usual = dict(zip(schema.categorical, model.encoder.usual_level, strict=True))
    return _serialise(graph, schema, {USUAL_LEVELS: json.dumps(usual)})


def _terms(g: Graph, schema: TransactionSchema, model: ScoreModel) -> Terms:
    if model.pairs is not None:
        return Terms(network=category_pairs.surprise(g, model.pairs))
    far, lacking = _features(g, schema, model)
    x = g.within(far, model.encoder.lowest, model.encoder.highest)
    white = g.affine(x, model.inputs.matrix, -model.inputs.center @ model.inputs.matrix)
    if model.clusters is not None:
        parts, center = _clusters(g, white, model.clusters)
        return Terms(network=parts, x=x, center=center, lacking=lacking)
    size = g.op("Abs", white)
    u = g.signed(white, g.log1p(size)) if model.network_input == "whitened" else x
    within = g.within(u, model.lowest, model.highest)
    seen = Terms(x=x, u=u, within=within)
    if model.residuals is None:
        return _squares(g, model, seen)
    seen = seen._replace(lacking=lacking)
    weights = WEIGHTS[model.parts]
    if weights.inputs:
        seen = seen._replace(inputs=_weighted(g, _times(g, size, _unit(weights)), weights.inputs, weights))
    if weights.tail_scores:
        seen = seen._replace(tail_scores=_times(g, _tail_scores(g, far, model.tail_scores), weights.tail_scores))
    if model.combination is not None:
        return combined(
            g, model.combination, _anomaly(g, model, _with_hidden(g, model, seen), model.combination.scales)
        )
    return _network(g, model, _with_hidden(g, model, seen)) if weights.network else seen


def _with_hidden(g: Graph, model: ScoreModel, seen: Terms) -> Terms:
    """Where the networks have no part in the score, their layers are left to expected values, which few ask for."""
    return seen._replace(hidden=tuple(network(g, seen.within, layers[:-1]) for layers in model.members))


def _explain(g: Graph, schema: TransactionSchema, model: ScoreModel, terms: Terms) -> None:
    """Contributions and expected values [rows, fields] where `explain` is true, else none: most rows pass, and nobody
    looks."""
    then, otherwise = Graph(g), Graph(g)
    nothing = otherwise.constant(np.empty((0, len(schema.scored))), np.float64)
    outputs = ("contributions", "expected")
    for name in outputs:
        otherwise.op("Identity", nothing, output=f"{name}_else")
    then.precision = np.float32
    if not terms.rebuilt:
        terms = terms._replace(rebuilt=_rebuilt(then, model, terms))
    contributions(then, schema, model, terms, "contributions_then")
    expected(then, schema, model, terms, "expected_then")
    g.either(EXPLAIN, outputs, then, otherwise, len(schema.scored))


def _rebuilt(g: Graph, model: ScoreModel, terms: Terms) -> tuple[str, ...]:
    if not terms.hidden:
        return tuple(network(g, terms.within, layers) for layers in model.members)
    last = (layers[-1:] for layers in model.members)
    return tuple(network(g, hidden, layer) for hidden, layer in zip(terms.hidden, last, strict=True))


def _features(g: Graph, schema: TransactionSchema, model: ScoreModel) -> tuple[str, str]:
    """Features [rows, d], standardised, as far out as anything looks, and what missing numbers add to the score.

    What was missing is filled in. From here on all is float32.
    """
    encoder, lacking = model.encoder, ""
    raw = raw_features.encode(g, schema, encoder)
    centred = g.op("Sub", raw, g.constant(encoder.center))
    x = g.cast(g.op("Div", centred, g.constant(encoder.scale)), TensorProto.FLOAT)
    g.precision = np.float32
    if len(encoder.numbers.indices):
        missing = g.op("IsNaN", x)
        x = g.op("Where", missing, g.constant(encoder.usual_numbers), x)
        if encoder.absent.any():
            nats = np.pad(encoder.absent, (0, len(encoder.center) - len(encoder.absent)))
            lacking = g.op("Mul", g.cast(missing, TensorProto.FLOAT), g.constant(nats))
    ends = model.tail_scores.knots[:, [0, -1]].T
    return g.within(x, np.minimum(encoder.lowest, ends[0]), np.maximum(encoder.highest, ends[1])), lacking


def _times(g: Graph, values: str, factor: float) -> str:
    return values if factor == 1.0 else g.op("Mul", values, g.constant(factor))


def _network(g: Graph, model: ScoreModel, terms: Terms) -> Terms:
    """What the networks missed, as a part of the sum."""
    weights = WEIGHTS[model.parts]
    unit = 1.0 / _unit(weights)
    terms = _anomaly(g, model, terms, np.full(len(model.encoder.center), unit))
    return terms._replace(network=_weighted(g, g.sum(terms.strange), weights.network, weights))


def _anomaly(g: Graph, model: ScoreModel, terms: Terms, scales: NDArray[np.float64]) -> Terms:
    """What each network missed, whitened, in units of these scales [d] and of the number of networks."""
    assert model.residuals is not None
    units = 1.0 / (scales * len(model.members))
    each = zip(model.members, terms.hidden, model.residuals, strict=True)
    strange = tuple(_missed(g, terms.u, hidden, layers[-1], whitening, units) for layers, hidden, whitening in each)
    return terms._replace(strange=strange)


def network(g: Graph, value: str, layers: Sequence[Layer]) -> str:
    """Dense layers, one after the other; gives the name of the last one's output."""
    for layer in layers:
        value = g.op("Gemm", value, g.constant(layer.weights), g.constant(layer.bias))
        if layer.activation == "tanh":
            value = g.op("Tanh", value)
    return value


def _squares(g: Graph, model: ScoreModel, terms: Terms) -> Terms:
    """The textbook: what was missed, squared, as part of the mean over features."""
    rebuilt = _rebuilt(g, model, terms)
    missed = [g.op("Sub", terms.u, each) for each in rebuilt]
    total = g.sum([g.op("Mul", each, each) for each in missed])
    return terms._replace(network=_times(g, total, 1.0 / (len(missed) * len(model.encoder.center))), rebuilt=rebuilt)


def _missed(g: Graph, u: str, hidden: str, last: Layer, whitening: Whitening, units: NDArray[np.float64]) -> str:
    """|whitened (u - reconstruction)| units. The last layer is linear, as whitening is, so the two are one."""
    matrix = whitening.matrix * units
    bias = (last.bias + whitening.center) @ matrix
    seen = g.op("Gemm", u, g.constant(matrix), g.constant(-bias))
    return g.op("Abs", g.op("Gemm", hidden, g.constant(-last.weights @ matrix), seen))


def _unit(weights: Weights) -> float:
    return 1.0 / weights.bound if weights.bound else 1.0


def _weighted(g: Graph, in_units: str, weight: float, weights: Weights) -> str:
    """`weight` bound log(1 + w / bound) of w / bound; `weight` w where there is no bound."""
    return _times(g, g.log1p(in_units), weight * weights.bound) if weights.bound else _times(g, in_units, weight)


def _tail_scores(g: Graph, x: str, tail_scores: TailScores) -> str:
    """Tail scores [rows, d], by blocks of features: matrices hold mostly zeros, but these are what is fast."""
    blocks = np.array_split(np.arange(len(tail_scores.knots)), -(-len(tail_scores.knots) // BLOCK))
    pieces = zip(blocks, g.split(x, [len(block) for block in blocks]), strict=True)
    return g.joined(
        [_block(g, piece, TailScores(tail_scores.knots[block], tail_scores.values[block])) for block, piece in pieces]
    )


def _block(g: Graph, x: str, tail_scores: TailScores) -> str:
    """Each piece of the line rises by its share of the way from knot to knot: exact however far out x is."""
    widths, rises = np.diff(tail_scores.knots, axis=1).T, np.diff(tail_scores.values, axis=1).T
    pieces, features = widths.shape
    own = np.tile(np.eye(features), pieces)  # [features, pieces * features]: which piece is whose
    steep = np.where(widths > 0, 1.0 / np.where(widths > 0, widths, 1.0), 0.0)
    offset = -(tail_scores.knots[:, :-1].T * steep).ravel()
    along = g.op("Gemm", x, g.constant(own * steep.ravel()), g.constant(offset))
    share = g.op("Clip", along, g.constant(0.0), g.constant(1.0))
    return g.op("Gemm", share, g.constant((own * rises.ravel()).T), g.constant(tail_scores.values[:, 0]))


def _clusters(g: Graph, white: str, clusters: Clusters) -> tuple[str, str]:
    """What each feature adds [rows, d], and the centre of the cluster that explains the row best [rows, d]."""
    axis = g.constant([0], np.int64)
    centred = g.op("Sub", g.op("Unsqueeze", white, axis), g.constant(clusters.centers[:, None, :]))
    turned = g.op("MatMul", centred, g.constant(clusters.matrices))
    halves = g.op("Mul", g.op("Mul", turned, turned), g.constant(0.5))
    offsets = g.constant(clusters.offsets[:, None])
    total = g.op("Add", g.op("ReduceSum", halves, g.constant([2], np.int64), keepdims=0), offsets)
    nearest = g.op("ArgMin", total, axis=0, keepdims=0)
    by_row = g.op("Transpose", halves, perm=[1, 0, 2])
    index = g.op("Unsqueeze", nearest, g.constant([1], np.int64))
    parts = g.op("GatherND", by_row, index, batch_dims=1)
    share = g.op("Gather", g.constant(clusters.offsets / clusters.centers.shape[1]), index)
    return g.op("Add", parts, share), g.op("Gather", g.constant(clusters.centers), nearest)


def _serialise(graph: Graph, schema: TransactionSchema, metadata: dict[str, str]) -> bytes:
    inputs = {
        "numeric": (TensorProto.DOUBLE, len(schema.numeric)),
        "categorical": (TensorProto.STRING, len(schema.categorical)),
        "timestamp": (TensorProto.DOUBLE, len(schema.timestamps)),
    }
    fields = len(schema.scored)
    outputs: tuple[tuple[str, list[int]], ...] = (("rows", []), ("explained", [fields]), ("explained", [fields]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "eddy",
            [
                *(
                    helper.make_tensor_value_info(n, kind, ["rows", width])
                    for n, (kind, width) in inputs.items()
                    if width
                ),
                helper.make_tensor_value_info(EXPLAIN, TensorProto.BOOL, []),
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.DOUBLE, [rows, *width])
                for name, (rows, width) in zip(OUTPUTS, outputs, strict=True)
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="eddy",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
