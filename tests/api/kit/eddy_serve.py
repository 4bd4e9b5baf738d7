"""`eddy serve` as a process."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eddy.model.serving.artifact import ArtifactStore

COMMAND = "from eddy.cli.main import run; run()"


def start(store: ArtifactStore, log: Path, *options: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, "serve", *(options or ("--port", "0", "--workers", "2"))]
    environment = {
        "EDDY_ARTIFACTS": str(store.path),
        "EDDY_API_KAFKA": "off",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        **more,
    }
    with log.open("w") as out:
        return subprocess.Popen(command, stderr=out, stdout=out, text=True, env=environment)


@contextmanager
def serving_store(store: ArtifactStore, log: Path, **more: str) -> Iterator[str]:
    """Where it answers."""
    process = start(store, log, **more)
    deadline = time.monotonic() + 30
    while not (found := re.search(r"url=(http://\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield found[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
