"""Writes ONNX graphs: operators and constants, one after the other."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper


class Graph:
    """Nodes and constants as they are written down; every method gives the name of what it made.

    Args:
        around: the graph that this one is to be a branch in.

    `precision` is that of the constants that are still to come.
    """

    def __init__(self, around: "Graph | None" = None) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.precision: type = np.float64
        self._names: Iterator[int] = around._names if around else itertools.count()

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind.lower()}_{next(self._names)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, kind: type | None = None) -> str:
        name = f"constant_{next(self._names)}"
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

    def chosen(self, value: str, indices: NDArray[np.intp], of: int) -> str:
        """The columns at these indices, of so many."""
        if len(indices) == of:
            return value
        return self.op("Gather", value, self.constant(indices, np.int64), axis=1)

    def either(self, condition: str, outputs: Sequence[str], then: "Graph", otherwise: "Graph", width: int) -> None:
        """An If with these outputs [rows, width] in float64; in its branches they are called output_then and
        output_else."""
        branches = {}
        for which, graph in (("then", then), ("else", otherwise)):
            names = [f"{name}_{which}" for name in outputs]
            results = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, width]) for name in names]
            branches[f"{which}_branch"] = helper.make_graph(graph.nodes, which, [], results, graph.constants)
        self.nodes.append(helper.make_node("If", [condition], list(outputs), **branches))

    def level_indices(self, categorical: str, levels: Sequence[str], first: int = 0) -> str:
        """The index of each text among the levels, counted from `first`; of all others, one more than the last."""
        indices = list(range(first, first + len(levels)))
        table: dict[str, Any] = {"keys_strings": list(levels), "values_int64s": indices}
        return self.op("LabelEncoder", categorical, domain="ai.onnx.ml", default_int64=first + len(levels), **table)

    def within(self, values: str, lowest: NDArray[Any], highest: NDArray[Any]) -> str:
        return self.op("Min", self.op("Max", values, self.constant(lowest)), self.constant(highest))

    def where(self, chosen: NDArray[np.bool_], value: str, otherwise: str) -> str:
        """By column, known now: `value` or `otherwise`."""
        if chosen.all() or not chosen.any():
            return value if chosen.all() else otherwise
        return self.op("Where", self.constant(chosen, np.bool_), value, otherwise)

    def split(self, value: str, widths: Sequence[int]) -> list[str]:
        """The columns in pieces of these widths."""
        if len(widths) == 1:
            return [value]
        names = [f"piece_{next(self._names)}" for _ in widths]
        self.nodes.append(helper.make_node("Split", [value, self.constant(widths, np.int64)], names, axis=1))
        return names

    def joined(self, pieces: Sequence[str]) -> str:
        """The columns of all pieces, side by side."""
        return pieces[0] if len(pieces) == 1 else self.op("Concat", *pieces, axis=1)

    def sum(self, values: Sequence[str]) -> str:
        return values[0] if len(values) == 1 else self.op("Sum", *values)

    def signed(self, value: str, size: str) -> str:
        """`size` with the sign of `value`; the Sign of ONNX Runtime takes three times as long as these two together."""
        steep = self.op("Mul", value, self.constant(1e30))
        return self.op("Mul", self.op("Clip", steep, self.constant(-1.0), self.constant(1.0)), size)

    def log1p(self, size: str) -> str:
        return self.op("Log", self.op("Add", size, self.constant(1.0)))

    def expm1(self, size: str) -> str:
        return self.op("Sub", self.op("Exp", size), self.constant(1.0))
