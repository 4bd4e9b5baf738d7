"""Writes ONNX graphs down as arithmetic: `abs(x) / unit + 1.0` on a `Value` adds the operators to its graph.

Formulas that are written with operators for arrays so serve the graph, too. Arrays and numbers become constants; those
that are not whole numbers get the precision of the value beside them. Why it is done this way:
`docs/decisions/0007-writing-the-graph.md`.
"""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from eddy.model.arrays import Indices

Kind: TypeAlias = type[np.generic]
Operand: TypeAlias = "Value | NDArray[Any] | Sequence[int] | float"
ML = "ai.onnx.ml"


class Value:
    """What the graph computes at one place, an array of this kind; operators on it write further nodes."""

    __array_ufunc__ = None  # an array to the left of an operator leaves it to the value

    def __init__(self, graph: "Graph", name: str, kind: Kind) -> None:
        self.graph, self.name, self.kind = graph, name, kind

    def op(self, operator: str, *others: Operand, kind: Kind | None = None, **attributes: Any) -> "Value":
        """An ONNX operator with this as its first input; `kind` is that of its output, where it is another."""
        return self.graph.op(operator, self, *others, kind=kind, **attributes)

    def __add__(self, other: Operand) -> "Value":
        return self.op("Add", other)

    def __sub__(self, other: Operand) -> "Value":
        return self.op("Sub", other)

    def __mul__(self, other: Operand) -> "Value":
        return self.op("Mul", other)

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Operand) -> "Value":
        return self.op("Div", other)

    def __matmul__(self, other: NDArray[Any]) -> "Value":
        return self.op("MatMul", other)

    def __abs__(self) -> "Value":
        return self.op("Abs")

    def gemm(self, matrix: NDArray[Any], bias: Operand) -> "Value":
        """self @ matrix + bias, in one operator."""
        return self.op("Gemm", matrix, bias)

    def sign(self) -> "Value":
        """-1 or 1; the Sign of ONNX Runtime takes three times as long as these two together."""
        return (self * 1e30).op("Clip", -1.0, 1.0)

    def log1p(self) -> "Value":
        return (self + 1.0).op("Log")

    def expm1(self) -> "Value":
        return self.op("Exp") - 1.0

    def clip(self, lowest: NDArray[Any], highest: NDArray[Any]) -> "Value":
        return self.op("Max", lowest).op("Min", highest)

    def is_nan(self) -> "Value":
        return self.op("IsNaN", kind=np.bool_)

    def cast(self, kind: Kind) -> "Value":
        return self.op("Cast", to=helper.np_dtype_to_tensor_dtype(np.dtype(kind)), kind=kind)

    def row_sums(self) -> "Value":
        return self.op("ReduceSum", [1], keepdims=1)

    def columns(self, first: int, last: int) -> "Value":
        """The columns from `first` to before `last`."""
        return self.op("Slice", [first], [last], [1])

    def take(self, indices: Indices, of: int) -> "Value":
        """The columns at these indices, of so many."""
        return self if len(indices) == of else self.op("Gather", indices, axis=1)

    def split(self, widths: Sequence[int]) -> "list[Value]":
        """The columns in pieces of these widths."""
        return [self] if len(widths) == 1 else self.graph.ops("Split", self, widths, count=len(widths), axis=1)

    def level_indices(self, levels: Sequence[str], first: int = 0) -> "Value":
        """The index of each text among the levels, counted from `first`; of all others, one more than the last."""
        indices = range(first, first + len(levels))
        table = {"keys_strings": list(levels), "values_int64s": list(indices), "default_int64": indices.stop}
        return self.op("LabelEncoder", domain=ML, kind=np.int64, **table)


class Body(NamedTuple):
    """Nodes and constants in the order in which they were written."""

    nodes: list[Any]
    constants: list[Any]


class Graph:
    """A graph that is being written; `inputs` by name."""

    def __init__(self) -> None:
        self.body = Body([], [])
        self.inputs: dict[str, Value] = {}
        self._numbers = itertools.count()

    def input(self, name: str, kind: Kind) -> Value:
        return self.inputs.setdefault(name, Value(self, name, kind))

    def op(self, operator: str, *inputs: Operand, kind: Kind | None = None, **attributes: Any) -> Value:
        """An ONNX operator; its output is of the kind of its first input with numbers, unless `kind` says otherwise."""
        return self.ops(operator, *inputs, count=1, kind=kind, **attributes)[0]

    def ops(
        self, operator: str, *inputs: Operand, count: int, kind: Kind | None = None, **attributes: Any
    ) -> list[Value]:
        """An ONNX operator with so many outputs."""
        own = next(each.kind for each in inputs if isinstance(each, Value) and each.kind is not np.bool_)
        names = [each.name if isinstance(each, Value) else self._constant(each, own) for each in inputs]
        outputs = [f"{operator.lower()}_{next(self._numbers)}" for _ in range(count)]
        self.body.nodes.append(helper.make_node(operator, names, outputs, **attributes))
        return [Value(self, output, kind or own) for output in outputs]

    def constant(self, values: Operand, kind: Kind = np.float64) -> Value:
        return Value(self, self._constant(values, kind), kind)

    def _constant(self, values: Any, kind: Kind) -> str:
        array, name = np.asarray(values), f"constant_{next(self._numbers)}"
        array = array.astype(kind) if array.dtype.kind == "f" else array
        self.body.constants.append(numpy_helper.from_array(array, name))
        return name

    def output(self, name: str, value: Value) -> None:
        self.body.nodes.append(helper.make_node("Identity", [value.name], [name]))

    @contextmanager
    def branch(self) -> Iterator[Body]:
        """What is written inside goes to a body of its own, one of the two of `either`."""
        around, self.body = self.body, Body([], [])
        yield self.body
        self.body = around

    def either(self, condition: Value, outputs: Sequence[str], then: Body, otherwise: Body, width: int) -> None:
        """An If with these outputs [rows, width] in float64; in its branches they are called output_then and
        output_else."""
        branches = {}
        for which, body in (("then", then), ("else", otherwise)):
            results = [value_info(f"{name}_{which}", np.float64, [None, width]) for name in outputs]
            branches[f"{which}_branch"] = helper.make_graph(body.nodes, which, [], results, body.constants)
        self.body.nodes.append(helper.make_node("If", [condition.name], list(outputs), **branches))


def joined(pieces: Sequence[Value]) -> Value:
    """The columns of all pieces, side by side."""
    return pieces[0] if len(pieces) == 1 else pieces[0].op("Concat", *pieces[1:], axis=1)


def total(values: Sequence[Value]) -> Value:
    return values[0] if len(values) == 1 else values[0].op("Sum", *values[1:])


def value_info(name: str, kind: Kind, shape: Sequence[str | int | None]) -> Any:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
