"""The console script, from its first moment."""

import subprocess
import sys
from importlib.metadata import version

from typer.testing import CliRunner

from eddy.cli.main import app
from tests.places import ROOT

INTERRUPTED_WHILE_IMPORTING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background would ignore it

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "eddy.cli.models.train":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from eddy.cli.main import run
sys.argv = ["eddy", "--help"]
run()
"""


def test_an_interruption_while_commands_are_imported_ends_without_a_traceback() -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IMPORTING]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_version_is_that_of_the_package() -> None:
    printed = CliRunner().invoke(app, ["--version"])
    assert (printed.exit_code, printed.output) == (0, f"eddy {version('eddy-stream')}\n")
