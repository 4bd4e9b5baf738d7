"""Encoder, network and score as one ONNX graph: raw columns in; score, contributions and expected values out.

The graph is put together by hand from the numbers that were learned, operator by operator: it is small, every
operator is one of standard ONNX, and nothing has to be converted (`docs/decisions/0001-one-scoring-graph.md`).
`check_parity` holds it against the Python pipeline at every export.

    numeric float64 [n, k], categorical string [n, c], timestamp float64 [n, t]        inputs; those that exist
      -> features z -> u = sign(z) log(1 + |z|)                                        in float64
      -> network -> residual r = u - reconstruction                                    in float32
      -> contribution = Huber(|r - centre| / scale), summed per field                  in float32
      -> score = sum of the contributions                                              in float64
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from model.autoencoder import Layer
from model.features import DAY_S, Categories, Encoder, Numbers, Times
from model.schema import TransactionSchema
from model.scorer import OUTPUTS, USUAL_LEVELS

PARITY = 1e-4
"""How far a score of the graph may be from the Python pipeline's, relative."""

LEAST_SCALE = 0.1
OPSET, ML_OPSET, IR_VERSION = 18, 3, 9


@dataclass(frozen=True, eq=False)
class Residuals:
    """What residuals [d] of normal rows look like: `center` and `scale` of each feature."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, residuals: NDArray[np.float64]) -> "Residuals":
        """Median and median deviation of residuals [n, d], the latter not below what noise could make it."""
        center = np.median(residuals, axis=0)
        deviation = np.median(np.abs(residuals - center), axis=0) / 0.6745
        return cls(center, np.maximum(deviation, np.maximum(0.05 * residuals.std(axis=0), LEAST_SCALE)))

    def contributions(self, residuals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Huber's loss of each residual [n, d] in units of its scale: square near the centre, linear far out."""
        size = np.abs(residuals - self.center) / self.scale
        inner = np.minimum(size, 1.0)
        return inner * (size - inner / 2)


class _Graph:
    """Nodes and constants as they are written down; every method gives the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, kind: type = np.float64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def cast(self, value: str, kind: int) -> str:
        return self.op("Cast", value, to=kind)

    def columns(self, value: str, places: Sequence[int]) -> str:
        return self.op("Gather", value, self.constant(places, np.int64), axis=1)

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


def build(schema: TransactionSchema, encoder: Encoder, layers: Sequence[Layer], residuals: Residuals) -> bytes:
    """The scoring graph of a trained model, serialised."""
    graph = _Graph()
    u = graph.cast(_encode(graph, encoder), TensorProto.FLOAT)
    reconstruction = _network(graph, u, layers)
    _score(graph, graph.op("Sub", u, reconstruction), residuals, encoder.field_of_feature)
    _expected(graph, reconstruction, encoder)
    usual = dict(zip(schema.categorical, encoder.categories.usual, strict=True))
    return _serialise(graph, schema, {USUAL_LEVELS: json.dumps(usual)})


def _encode(g: _Graph, encoder: Encoder) -> str:
    parts = []
    if len(encoder.numbers.fill):
        parts.append(_scaled(g, _numbers(g, encoder.numbers), encoder.numbers))
    if encoder.categories.surprisals:
        parts.append(_scaled(g, _surprisals(g, encoder.categories), encoder.categories))
    if len(encoder.times.center):
        parts.append(_scaled(g, _circle(g), encoder.times))
    z = g.op("Concat", *parts, axis=1)
    return g.signed(z, g.op("Log", g.op("Add", g.op("Abs", z), g.constant(1.0))))


def _scaled(g: _Graph, values: str, part: Numbers | Categories | Times) -> str:
    return g.op("Div", g.op("Sub", values, g.constant(part.center)), g.constant(part.scale))


def _numbers(g: _Graph, numbers: Numbers) -> str:
    filled = g.op("Where", g.op("IsNaN", "numeric"), g.constant(numbers.fill), "numeric")
    if not numbers.heavy.any():
        return filled
    relative = g.op("Add", g.op("Div", g.op("Abs", filled), g.constant(numbers.unit)), g.constant(1.0))
    logs = g.signed(filled, g.op("Log", relative))
    return g.op("Where", g.constant(numbers.heavy, np.bool_), logs, filled)


def _surprisals(g: _Graph, categories: Categories) -> str:
    columns = []
    for place, (known, unseen) in enumerate(zip(categories.surprisals, categories.unseen, strict=True)):
        level = g.columns("categorical", [place])
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
        product = g.op("MatMul", value, g.constant(layer.weights, np.float32))
        value = g.op("Add", product, g.constant(layer.bias, np.float32))
        if layer.activation == "elu":
            value = g.op("Elu", value)
    return value


def _score(g: _Graph, residual: str, residuals: Residuals, field_of_feature: NDArray[np.intp]) -> None:
    centered = g.op("Sub", residual, g.constant(residuals.center, np.float32))
    size = g.op("Abs", g.op("Div", centered, g.constant(residuals.scale, np.float32)))
    inner = g.op("Min", size, g.constant(1.0, np.float32))
    # Huber without a branch: m (s - m / 2) with m = min(s, 1) is s^2 / 2 up to 1 and s - 1/2 beyond.
    half = g.op("Mul", inner, g.constant(0.5, np.float32))
    huber = g.op("Mul", inner, g.op("Sub", size, half))
    belongs = field_of_feature[:, None] == np.arange(field_of_feature.max() + 1)
    contributions = g.op("MatMul", huber, g.constant(belongs, np.float32), output="contributions")
    exact = g.cast(contributions, TensorProto.DOUBLE)
    g.op("ReduceSum", exact, g.constant([1], np.int64), keepdims=0, output="score")


def _expected(g: _Graph, reconstruction: str, encoder: Encoder) -> None:
    numbers, categories = len(encoder.numbers.fill), len(encoder.categories.unseen)
    times = len(encoder.times.center) // 2
    u = g.cast(reconstruction, TensorProto.DOUBLE)
    z = g.signed(u, g.op("Sub", g.op("Exp", g.op("Abs", u)), g.constant(1.0)))
    parts = []
    if numbers:
        parts.append(_original_units(g, g.columns(z, range(numbers)), encoder.numbers))
    if categories:
        column = g.columns(z, range(numbers, numbers + categories))
        parts.append(g.op("Mul", column, g.constant(np.nan)))
    if times:
        first = numbers + categories
        parts.append(_hours(g, g.columns(z, range(first, first + 2 * times)), encoder.times))
    g.op("Concat", *parts, axis=1, output="expected")


def _unscaled(g: _Graph, z: str, part: Numbers | Times) -> str:
    return g.op("Add", g.op("Mul", z, g.constant(part.scale)), g.constant(part.center))


def _original_units(g: _Graph, z: str, numbers: Numbers) -> str:
    values = _unscaled(g, z, numbers)
    if not numbers.heavy.any():
        return values
    grown = g.op("Sub", g.op("Exp", g.op("Abs", values)), g.constant(1.0))
    original = g.op("Mul", g.signed(values, grown), g.constant(numbers.unit))
    return g.op("Where", g.constant(numbers.heavy, np.bool_), original, values)


def _hours(g: _Graph, z: str, times: Times) -> str:
    """atan2(sine, cosine) = 2 atan(sine / (length + cosine)), as hours."""
    circle, count = _unscaled(g, z, times), len(times.center) // 2
    sine, cosine = g.columns(circle, range(count)), g.columns(circle, range(count, 2 * count))
    length = g.op("Sqrt", g.op("Add", g.op("Mul", sine, sine), g.op("Mul", cosine, cosine)))
    positive = g.op("Max", g.op("Add", length, cosine), g.constant(1e-12))
    ratio = g.cast(g.op("Div", sine, positive), TensorProto.FLOAT)  # ONNX Runtime's Atan knows float32 only
    angle = g.cast(g.op("Atan", ratio), TensorProto.DOUBLE)
    hours = g.op("Mul", angle, g.constant(24 / np.pi))
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
