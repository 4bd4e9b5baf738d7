"""The part of the scoring graph that says what was expected instead."""

import numpy as np
from onnx import TensorProto

from eddy.model.components.score_model import ScoreModel
from eddy.model.features.encoder import BEYOND, Encoder, Numbers
from eddy.model.onnx_export.builder import Graph
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema


def expected(g: Graph, schema: TransactionSchema, model: ScoreModel, terms: Terms, output: str) -> None:
    """The expected values [rows, fields]: the networks' reconstruction, kept within what they were taught, or the
    centre of the nearest cluster, on the way back to original units. Pairs of categories have no numbers to expect."""
    g.precision = np.float64
    if model.pairs is not None:
        nothing = [_same(g, terms.network, np.nan)] * len(schema.scored)
        g.op("Concat", *nothing, axis=1, output=output)
        return
    encoder = model.encoder
    g.precision = np.float32
    compressed = model.network_input == "whitened"
    if model.clusters is None:
        mean = g.op("Mul", g.sum(terms.rebuilt), g.constant(1.0 / len(terms.rebuilt)))
        value = g.within(mean, model.lowest, model.highest)
        value = g.signed(value, g.expm1(g.op("Abs", value))) if compressed else value
    else:
        value = terms.center
    if compressed or model.clusters is not None:
        value = g.affine(value, model.inputs.inverse, model.inputs.center)
    # What no training row has is never expected, such as a negative amount.
    value = g.within(value, encoder.lowest + BEYOND, encoder.highest - BEYOND)
    g.precision = np.float64
    raw = g.op(
        "Add", g.op("Mul", g.cast(value, TensorProto.DOUBLE), g.constant(encoder.scale)), g.constant(encoder.center)
    )
    columns = _fields(g, schema, encoder, raw)
    unknown = _same(g, raw, np.nan)
    every = [columns.get(index, unknown) for index in range(len(schema.scored))]
    g.op("Concat", *every, axis=1, output=output)


def _fields(g: Graph, schema: TransactionSchema, encoder: Encoder, raw: str) -> dict[int, str]:
    """By field, the columns [rows, 1] that can be said: numbers in original units, hours of day."""
    columns: dict[int, str] = {}
    numbers = len(encoder.numbers.indices)
    if numbers:
        values = _original_units(g, g.columns(raw, 0, numbers), encoder.numbers)
        columns |= {int(index): g.columns(values, k, k + 1) for k, index in enumerate(encoder.numbers.indices)}
    first = len(schema.numeric) + len(schema.categorical)
    times = len(encoder.hours.indices)
    if times:
        hours = _hours(g, g.columns(raw, len(encoder.center) - 2 * times, len(encoder.center)), times)
        columns |= {first + int(index): g.columns(hours, k, k + 1) for k, index in enumerate(encoder.hours.indices)}
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
