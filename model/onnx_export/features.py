"""The part of the scoring graph that makes features of raw columns; the same as `model.features.encoder`."""

from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from eddy.model.features.encoder import DAY_S, HOUR_S, ByCategory, Categories, Encoder, Numbers
from eddy.model.onnx_export.builder import Graph
from eddy.model.schema.schema import TransactionSchema


def encode(g: Graph, schema: TransactionSchema, encoder: Encoder) -> str:
    """The features before they are standardised; missing numbers are NaN still."""
    parts = []
    if len(encoder.numbers.indices):
        parts.append(_numbers(g, encoder.numbers, len(schema.numeric)))
    if len(encoder.categories.indices):
        parts.append(_surprisals(g, encoder.categories))
    if encoder.by_category is not None:
        parts += _by_category(g, encoder.by_category)
    if len(encoder.hours.indices):
        parts.append(_circle(g, encoder.hours.indices, len(schema.timestamps)))
    return g.joined(parts)


def _logarithm(g: Graph, values: str, unit: str, floor: float) -> str:
    logs = g.signed(values, g.log1p(g.op("Div", g.op("Abs", values), unit)))
    return g.op("Max", logs, g.constant(floor)) if np.isfinite(floor) else logs


def _numbers(g: Graph, numbers: Numbers, width: int) -> str:
    """Logarithms are taken only of the columns that have them: no other operator here takes as long."""
    values = g.chosen("numeric", numbers.indices, width)
    runs = [(logged, list(run)) for logged, run in groupby(range(len(numbers.indices)), numbers.logged.__getitem__)]
    pieces = g.split(values, [len(run) for _, run in runs])
    return g.joined(
        [
            _logarithm(g, piece, g.constant(numbers.unit[run]), numbers.floor) if logged else piece
            for piece, (logged, run) in zip(pieces, runs, strict=True)
        ]
    )


def _surprisals(g: Graph, categories: Categories) -> str:
    columns = []
    for index, known, unseen in zip(categories.indices, categories.surprisals, categories.unseen, strict=True):
        table: dict[str, Any] = {
            "domain": "ai.onnx.ml",
            "keys_strings": list(known),
            "values_floats": [float(value) for value in known.values()],
            "default_float": float(unseen),
        }
        columns.append(g.op("LabelEncoder", g.columns("categorical", int(index), int(index) + 1), **table))
    return g.cast(g.joined(columns), TensorProto.DOUBLE)


def _by_category(g: Graph, by: ByCategory) -> list[str]:
    """The amount and the hour against what is usual for the category: columns [rows, 1]."""
    row = g.level_indices(g.columns("categorical", by.category, by.category + 1), by.levels)
    parts = []
    if by.amount is not None:
        amount = g.columns("numeric", by.amount, by.amount + 1)
        filled = g.op("Where", g.op("IsNaN", amount), g.constant(by.fill), amount)
        parts.append(_logarithm(g, filled, g.op("Gather", g.constant(by.mean), row), by.floor))
    if by.time is not None:
        time = g.columns("timestamp", by.time, by.time + 1)
        of_day = g.op("Mod", time, g.constant(DAY_S), fmod=1)
        hour = g.cast(g.op("Floor", g.op("Div", of_day, g.constant(HOUR_S))), TensorProto.INT64)
        cell = g.op("Add", g.op("Mul", row, g.constant(24, np.int64)), hour)
        parts.append(g.op("Gather", g.constant(by.hours.ravel()), cell))
    return parts


def _circle(g: Graph, indices: NDArray[np.intp], width: int) -> str:
    """Sine and cosine of the hour of day. The day is taken off in float64: float32 would lose minutes."""
    of_day = g.op("Mod", g.chosen("timestamp", indices, width), g.constant(DAY_S), fmod=1)
    angle = g.op("Mul", of_day, g.constant(2 * np.pi / DAY_S))
    return g.joined([g.op("Sin", angle), g.op("Cos", angle)])
