"""Starts the reader process beside the API's workers, and starts it again when it ends."""

import contextlib
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from eddy.control import saved
from eddy.monitoring import logs

LOOK_EVERY_S = 0.5
AGAIN_AFTER_S = 2.0
FIRST_STATE_S = 5.0

log = logs.get(__name__)


class ReaderProcess:
    """The reader of one server. A process of its own, so that no worker is forked from one that holds a Kafka client.

    Args:
        path: the state file.
        source: what the state must be of.
    """

    def __init__(self, path: Path, source: str) -> None:
        self._path, self._source = path, source
        self._stop = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it has read all changes, or after some seconds without Kafka, and says which."""
        begun = datetime.now(UTC)
        self._launch()
        threading.Thread(target=self._watch, name="reader", daemon=True).start()
        deadline = time.monotonic() + FIRST_STATE_S
        while (found := saved.load(self._path, self._source)) is None or found.at < begun:
            if time.monotonic() > deadline:
                self._say_away(found)
                return
            time.sleep(0.05)

    def stop(self) -> None:
        self._stop.set()
        process = self._process
        if process is not None:
            process.kill()  # it holds nothing: the file is replaced as a whole
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)

    def _launch(self) -> None:
        # A session of its own: Ctrl-C is for the server, which then ends it. It also ends with its standard input.
        command = [sys.executable, "-P", "-m", "eddy.api.reader"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            # gunicorn reaps every child of the server, this one too; `poll` takes that for its end, rightly.
            if self._process is not None and self._process.poll() is not None and not self._stop.wait(AGAIN_AFTER_S):
                log.error("the process that reads the control topic has ended: starting it again")
                self._launch()

    def _say_away(self, found: saved.Saved | None) -> None:
        remedy = "start Kafka (it is then followed by itself), or set EDDY_API_KAFKA=off for a server without one"
        if found is None:
            log.warning(
                "Kafka does not answer: the store's active model serves, under its own threshold", remedy=remedy
            )
            return
        log.warning(
            "Kafka does not answer: the threshold and model that were last known are in force",
            age_s=round(found.age_s),
            remedy=remedy,
        )
