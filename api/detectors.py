"""Where the API gets its detector from."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from eddy.control.live import InForce
from eddy.model.serving.artifact import ArtifactError, ArtifactStore

RETRY_S = 5.0

DetectorProvider = Callable[[], InForce]
"""Gives what is in force now; raises `NotReady` while nothing is."""

log = structlog.stdlib.get_logger(__name__)


class NotReady(Exception):
    """No transaction can be scored yet; the message says why not, `missing` names what is missing."""

    def __init__(self, why: str, missing: tuple[str, ...] = ("model",)) -> None:
        super().__init__(why)
        self.missing = missing


class StoredDetector:
    """One version from the model store, loaded when first asked for.

    What cannot be loaded (a file is damaged, or gone) makes this process not ready, but does not end it: it says what
    is wrong where it is looked for, at `/health/ready`, and tries again now and then.

    Args:
        store: directory of the model store.
        version: the version that all processes of one server use, even if another one becomes active meanwhile.
    """

    def __init__(self, store: Path, version: str) -> None:
        self._store, self._version = store, version
        self._detector: InForce | None = None
        self._reason = ""
        self._retry_at = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> InForce:
        """The detector.

        Raises:
            NotReady: it cannot be loaded.
        """
        return self._detector or self._load()

    def _load(self) -> InForce:
        with self._lock:
            if self._detector is None and time.monotonic() >= self._retry_at:
                self._try()
            if self._detector is None:
                raise NotReady(self._reason)
            return self._detector

    def _try(self) -> None:
        try:
            self._detector = InForce(ArtifactStore(self._store).detector(self._version))
        except (ArtifactError, OSError) as error:
            self._reason = f"Model {self._version} cannot be loaded: {error}"
            self._retry_at = time.monotonic() + RETRY_S
            log.error("not ready", reason=self._reason)
