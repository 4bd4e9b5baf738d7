"""The console script. Importing the commands takes half a second, in which one can already be interrupted."""

import sys

INTERRUPTED = 130


def run() -> None:
    """Runs `cli.main.run`; Ctrl-C while that is still being imported ends without a traceback, as it does later."""
    try:
        from eddy.cli.main import run as run_command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_command()
