"""What training leaves behind besides the model: the rows and figures that its report is drawn from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.columns import Columns
from model.config import TrainingConfig
from model.detector import Detector
from model.schema import TransactionSchema
from model.scorer import Scores
from model.threshold import Calibration

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


class Explained(Protocol):
    """What the training report reads of a `model.training.Learned`; training can so store the report that it draws."""

    @property
    def schema(self) -> TransactionSchema: ...
    @property
    def config(self) -> TrainingConfig: ...
    @property
    def calibration(self) -> Calibration: ...
    @property
    def learned(self) -> NDArray[np.intp]: ...
    @property
    def held_out(self) -> NDArray[np.intp]: ...
    @property
    def evidence(self) -> Evidence: ...
    def detector(self) -> Detector: ...
