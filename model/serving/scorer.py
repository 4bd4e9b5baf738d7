"""Runs the scoring graph: raw columns in; scores, contributions and expected values out.

All that can be known about scoring at run time is in the graph, so this module needs ONNX Runtime and nothing of the
training side.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eddy.model.arrays import Floats
from eddy.model.schema.columns import Columns

CHUNK_ROWS = 512
"""Rows that go through the graph at once: they stay in the processor's cache, and memory use does not grow."""

LANE_ROWS = 16
"""Rows go through the graph in multiples of this, so that none meets the remainder loop of a vectorised kernel, which
rounds differently: a row's score is the same alone and in any batch, at any place."""

EXPLAIN = "explain"
"""Input of the graph that says whether expected values are wanted."""
OUTPUTS = ("score", "contributions", "expected")
USUAL_LEVELS = "eddy.usual_levels"
"""Key of the graph's metadata: the most usual level of each categorical field, as JSON."""


class Scores(NamedTuple):
    """What the graph says of n transactions with f scored fields.

    score: float64 [n], higher is more anomalous. contributions: [n, f], they add up to the score. expected: [n, f],
    numeric fields in original units, timestamps as hour of day (UTC), NaN where there is nothing to say. Where no
    explanation was asked for, contributions and expected values may be [0, f].
    """

    score: Floats
    contributions: Floats
    expected: Floats


class Scorer:
    """One scoring graph in ONNX Runtime, on one thread.

    Args:
        graph: a file or its bytes.
        fields: the scored fields, in the order of the graph's contributions (`TransactionSchema.scored`).
    """

    def __init__(self, graph: Path | str | bytes, fields: Sequence[str]) -> None:
        import onnxruntime  # starts threads of its own, which no process that forks later may have

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = graph if isinstance(graph, bytes) else str(graph)
        self._session: Any = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        names = [node.name for node in self._session.get_inputs()]
        self._inputs = tuple(name for name in names if name != EXPLAIN)
        self._explains_when_asked = EXPLAIN in names  # graphs of format 1 explain always
        self.fields = tuple(fields)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self.usual_levels: Mapping[str, str] = json.loads(metadata.get(USUAL_LEVELS, "{}"))

    def score(self, columns: Columns, explain: bool = True) -> Scores:
        """Scores n transactions, n >= 0; `explain`: with contributions and expected values, as costly again."""
        parts = [self._run(columns[rows], explain) for rows in _chunks(len(columns))]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            none = np.empty((0, len(self.fields)))
            return Scores(np.empty(0), none, none)
        return Scores(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def _run(self, columns: Columns, explain: bool) -> Scores:
        rows = len(columns)
        full = columns[np.arange(-(-rows // LANE_ROWS) * LANE_ROWS) % rows] if rows % LANE_ROWS else columns
        feed = {name: getattr(full, name) for name in self._inputs}
        if self._explains_when_asked:
            feed[EXPLAIN] = np.array(explain)
        outputs = self._session.run(OUTPUTS, feed)
        return Scores(*(output[:rows] for output in outputs))


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK_ROWS) for start in range(0, rows, CHUNK_ROWS))
