"""The part of the scoring graph that makes features of raw columns; the same as `model.features.encoder`."""

from collections.abc import Mapping
from itertools import groupby

import numpy as np

from eddy.model.features.encoder import DAY_S, HOUR_S, ByCategory, Categories, Encoder, Hours, Numbers
from eddy.model.onnx_export.builder import ML, Graph, Operand, Value, joined
from eddy.model.schema.schema import TransactionSchema


def encode(g: Graph, schema: TransactionSchema, encoder: Encoder) -> Value:
    """The features before they are standardised; what is missing and filled in later is NaN still."""
    raw, parts = _with_set_aside(g, encoder, len(schema.numeric)), []
    if len(encoder.numbers.indices):
        parts.append(_numbers(raw["numeric"], encoder.numbers, len(schema.numeric)))
    if len(encoder.categories.indices):
        parts.append(_surprisals(raw["categorical"], encoder.categories))
    if encoder.by_category is not None:
        parts += _by_category(raw, encoder.by_category)
    if len(encoder.hours.indices):
        parts.append(_circle(raw["timestamp"], encoder.hours, len(schema.timestamps)))
    return joined(parts)


def _with_set_aside(g: Graph, encoder: Encoder, width: int) -> dict[str, Value]:
    """The inputs, where the numbers that are set aside are NaN."""
    raw = dict(g.inputs)
    for rank in range(max(map(len, encoder.aside.values()), default=0)):
        values = np.full(width, np.nan)  # is equal to nothing
        for index, numbers in encoder.aside.items():
            values[index] = numbers[rank] if rank < len(numbers) else np.nan
        same = raw["numeric"].op("Equal", values, kind=np.bool_)
        raw["numeric"] = g.op("Where", same, g.constant(np.nan), raw["numeric"])
    return raw


def _logarithm(values: Value, unit: Operand, floor: float) -> Value:
    logs = values.sign() * (abs(values) / unit).log1p()
    return logs.op("Max", floor) if np.isfinite(floor) else logs


def _numbers(numeric: Value, numbers: Numbers, width: int) -> Value:
    """Logarithms are taken only of the columns that have them: no other operator here takes as long."""
    values = numeric.take(numbers.indices, width)
    runs = [(logged, list(run)) for logged, run in groupby(range(len(numbers.indices)), numbers.logged.__getitem__)]
    pieces = zip(values.split([len(run) for _, run in runs]), runs, strict=True)
    return joined(
        [_logarithm(piece, numbers.unit[run], numbers.floor) if logged else piece for piece, (logged, run) in pieces]
    )


def _surprisals(categorical: Value, categories: Categories) -> Value:
    columns = []
    each = zip(categories.indices.tolist(), categories.surprisals, categories.unseen, categories.filled, strict=True)
    for index, known, unseen, filled in each:
        known = known | {"": float("nan")} if filled else known
        table = {"keys_strings": list(known), "values_floats": list(known.values()), "default_float": float(unseen)}
        column = categorical.columns(index, index + 1)
        columns.append(column.op("LabelEncoder", domain=ML, kind=np.float32, **table))
    return joined(columns).cast(np.float64)


def _by_category(raw: Mapping[str, Value], by: ByCategory) -> list[Value]:
    """The amount and the hour against what is usual for the category: columns [rows, 1]."""
    row = raw["categorical"].columns(by.category, by.category + 1).level_indices(by.levels)
    parts = []
    if by.amount is not None:
        amount = raw["numeric"].columns(by.amount, by.amount + 1)
        g = amount.graph
        filled = g.op("Where", amount.is_nan(), g.constant(by.fill), amount)
        parts.append(_logarithm(filled, g.constant(by.mean).op("Gather", row), by.floor))
    if by.time is not None:
        time = raw["timestamp"].columns(by.time, by.time + 1)
        hour = (time.op("Mod", DAY_S, fmod=1) / HOUR_S).op("Floor").cast(np.int64)
        parts.append(time.graph.constant(by.hours.ravel()).op("Gather", row * 24 + hour))
    return parts


def _circle(timestamp: Value, hours: Hours, width: int) -> Value:
    """Sine and cosine of the hour of day. The day is taken off in float64: float32 would lose minutes."""
    angle = timestamp.take(hours.indices, width).op("Mod", DAY_S, fmod=1) * (2 * np.pi / DAY_S)
    return joined([angle.op("Sin"), angle.op("Cos")])
