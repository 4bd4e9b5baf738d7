"""How commands speak."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from eddy.cli.console import fail, print_json


@dataclass(frozen=True)
class Point:
    x: np.float64
    y: np.int64


def test_what_an_error_names_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/data/" + "a" * 200 + "/[red] payments.csv"
    with pytest.raises(SystemExit) as ended:
        fail(f"there is no file {path}: give another")
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: there is no file {path}: give another\n"


def test_json_holds_dataclasses_paths_and_numbers_of_numpy_and_null_for_what_is_no_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"point": Point(np.float64(0.5), np.int64(2)), "path": Path("a/b"), "none": [float("nan"), np.inf]})
    assert json.loads(capsys.readouterr().out) == {"point": {"x": 0.5, "y": 2}, "path": "a/b", "none": [None, None]}
