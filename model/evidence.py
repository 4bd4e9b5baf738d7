"""What training leaves behind besides the model: the rows and figures that its report is drawn from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.columns import Columns
from model.scorer import Scores

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Rows that the networks were not trained on, and how the training went.

    Args:
        held_out: a sample of at most a few thousand normal rows, with their `scores` and their `latent` [n, z]: what
            the bottleneck says of them; z is 0 where there is no network.
        anomalies: rows labelled as anomalies, in the same way; none where there is no label.
        history: (step, training loss, loss on held-out rows), in order.
    """

    held_out: Columns
    scores: Scores
    latent: Floats32
    anomalies: Columns
    anomaly_scores: Scores
    anomaly_latent: Floats32
    history: tuple[tuple[int, float, float], ...]
