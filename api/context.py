"""What the routes share: where detectors come from, settings, metrics, the model store."""

from dataclasses import dataclass

from eddy.api.check import Checker
from eddy.api.detectors import DetectorProvider
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.model.serving.artifact import ArtifactStore
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings


class Checkers:
    """Makes the checker of a detector once, and again when there is another detector."""

    def __init__(self, detectors: DetectorProvider, settings: Settings, metrics: HttpMetrics) -> None:
        self._detectors, self._settings, self._metrics = detectors, settings, metrics
        self._checker: Checker | None = None

    def current(self) -> Checker:
        """The checker of the detector in use.

        Raises:
            NotReady: there is none.
        """
        found, checker = self._detectors(), self._checker
        if checker is None or checker.detector is not found.detector or checker.control_offset != found.control_offset:
            checker = self._checker = self._make(found)
        return checker

    def problems(self) -> tuple[str, ...]:
        """The changes that are not in force in this process, and why."""
        return self._detectors().problems

    def _make(self, found: InForce) -> Checker:
        detector = found.detector
        self._metrics.model(detector.version, detector.threshold.score)
        codec = TransactionCodec(detector.schema, self._settings.unknown_fields)
        return Checker(detector, codec, self._settings.alert_contributions, found.control_offset)


@dataclass(frozen=True)
class Context:
    """One application's."""

    checkers: Checkers
    settings: Settings
    metrics: HttpMetrics

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(self.settings.artifacts)
