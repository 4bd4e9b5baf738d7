"""The part of the scoring graph that says what was expected instead: computed only where it is asked for."""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

from model.features import BEYOND, Encoder, Numbers
from model.graph_network import network
from model.onnx_writer import Graph
from model.schema import TransactionSchema
from model.score import ScoreModel
from model.scorer import EXPLAIN


class Expected(NamedTuple):
    """Where what was expected instead of the row is to be had from.

    Args:
        start: what the networks are shown, or the centre of the row's cluster, which is the answer already; of pairs of
            categories, which have no numbers, anything that has as many rows.
        hidden: the networks' last hidden layers, where they are known already.
        from_white: it speaks of whitened features, not of the features themselves.
    """

    start: str
    hidden: tuple[str, ...]
    from_white: bool


def explain(g: Graph, schema: TransactionSchema, model: ScoreModel, expected: Expected) -> None:
    """The expected values [rows, fields] where `explain` is true, else none."""
    then, otherwise = Graph(g), Graph(g)
    shape = otherwise.constant(np.empty((0, len(schema.scored))), np.float64)
    otherwise.op("Identity", shape, output="expected_none")
    if model.pairs is None:
        _branch(then, schema, model, expected)
    else:
        nothing = [_same(then, expected.start, np.nan)] * len(schema.scored)
        then.op("Concat", *nothing, axis=1, output="expected_all")
    branches = {
        "then_branch": then.as_branch("expected_all", len(schema.scored)),
        "else_branch": otherwise.as_branch("expected_none", len(schema.scored)),
    }
    g.op("If", EXPLAIN, output="expected", **branches)


def _branch(g: Graph, schema: TransactionSchema, model: ScoreModel, expected: Expected) -> None:
    """The reconstruction, kept within what the networks were taught, on the way back to original units."""
    encoder = model.encoder
    g.precision = np.float32
    value = _reconstruction(g, model, expected) if model.clusters is None else expected.start
    if model.clusters is None:
        value = g.op("Min", g.op("Max", value, g.constant(model.lowest)), g.constant(model.highest))
    if model.clusters is None and expected.from_white:
        value = g.signed(value, g.expm1(g.op("Abs", value)))
    if expected.from_white:
        value = g.affine(value, model.inputs.inverse, model.inputs.center)
    # What no training row has is never expected, such as a negative amount.
    value = g.op("Max", value, g.constant(encoder.lowest + BEYOND))
    value = g.op("Min", value, g.constant(encoder.highest - BEYOND))
    g.precision = np.float64
    raw = g.op(
        "Add", g.op("Mul", g.cast(value, TensorProto.DOUBLE), g.constant(encoder.scale)), g.constant(encoder.center)
    )
    columns = _fields(g, schema, encoder, raw)
    unknown = _same(g, raw, np.nan)
    every = [columns.get(place, unknown) for place in range(len(schema.scored))]
    g.op("Concat", *every, axis=1, output="expected_all")


def _reconstruction(g: Graph, model: ScoreModel, expected: Expected) -> str:
    """The mean over networks."""
    hidden = expected.hidden or [network(g, expected.start, layers[:-1]) for layers in model.members]
    each = [network(g, values, layers[-1:]) for values, layers in zip(hidden, model.members, strict=True)]
    return g.op("Mul", g.op("Sum", *each), g.constant(1.0 / len(each)))


def _fields(g: Graph, schema: TransactionSchema, encoder: Encoder, raw: str) -> dict[int, str]:
    """By field, the columns [rows, 1] that can be said: numbers in original units, hours of day."""
    columns: dict[int, str] = {}
    numbers = len(encoder.numbers.places)
    if numbers:
        values = _original_units(g, g.columns(raw, 0, numbers), encoder.numbers)
        columns |= {int(place): g.columns(values, k, k + 1) for k, place in enumerate(encoder.numbers.places)}
    first = len(schema.numeric) + len(schema.categorical)
    times = len(encoder.hours.places)
    if times:
        hours = _hours(g, g.columns(raw, len(encoder.center) - 2 * times, len(encoder.center)), times)
        columns |= {first + int(place): g.columns(hours, k, k + 1) for k, place in enumerate(encoder.hours.places)}
    by = encoder.by_category
    if by is not None and by.time is not None:
        columns[first + by.time] = _same(g, raw, float(encoder.usual_hour[by.time]))
    return columns


def _same(g: Graph, rows: str, value: float) -> str:
    """A column [rows, 1] with the same value everywhere."""
    shape = g.op("Concat", g.op("Shape", rows, start=0, end=1), g.constant([1], np.int64), axis=0)
    return g.op("Expand", g.constant(value), shape)


def _original_units(g: Graph, values: str, numbers: Numbers) -> str:
    if not numbers.logged.any():
        return values
    grown = g.op("Mul", g.signed(values, g.expm1(g.op("Abs", values))), g.constant(numbers.unit))
    return g.where(numbers.logged, grown, values)


def _hours(g: Graph, circle: str, count: int) -> str:
    """atan2(sine, cosine) = 2 atan(sine / (length + cosine)), as hours; ONNX Runtime has no float64 arc tangent."""
    sine, cosine = g.columns(circle, 0, count), g.columns(circle, count, 2 * count)
    length = g.op("Sqrt", g.op("Add", g.op("Mul", sine, sine), g.op("Mul", cosine, cosine)))
    positive = g.op("Max", g.op("Add", length, cosine), g.constant(1e-12))
    half = g.op("Atan", g.cast(g.op("Div", sine, positive), TensorProto.FLOAT))
    hours = g.op("Mul", g.cast(half, TensorProto.DOUBLE), g.constant(24 / np.pi))
    return g.op("Where", g.op("Less", hours, g.constant(0.0)), g.op("Add", hours, g.constant(24.0)), hours)
