"""The tutorial runs from its first cell to its last, and the notebook that readers see is the one that runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

KEPT = ROOT / "docs/tutorial.ipynb"


def sources(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KEPT.read_text())
    return found


@pytest.mark.timeout(900)
def test_every_cell_runs_and_the_kept_notebook_is_the_same(kept: dict[str, Any], tmp_path: Path) -> None:
    """In a process of its own: the kernel imports TensorFlow."""
    target = tmp_path / "tutorial.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "docs.notebook", str(target)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    fresh = json.loads(target.read_text())
    assert sources(fresh) == sources(kept), "run: make notebook"
    assert [output["output_type"] for output in outputs(fresh)] == [output["output_type"] for output in outputs(kept)]


def test_the_kept_notebook_has_pictures_is_small_and_tells_nothing_of_the_machine(kept: dict[str, Any]) -> None:
    text = KEPT.read_text()
    assert sum("image/png" in output.get("data", {}) for output in outputs(kept)) >= 5
    assert len(text) < 1_000_000
    assert [word for word in ("/home/", "/root/", "/tmp/", "/Users/", "site-packages", "0x7f") if word in text] == []
    assert [
        output for output in outputs(kept) if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []
