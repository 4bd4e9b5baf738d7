"""What training leaves behind besides the model: the rows and figures that its report is drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from eddy.model.arrays import Floats32, Indices
from eddy.model.features.encoder import Categories
from eddy.model.schema.columns import Columns
from eddy.model.serving.scorer import Scores

Rows = TypeVar("Rows", Columns, Indices)


@dataclass(frozen=True, eq=False)
class TrainingDiagnostics:
    """Rows that the networks were not trained on, and how the training went.

    Args:
        held_out: a sample of at most a few thousand normal rows, with their `scores` and their `latent` [n, z]: what
            the bottleneck says of them; z is 0 where there is no network.
        anomalies: rows labelled as anomalies, in the same way; none where there is no label.
        history: (step, training loss, loss on held-out rows), in order.
        unseen: by index of the categorical column the share of held-out rows whose level no training row has.
    """

    held_out: Columns
    scores: Scores
    latent: Floats32
    anomalies: Columns
    anomaly_scores: Scores
    anomaly_latent: Floats32
    history: tuple[tuple[int, float, float], ...]
    unseen: Mapping[int, float] = field(default_factory=dict)


def evenly_sampled(rows: Rows, most: int) -> Rows:
    """At most so many rows, evenly spread over all: tables are in order of time."""
    return rows[np.linspace(0, len(rows) - 1, most).astype(np.intp)] if len(rows) > most else rows


def unseen_levels(categories: Categories, columns: Columns) -> dict[int, float]:
    """By index of the categorical column the share of rows whose level is not known."""
    pairs = zip(categories.indices.tolist(), categories.surprisals, strict=True)
    return {
        index: float(np.mean([level not in known for level in columns.categorical[:, index]])) for index, known in pairs
    }
