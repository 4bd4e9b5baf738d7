"""Encoder, network and score as one ONNX graph: raw columns in; score, contributions and expected values out.

The graph is put together by hand from the numbers that were learned, operator by operator: it is small, every
operator is one of standard ONNX, and nothing has to be converted (`docs/decisions/0001-one-scoring-graph.md`).
`check_parity` holds it against `ScoreModel`, the same in Python, at every export.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.autoencoder import Layer
from model.features import DAY_S, Categories, Encoder, Numbers
from model.schema import TransactionSchema
from model.score import ScoreModel
from model.scorer import OUTPUTS, USUAL_LEVELS

PARITY = 1e-4
"""How far a score of the graph may be from the Python pipeline's, relative."""

OPSET, ML_OPSET, IR_VERSION = 18, 3, 9


class _Graph:
    """Nodes and constants as they are written down; every method gives the name of what it made.

    `precision` is that of the constants that are still to come.
    """

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.precision: type = np.float64

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, kind: type | None = None) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind or self.precision), name))
        return name

    def cast(self, value: str, kind: int) -> str:
        return self.op("Cast", value, to=kind)

    def affine(self, value: str, matrix: NDArray[Any], bias: NDArray[Any]) -> str:
        return self.op("Add", self.op("MatMul", value, self.constant(matrix)), self.constant(bias))

    def columns(self, value: str, first: int, last: int) -> str:
        """The columns from `first` to before `last`."""
        bounds = (self.constant([bound], np.int64) for bound in (first, last, 1))
        return self.op("Slice", value, *bounds)

    def where(self, chosen: NDArray[np.bool_], value: str, otherwise: str) -> str:
        """By column, known now: `value` or `otherwise`."""
        if chosen.all() or not chosen.any():
            return value if chosen.all() else otherwise
        return self.op("Where", self.constant(chosen, np.bool_), value, otherwise)

    def signed(self, value: str, size: str) -> str:
        """`size` with the sign of `value`."""
        return self.op("Mul", self.op("Sign", value), size)


class ParityError(Exception):
    """The graph does not do what the Python pipeline does: a bug here or in ONNX Runtime, never the data's fault."""


def check_parity(score: NDArray[np.float64], graph_score: NDArray[np.float64]) -> None:
    """Holds the graph's scores against those of the Python pipeline for the same rows.

    Raises:
        ParityError: they differ by more than PARITY, relative.
    """
    worst = float(np.max(np.abs(graph_score - score) / np.maximum(np.abs(score), 1e-3), initial=0.0))
    if not worst <= PARITY:
        raise ParityError(f"the exported graph's scores are off by {worst:.2g}; at most {PARITY:g} is allowed")


def build(schema: TransactionSchema, model: ScoreModel) -> bytes:
    """The scoring graph of a trained model, serialised.

    Raw columns and their whitening are in float64, because times and amounts need it; what follows is in float32.
    """
    graph = _Graph()
    encoder, inputs, residuals = model.encoder, model.inputs, model.residuals
    center, scale = encoder.center, encoder.scale
    # Scaling and whitening are one affine map.
    matrix = inputs.matrix / scale[:, None]
    white = graph.affine(_encode(graph, encoder), matrix, -(center / scale + inputs.center) @ inputs.matrix)
    white = graph.cast(white, TensorProto.FLOAT)

    graph.precision = np.float32
    size = graph.op("Abs", white)
    u = graph.signed(white, _log1p(graph, size))
    reconstruction = _network(graph, u, model.layers)
    missed = graph.op("Sub", graph.op("Sub", u, reconstruction), graph.constant(residuals.center))
    missed = graph.op("MatMul", missed, graph.constant(residuals.matrix))
    _score(graph, size, graph.op("Abs", missed), encoder.field_of_feature)
    _expected(graph, reconstruction, model)
    usual = dict(zip(schema.categorical, encoder.categories.usual, strict=True))
    return _serialise(graph, schema, {USUAL_LEVELS: json.dumps(usual)})


def _log1p(g: _Graph, size: str) -> str:
    return g.op("Log", g.op("Add", size, g.constant(1.0)))


def _expm1(g: _Graph, size: str) -> str:
    return g.op("Sub", g.op("Exp", size), g.constant(1.0))


def _encode(g: _Graph, encoder: Encoder) -> str:
    """The features before centre and scale are taken off."""
    parts = []
    if len(encoder.numbers.fill):
        parts.append(_numbers(g, encoder.numbers))
    if encoder.categories.surprisals:
        parts.append(_surprisals(g, encoder.categories))
    if len(encoder.times.center):
        parts.append(_circle(g))
    return g.op("Concat", *parts, axis=1)


def _numbers(g: _Graph, numbers: Numbers) -> str:
    filled = g.op("Where", g.op("IsNaN", "numeric"), g.constant(numbers.fill), "numeric")
    logs = g.signed(filled, _log1p(g, g.op("Div", g.op("Abs", filled), g.constant(numbers.unit))))
    return g.where(numbers.heavy, logs, filled)


def _surprisals(g: _Graph, categories: Categories) -> str:
    columns = []
    for place, (known, unseen) in enumerate(zip(categories.surprisals, categories.unseen, strict=True)):
        level = g.columns("categorical", place, place + 1)
        nats = [float(value) for value in known.values()]
        table: dict[str, Any] = {
            "domain": "ai.onnx.ml",
            "keys_strings": list(known),
            "values_floats": nats,
            "default_float": float(unseen),
        }
        columns.append(g.op("LabelEncoder", level, **table))
    return g.cast(g.op("Concat", *columns, axis=1), TensorProto.DOUBLE)


def _circle(g: _Graph) -> str:
    """Sine and cosine of the hour of day. The day is taken off in float64: float32 would lose minutes."""
    of_day = g.op("Mod", "timestamp", g.constant(DAY_S), fmod=1)
    angle = g.op("Mul", of_day, g.constant(2 * np.pi / DAY_S))
    return g.op("Concat", g.op("Sin", angle), g.op("Cos", angle), axis=1)


def _network(g: _Graph, value: str, layers: Sequence[Layer]) -> str:
    for layer in layers:
        value = g.affine(value, layer.weights, layer.bias)
        if layer.activation == "elu":
            value = g.op("Elu", value)
    return value


def _score(g: _Graph, unusual: str, missed: str, field_of_feature: NDArray[np.intp]) -> None:
    belongs = field_of_feature[:, None] == np.arange(field_of_feature.max() + 1)
    parts = g.op("Add", unusual, missed)
    contributions = g.op("MatMul", parts, g.constant(belongs), output="contributions")
    g.op("ReduceSum", g.cast(contributions, TensorProto.DOUBLE), g.constant([1], np.int64), keepdims=0, output="score")


def _expected(g: _Graph, reconstruction: str, model: ScoreModel) -> None:
    """The reconstruction, kept within what the network was taught, on the way back to original units."""
    encoder = model.encoder
    numbers, categories = len(encoder.numbers.fill), len(encoder.categories.unseen)
    times = len(encoder.times.center) // 2
    u = g.op("Min", g.op("Max", reconstruction, g.constant(model.lowest)), g.constant(model.highest))
    white = g.signed(u, _expm1(g, g.op("Abs", u)))
    center, scale = encoder.center, encoder.scale
    values = g.affine(white, model.inputs.inverse * scale, model.inputs.center * scale + center)
    parts = []
    if numbers:
        parts.append(_original_units(g, g.columns(values, 0, numbers), encoder.numbers))
    if categories:
        column = g.columns(values, numbers, numbers + categories)
        parts.append(g.op("Mul", column, g.constant(np.nan)))
    if times:
        first = numbers + categories
        parts.append(_hours(g, g.columns(values, first, first + 2 * times), times))
    g.op("Cast", g.op("Concat", *parts, axis=1), to=TensorProto.DOUBLE, output="expected")


def _original_units(g: _Graph, values: str, numbers: Numbers) -> str:
    grown = g.signed(values, _expm1(g, g.op("Abs", values)))
    original = g.op("Mul", grown, g.constant(numbers.unit))
    return g.where(numbers.heavy, original, values)


def _hours(g: _Graph, circle: str, count: int) -> str:
    """atan2(sine, cosine) = 2 atan(sine / (length + cosine)), as hours."""
    sine, cosine = g.columns(circle, 0, count), g.columns(circle, count, 2 * count)
    length = g.op("Sqrt", g.op("Add", g.op("Mul", sine, sine), g.op("Mul", cosine, cosine)))
    positive = g.op("Max", g.op("Add", length, cosine), g.constant(1e-12))
    hours = g.op("Mul", g.op("Atan", g.op("Div", sine, positive)), g.constant(24 / np.pi))
    return g.op("Where", g.op("Less", hours, g.constant(0.0)), g.op("Add", hours, g.constant(24.0)), hours)


def _serialise(graph: _Graph, schema: TransactionSchema, metadata: dict[str, str]) -> bytes:
    inputs = {
        "numeric": (TensorProto.DOUBLE, len(schema.numeric)),
        "categorical": (TensorProto.STRING, len(schema.categorical)),
        "timestamp": (TensorProto.DOUBLE, len(schema.timestamps)),
    }
    fields = len(schema.scored)
    outputs: tuple[tuple[int, list[int]], ...] = (
        (TensorProto.DOUBLE, []),
        (TensorProto.FLOAT, [fields]),
        (TensorProto.DOUBLE, [fields]),
    )
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "eddy",
            [helper.make_tensor_value_info(n, kind, ["rows", width]) for n, (kind, width) in inputs.items() if width],
            [
                helper.make_tensor_value_info(name, kind, ["rows", *shape])
                for name, (kind, shape) in zip(OUTPUTS, outputs, strict=True)
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
