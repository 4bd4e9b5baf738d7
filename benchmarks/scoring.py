"""How long a score takes: `python -m benchmarks.scoring`, 4,096 rows of 30 numbers on one core, decoding excluded.

All in: from columns to verdicts (`Detector.detect`): features, whitening, networks, tail scores, score, rarity. Reasons
(contributions and expected values) are computed of those rows alone that are asked about, such as alerts.
Beside it, in turns, bare ONNX Runtime on the networks alone, which is the least that can be had from these networks.
Processor time of the thread, so that other work on the machine counts as little as can be; medians. Ends with 1 above
the limit.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import onnxruntime
from onnx import helper

from benchmarks.common import NUMBERS
from eddy.model.components.autoencoder import Autoencoder, Layer
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.onnx_export.builder import Graph, total, value_info
from eddy.model.onnx_export.graph import network
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.scorer import CHUNK_ROWS
from eddy.model.training.fit import learn

ROWS, ROUNDS, LIMIT_US = 4_096, 200, 2.0
FACTORS = 6


def columns(rows: int, seed: int) -> Columns:
    """Numbers with a few factors behind them."""
    random = np.random.default_rng(seed)
    loadings = np.random.default_rng(0).normal(size=(FACTORS, NUMBERS))
    numbers = random.normal(size=(rows, FACTORS)) @ loadings + random.normal(size=(rows, NUMBERS)) / 3
    return Columns(numbers, np.empty((rows, 0), np.object_), np.empty((rows, 0)))


def bare(members: tuple[tuple[Layer, ...], ...]) -> Any:
    """The networks, and nothing else, in ONNX Runtime."""
    graph = Graph()
    u = graph.input("u", np.float32)
    graph.output("sum", total([network(u, layers) for layers in members]))
    inputs, outputs = ([value_info(name, np.float32, ["rows", NUMBERS])] for name in ("u", "sum"))
    made = helper.make_graph(graph.body.nodes, "networks", inputs, outputs, graph.body.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def in_turns(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds a row, medians of many rounds."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = time.thread_time()
            way()
            took[name].append((time.thread_time() - begun) / ROWS * 1e6)
    return {name: median(times) for name, times in took.items()}


def main() -> int:
    schema = TransactionSchema(tuple(Field(f"v{number:02}", Kind.NUMERIC) for number in range(NUMBERS)))
    detector = learn(columns(20_000, 1), schema, TrainingConfig(steps=100)).detector()
    session = bare(Autoencoder(NUMBERS, DEFAULTS.members).members())
    rows, u = columns(ROWS, 2), np.random.default_rng(3).normal(size=(ROWS, NUMBERS)).astype(np.float32)
    chunks = [u[start : start + CHUNK_ROWS] for start in range(0, ROWS, CHUNK_ROWS)]
    took = in_turns(
        {
            "all in": lambda: detector.detect(rows),
            "the graph alone": lambda: detector.scorer.score(rows, explain=False),
            "with reasons": lambda: detector.scorer.score(rows),
            "bare networks": lambda: [session.run(None, {"u": chunk}) for chunk in chunks],
        }
    )
    for name, time_us in took.items():
        print(f"{name:26}{time_us:6.2f} us a row{time_us / took['bare networks']:8.2f} x the bare networks")
    reached = took["all in"] <= LIMIT_US
    print(f"all in: {took['all in']:.2f} us a row, limit {LIMIT_US} us: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
