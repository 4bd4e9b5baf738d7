"""How commands speak."""

import pytest

from eddy.cli.console import fail


def test_what_an_error_names_can_be_copied(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/data/" + "a" * 200 + "/[red] payments.csv"
    with pytest.raises(SystemExit) as ended:
        fail(f"there is no file {path}: give another")
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: there is no file {path}: give another\n"
