"""Encoder, network and score as one ONNX graph: raw columns in; score, contributions and expected values out.

The graph is written by hand from the numbers that were learned (`builder`): it is small, every operator is one of
standard ONNX, and nothing has to be converted (`docs/decisions/0001-one-scoring-graph.md`).
`check_parity` compares it with `ScoreModel`, the same in Python, at every export.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from eddy.model.arrays import Floats
from eddy.model.components.autoencoder import Layer
from eddy.model.components.gaussian_clusters import Clusters
from eddy.model.components.score_model import WEIGHTS, ScoreModel, Weights
from eddy.model.components.tail_scores import TailScores
from eddy.model.components.whitening import Whitening
from eddy.model.onnx_export import category_pairs, features
from eddy.model.onnx_export.builder import ML, Graph, Value, joined, total, value_info
from eddy.model.onnx_export.combination import combined
from eddy.model.onnx_export.contributions import contributions
from eddy.model.onnx_export.expected_values import expected
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema
from eddy.model.serving.scorer import EXPLAIN, OUTPUTS, USUAL_LEVELS

PARITY = 5e-4
"""How far a score of the graph may be from the Python pipeline's, relative. Networks that reconstruct very well leave
differences in which the tanh of TensorFlow and that of ONNX Runtime show: 1.6e-4 was seen of a usual score."""

BLOCK = 10
"""Features whose tail scores are computed together: more are mostly zeros, fewer mostly overhead."""

OPSET, ML_OPSET, IR_VERSION = 18, 3, 9


class ParityError(Exception):
    """The graph does not do what the Python pipeline does: a bug here or in ONNX Runtime, never the data's fault."""


def check_parity(score: Floats, graph_score: Floats) -> None:
    """Compares the graph's scores with those of the Python pipeline for the same rows.

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
    g = Graph()
    kinds = {"numeric": np.float64, "categorical": np.object_, "timestamp": np.float64}
    widths = {
        "numeric": len(schema.numeric),
        "categorical": len(schema.categorical),
        "timestamp": len(schema.timestamps),
    }
    inputs = [value_info(g.input(name, kinds[name]).name, kinds[name], ["rows", w]) for name, w in widths.items() if w]
    terms = _terms(g, schema, model)
    score = total(terms.parts).cast(np.float64).row_sums()
    g.output("score", score.op("Squeeze", [1]))
    _explain(g, schema, model, terms, score)
    usual = dict(zip(schema.categorical, model.encoder.usual_level, strict=True))
    return _serialise(g, inputs, len(schema.scored), {USUAL_LEVELS: json.dumps(usual)})


def _terms(g: Graph, schema: TransactionSchema, model: ScoreModel) -> Terms:
    if model.pairs is not None:
        return Terms(network=category_pairs.surprise(g, model.pairs))
    far, lacking = _features(g, schema, model)
    x = far.clip(model.encoder.lowest, model.encoder.highest)
    white = x @ model.inputs.matrix - model.inputs.center @ model.inputs.matrix
    if model.clusters is not None:
        parts, center = _clusters(white, model.clusters)
        return Terms(network=parts, x=x, center=center, lacking=lacking)
    size = abs(white)
    u = white.sign() * size.log1p() if model.network_input == "whitened" else x
    clipped = u.clip(model.lowest, model.highest)
    terms = Terms(x=x, u=u, clipped=clipped)
    if model.residuals is None:
        return terms._replace(**_squares(model, u, clipped))
    terms, weights = terms._replace(lacking=lacking), WEIGHTS[model.parts]
    if weights.inputs:
        terms = terms._replace(inputs=_weighted(_times(size, _unit(weights)), weights.inputs, weights))
    if weights.tail_scores:
        terms = terms._replace(tail_scores=_times(_tail_scores(far, model.tail_scores), weights.tail_scores))
    if weights.network:
        terms = terms._replace(**_networks(model, u, clipped))
    return combined(model.combination, terms) if model.combination is not None else terms


def _explain(g: Graph, schema: TransactionSchema, model: ScoreModel, terms: Terms, score: Value) -> None:
    """Contributions and expected values [rows, fields] where `explain` is true, else none: most rows pass, and nobody
    looks."""
    outputs, fields = OUTPUTS[1:], len(schema.scored)
    with g.branch() as otherwise:
        nothing = g.constant(np.empty((0, fields)))
        for name in outputs:
            g.output(f"{name}_else", nothing)
    with g.branch() as then:
        if terms.clipped is not None and not terms.rebuilt:
            terms = terms._replace(rebuilt=_rebuilt(model, terms.clipped, terms.hidden))
        g.output("contributions_then", contributions(schema, model, terms, score))
        g.output("expected_then", expected(schema, model, terms))
    g.either(g.input(EXPLAIN, np.bool_), outputs, then, otherwise, fields)


def _features(g: Graph, schema: TransactionSchema, model: ScoreModel) -> tuple[Value, Value | None]:
    """Features [rows, d], standardised, as far out as anything looks, and what missing values add to the score.

    What was missing is filled in. From here on all is float32.
    """
    encoder, lacking = model.encoder, None
    x = ((features.encode(g, schema, encoder) - encoder.center) / encoder.scale).cast(np.float32)
    if len(encoder.absent):
        missing = x.is_nan()
        x = g.op("Where", missing, encoder.usual, x)
        if encoder.absent.any():
            nats = np.pad(encoder.absent, (0, len(encoder.center) - len(encoder.absent)))
            lacking = g.op("Where", missing, g.constant(nats, np.float32), 0.0)
    first, last = model.tail_scores.knots[:, 0], model.tail_scores.knots[:, -1]
    return x.clip(np.minimum(encoder.lowest, first), np.maximum(encoder.highest, last)), lacking


def network(value: Value, layers: Sequence[Layer]) -> Value:
    """Dense layers, one after the other."""
    for layer in layers:
        value = value.gemm(layer.weights, layer.bias)
        value = value.op("Tanh") if layer.activation == "tanh" else value
    return value


def _networks(model: ScoreModel, u: Value, clipped: Value) -> dict[str, Any]:
    """What the networks missed. The last layers are left to expected values, which few ask for."""
    assert model.residuals is not None
    weights = WEIGHTS[model.parts]
    scales = 1.0 if model.combination is None else model.combination.scales
    units = np.asarray(_unit(weights) / (scales * len(model.members)))
    hidden = tuple(network(clipped, layers[:-1]) for layers in model.members)
    each = zip(model.members, hidden, model.residuals, strict=True)
    missed = tuple(_missed(u, inner, layers[-1], whitening, units) for layers, inner, whitening in each)
    return {"hidden": hidden, "missed": missed, "network": _weighted(total(missed), weights.network, weights)}


def _missed(u: Value, hidden: Value, last: Layer, whitening: Whitening, units: Floats) -> Value:
    """|whitened (u - reconstruction)| units. The last layer is linear, as whitening is, so the two are one."""
    matrix = whitening.matrix * units
    seen = u.gemm(matrix, -(last.bias + whitening.center) @ matrix)
    return abs(hidden.gemm(-last.weights @ matrix, seen))


def _rebuilt(model: ScoreModel, clipped: Value, hidden: Sequence[Value] = ()) -> tuple[Value, ...]:
    """The reconstructions, from the last hidden layers where these are there already."""
    if not hidden:
        return tuple(network(clipped, layers) for layers in model.members)
    return tuple(network(inner, layers[-1:]) for inner, layers in zip(hidden, model.members, strict=True))


def _squares(model: ScoreModel, u: Value, clipped: Value) -> dict[str, Any]:
    """The textbook: what was missed, squared, as part of the mean over features."""
    rebuilt = _rebuilt(model, clipped)
    missed = [u - each for each in rebuilt]
    squares = total([each * each for each in missed])
    return {"network": _times(squares, 1.0 / (len(missed) * len(model.encoder.center))), "rebuilt": rebuilt}


def _times(values: Value, factor: float) -> Value:
    return values if factor == 1.0 else values * factor


def _unit(weights: Weights) -> float:
    return 1.0 / weights.bound if weights.bound else 1.0


def _weighted(in_units: Value, weight: float, weights: Weights) -> Value:
    """`weight` bound log(1 + w / bound) of w / bound; `weight` w where there is no bound."""
    return _times(in_units.log1p(), weight * weights.bound) if weights.bound else _times(in_units, weight)


def _tail_scores(x: Value, tails: TailScores) -> Value:
    """Tail scores [rows, d], by blocks of features: matrices hold mostly zeros, but these are what is fast."""
    blocks = np.array_split(np.arange(len(tails.knots)), -(-len(tails.knots) // BLOCK))
    pieces = zip(blocks, x.split([len(block) for block in blocks]), strict=True)
    return joined([_block(piece, tails.knots[block], tails.values[block]) for block, piece in pieces])


def _block(x: Value, knots: Floats, values: Floats) -> Value:
    """Each piece of the curve rises by its share of the way from knot to knot: exact however far out x is."""
    widths, rises = np.diff(knots, axis=1).T, np.diff(values, axis=1).T
    pieces, count = widths.shape
    own = np.tile(np.eye(count), pieces)  # [features, pieces * features]: which piece is whose
    steep = np.where(widths > 0, 1.0 / np.where(widths > 0, widths, 1.0), 0.0)
    share = x.gemm(own * steep.ravel(), -(knots[:, :-1].T * steep).ravel()).op("Clip", 0.0, 1.0)
    return share.gemm((own * rises.ravel()).T, values[:, 0])


def _clusters(white: Value, clusters: Clusters) -> tuple[Value, Value]:
    """What each feature adds [rows, d], and the centre of the cluster that explains the row best [rows, d]."""
    constant = white.graph.constant
    turned = (white.op("Unsqueeze", [0]) - clusters.centers[:, None, :]).op("MatMul", clusters.matrices)
    halves = turned * turned * 0.5
    by_cluster = halves.op("ReduceSum", [2], keepdims=0) + clusters.offsets[:, None]
    nearest = by_cluster.op("ArgMin", axis=0, keepdims=0, kind=np.int64)
    index = nearest.op("Unsqueeze", [1])
    parts = halves.op("Transpose", perm=[1, 0, 2]).op("GatherND", index, batch_dims=1)
    share = constant(clusters.offsets / clusters.centers.shape[1], np.float32).op("Gather", index)
    return parts + share, constant(clusters.centers, np.float32).op("Gather", nearest)


def _serialise(g: Graph, inputs: Sequence[Any], fields: int, metadata: dict[str, str]) -> bytes:
    shapes: tuple[list[str | int], ...] = (["rows"], ["explained", fields], ["explained", fields])
    model = helper.make_model(
        helper.make_graph(
            g.body.nodes,
            "eddy",
            [*inputs, value_info(EXPLAIN, np.bool_, [])],
            [value_info(name, np.float64, shape) for name, shape in zip(OUTPUTS, shapes, strict=True)],
            g.body.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
        ir_version=IR_VERSION,
        producer_name="eddy",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
