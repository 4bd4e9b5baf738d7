"""The part of the scoring graph that says what was expected instead."""

import numpy as np

from eddy.model.components.score_model import ScoreModel
from eddy.model.features.encoder import BEYOND, Encoder, Numbers
from eddy.model.onnx_export.builder import Value, joined, total
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema


def expected(schema: TransactionSchema, model: ScoreModel, terms: Terms) -> Value:
    """The expected values [rows, fields]: the networks' reconstruction, within the bounds of their input, or the centre
    of the nearest cluster, on the way back to original units. Pairs of categories have no numbers to expect."""
    columns: dict[int, Value] = {}
    rows = total(terms.parts)
    if model.pairs is None:
        x = _expected_features(model, terms)
        # What no training row has is never expected, such as a negative amount.
        x = x.clip(model.encoder.lowest + BEYOND, model.encoder.highest - BEYOND)
        columns = _fields(schema, model.encoder, x.cast(np.float64) * model.encoder.scale + model.encoder.center)
    unknown = _same(rows, np.nan)
    return joined([columns.get(index, unknown) for index in range(len(schema.scored))])


def _expected_features(model: ScoreModel, terms: Terms) -> Value:
    compressed, value = model.network_input == "whitened", terms.center
    if value is None:
        value = (total(terms.rebuilt) * (1.0 / len(terms.rebuilt))).clip(model.lowest, model.highest)
        value = value.sign() * abs(value).expm1() if compressed else value
    if compressed or model.clusters is not None:
        value = value @ model.inputs.inverse + model.inputs.center
    return value


def _fields(schema: TransactionSchema, encoder: Encoder, raw: Value) -> dict[int, Value]:
    """By field, the columns [rows, 1] that can be said: numbers in original units, hours of day."""
    columns: dict[int, Value] = {}
    numbers, times, by = len(encoder.numbers.indices), len(encoder.hours.indices), encoder.by_category
    first = len(schema.numeric) + len(schema.categorical)
    if numbers:
        values = _original_units(raw.columns(0, numbers), encoder.numbers)
        columns |= {int(field): values.columns(k, k + 1) for k, field in enumerate(encoder.numbers.indices)}
    if times:
        hours = _hours(raw.columns(len(encoder.center) - 2 * times, len(encoder.center)), times)
        columns |= {first + int(field): hours.columns(k, k + 1) for k, field in enumerate(encoder.hours.indices)}
    if by is not None and by.time is not None:
        columns[first + by.time] = _same(raw, float(encoder.usual_hour[by.time]))
    return columns


def _same(rows: Value, value: float) -> Value:
    """A column [rows, 1] with the same value everywhere."""
    shape = rows.op("Shape", start=0, end=1, kind=np.int64).op("Concat", [1], axis=0)
    return rows.graph.constant(value).op("Expand", shape)


def _original_units(values: Value, numbers: Numbers) -> Value:
    if not numbers.logged.any():
        return values
    grown = values.sign() * abs(values).expm1() * numbers.unit
    return grown if numbers.logged.all() else values.graph.op("Where", numbers.logged, grown, values)


def _hours(circle: Value, count: int) -> Value:
    """atan2(sine, cosine) = 2 atan(sine / (length + cosine)), as hours; ONNX Runtime has no float64 arc tangent."""
    sine, cosine = circle.columns(0, count), circle.columns(count, 2 * count)
    length = (sine * sine + cosine * cosine).op("Sqrt")
    half = (sine / (length + cosine).op("Max", 1e-12)).cast(np.float32).op("Atan")
    hours = half.cast(np.float64) * (24 / np.pi)
    return circle.graph.op("Where", hours.op("Less", 0.0, kind=np.bool_), hours + 24.0, hours)
