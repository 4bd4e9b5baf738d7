"""A scoring graph that is written by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def distance_graph() -> bytes:
    """Score: how far the two numbers of the schema are from (25, 2), in tenths."""
    constants = {
        "usual": np.array([[25.0, 2.0]]),
        "tenth": np.array(0.1),
        "widen": np.eye(2, 4),
        "axes": np.array([1]),
        "always": np.array([[25.0, 2.0, np.nan, 12.0]]),
        "zero": np.array(0.0),
    }
    nodes = [
        helper.make_node("IsNaN", ["numeric"], ["missing"]),
        helper.make_node("Where", ["missing", "usual", "numeric"], ["filled"]),
        helper.make_node("Sub", ["filled", "usual"], ["away"]),
        helper.make_node("Abs", ["away"], ["distance"]),
        helper.make_node("Mul", ["distance", "tenth"], ["parts"]),
        helper.make_node("MatMul", ["parts", "widen"], ["wide"]),
        helper.make_node("Cast", ["wide"], ["contributions"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["parts", "axes"], ["score"], keepdims=0),
        helper.make_node("Mul", ["wide", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "always"], ["expected"]),
    ]
    graph = helper.make_graph(
        nodes,
        "distance",
        [helper.make_tensor_value_info("numeric", TensorProto.DOUBLE, ["n", 2])],
        [
            helper.make_tensor_value_info("score", TensorProto.DOUBLE, ["n"]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("expected", TensorProto.DOUBLE, ["n", 4]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()
