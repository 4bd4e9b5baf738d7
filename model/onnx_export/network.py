"""The networks' part of the scoring graph."""

from collections.abc import Sequence

from eddy.model.components.autoencoder import Layer
from eddy.model.onnx_export.builder import Graph


def network(g: Graph, value: str, layers: Sequence[Layer]) -> str:
    """Dense layers, one after the other; gives the name of the last one's output."""
    for layer in layers:
        value = g.op("Gemm", value, g.constant(layer.weights), g.constant(layer.bias))
        if layer.activation == "tanh":
            value = g.op("Tanh", value)
    return value
