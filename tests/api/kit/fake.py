"""A detector that needs no training, and the API around it: run as a script, it is a real server for tests."""

import sys
from dataclasses import replace

import numpy as np

from eddy.api import server, worker
from eddy.api.app import create_app
from eddy.control.live import InForce
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.serving.calibration import Calibration, Threshold
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scores
from eddy.monitoring import logs
from eddy.settings import Settings

SCHEMA = TransactionSchema(
    (
        Field("transaction_id", Kind.IDENTIFIER, role="transaction"),
        Field("card_id", Kind.IDENTIFIER, role="card"),
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount", unit="EUR"),
        Field("distance_km", Kind.NUMERIC, nullable=True),
        Field("country", Kind.CATEGORICAL),
    )
)
USUAL_AMOUNT, USUAL_KM = 25.0, 2.0


class DistanceFromUsual:
    """A scorer: how far amount and distance are from what is usual."""

    fields = ("amount", "distance_km", "country", "event_time")
    usual_levels = {"country": "DE"}  # noqa: RUF012

    def score(self, columns: Columns, explain: bool = True) -> Scores:  # noqa: ARG002
        n = len(columns)
        parts = np.zeros((n, 4))
        parts[:, :2] = np.abs(np.nan_to_num(columns.numeric, nan=USUAL_KM) - (USUAL_AMOUNT, USUAL_KM)) / 10
        expected = np.tile((USUAL_AMOUNT, USUAL_KM, np.nan, 12.0), (n, 1))
        return Scores(parts.sum(axis=1), parts.astype(np.float32), expected)


DETECTOR = Detector(
    version="v1",
    schema=SCHEMA,
    scorer=DistanceFromUsual(),  # type: ignore[arg-type]
    calibration=Calibration(scores=(0.0, 5.0), rarities=(1.0, 0.001), shape=0.0, scale=1.0, rows=1_000),
    threshold=Threshold(5.0, 0.001),
)


def another(version: str) -> Detector:
    return replace(DETECTOR, version=version)


if __name__ == "__main__":
    port, workers, max_body_bytes, worker.REQUEST_S = map(int, sys.argv[1:])
    logs.configure("json", "INFO")
    settings = Settings(api_max_body_bytes=max_body_bytes)
    server.serve(
        lambda metrics: create_app(lambda: InForce(DETECTOR), settings, metrics),
        host="127.0.0.1",
        port=port,
        workers=workers,
    )
