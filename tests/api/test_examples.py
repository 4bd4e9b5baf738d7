"""Every file of examples/ runs against `eddy serve` and shows what its README says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eddy.model.serving.artifact import ArtifactStore
from eddy.producer.messages import outgoing
from eddy.producer.synthetic import SyntheticStream
from tests.api.kit.eddy_serve import serving_store
from tests.places import ROOT
from tests.plugins.artifacts import artifact_store as artifact_store

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def address(artifact_store: ArtifactStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_store(artifact_store, tmp_path_factory.mktemp("examples") / "log") as address:
        yield address


def run(name: str, address: str, stdin: bytes = b"") -> str:
    command = ["sh" if name.endswith(".sh") else sys.executable, EXAMPLES / name]
    environment = os.environ | {"EDDY_API": address}
    done = subprocess.run(command, env=environment, input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_every_example_is_in_the_readme_and_run_here() -> None:
    files = {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
    readme, here = (EXAMPLES / "README.md").read_text(), Path(__file__).read_text()
    assert [name for name in files if f"| `{name}` |" not in readme or f'run("{name}"' not in here] == []


def test_curl_gets_a_verdict(address: str) -> None:
    verdict = json.loads(run("check.sh", address))
    assert verdict["transaction_id"] == "t-1"
    assert verdict["anomalous"] is True


def test_python_gets_a_verdict_with_reasons_and_a_refusal(address: str) -> None:
    first, *reasons, refused = run("check.py", address).splitlines()
    assert first.startswith("anomalous 1 in ")
    assert all(", expected " in reason for reason in reasons)
    assert len(reasons) == 5
    assert refused.startswith("/problems#refused: `amount` is no number: send 12.50, without currency")
    assert "1200" not in refused


def test_python_checks_a_file(address: str) -> None:
    values = next(outgoing(SyntheticStream(seed=3).chunks(2_500))).values
    lines = [bytes(value) for value in values]
    lines[1_700] = b"{}"
    said = run("checks.py", address, b"\n".join(lines) + b"\n").splitlines()
    assert said[-1] == f"{len(lines)} checked"
    assert "line 1701 refused: The message lacks the field `transaction_id`" in said
    assert any(": 1 in " in line for line in said)
