"""The detector in force in one worker: what the reader process says of the control topic (`api.reader`)."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from eddy.api.detectors import RETRY_S, NotReady
from eddy.control import saved
from eddy.control.live import InForce, LiveDetector, Loader
from eddy.control.saved import Saved
from eddy.control.state import ControlState
from eddy.model.serving.artifact import ArtifactError
from eddy.monitoring import logs

LOOK_EVERY_S = 0.1

log = logs.get(__name__)


class FollowingDetector:
    """Applies the state file whenever it is replaced; without one, the state before the first change.

    Another model is loaded by this object's thread, beside the running one, and then takes its place as a whole.

    Args:
        path: the state file.
        source: what the state must be of.
        load: loads models.
        on_look: called often with what is in force and the state's age in seconds, None if there is no state.
    """

    def __init__(self, path: Path, source: str, load: Loader, on_look: Callable[[InForce, float | None], None]) -> None:
        self._path, self._source, self._on_look = path, source, on_look
        self._live = LiveDetector(load, self._swap)
        self._found: InForce | None = None
        self._saved: Saved | None = None
        self._applied, self._applied_at, self._changed_at = False, 0.0, -1
        self._reason = ""

    def start(self) -> None:
        self.look()
        threading.Thread(target=self._follow, name="control", daemon=True).start()

    def __call__(self) -> InForce:
        """What is in force.

        Raises:
            NotReady: no model can be loaded.
        """
        if self._found is None:
            raise NotReady(self._reason)
        return self._found

    @property
    def age_s(self) -> float | None:
        """Seconds since the state was known to be complete; None if no state was ever known."""
        return None if self._saved is None else self._saved.age_s

    def look(self) -> None:
        """Applies what the file says now. What could not be loaded is tried again now and then."""
        changed_at = self._mtime()
        if changed_at != self._changed_at or (not self._applied and time.monotonic() - self._applied_at > RETRY_S):
            self._changed_at, self._applied_at = changed_at, time.monotonic()
            self._saved = saved.load(self._path, self._source) or self._saved
            self._apply(self._saved.state if self._saved else ControlState())
        if self._found is not None:
            self._on_look(self._found, self.age_s)

    def _follow(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_S)
            self.look()

    def _apply(self, state: ControlState) -> None:
        try:
            self._live.apply(state)
        except (ArtifactError, OSError) as error:
            if str(error) != self._reason:
                log.error("not ready", reason=str(error))
            self._applied, self._reason = False, str(error)
            return
        self._applied = not self._live.current.problems

    def _swap(self, found: InForce) -> None:
        self._found = found

    def _mtime(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0
