"""Numbers in the spellings that people use: read where a column leaves no doubt, text where it does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.conversion import TableError
from eddy.model.data.sampling import read_pieces, read_table
from eddy.model.data.schema_inference import guess
from eddy.model.schema.schema import Kind

NONE = np.nan


def column(tmp_path: Path, cells: list[str]) -> "pd.Series[float]":
    path = tmp_path / "t.csv"
    pd.DataFrame({"x": cells, "n": 1}).to_csv(path, index=False, sep=";")
    return read_table(path)["x"]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["100,50", "1.234,56 €", "7", ""], [100.5, 1234.56, 7, NONE]),
        (["1.234,56", "1.234"], [1234.56, 1234]),
        (["$1,234.50", "($12.50)", "12.50-", "-"], [1234.5, -12.5, -12.5, NONE]),
        (["1,234.50", "1,234"], [1234.5, 1234]),
        (["1,234,567", "8"], [1234567, 8]),
        (["EUR 5,00", "-5,00 EUR", "€ -7,25"], [5, -5, -7.25]),
        (["1 234,56", "2\u00a0345,00", "3\u202f456"], [1234.56, 2345, 3456]),
        (["12'345.60", "1'000"], [12345.6, 1000]),
        (["12.5", "-", "n/a"], [12.5, NONE, NONE]),
        (["5", "-", "–"], [5, NONE, NONE]),
        (["($5)", "$6"], [-5, 6]),
        (["0,99", ",5"], [0.99, 0.5]),
    ],
)
def test_a_column_that_agrees_is_read(tmp_path: Path, cells: list[str], numbers: list[float]) -> None:
    np.testing.assert_array_equal(column(tmp_path, cells), numbers)


@pytest.mark.parametrize(
    "cells",
    [
        ["1,234", "999"],
        ["1.234.567", "1.000.000"],
        ["192.168.100.200", "192.168.100.201"],
        ["1,234.50", "100,50"],
        ["0742", "5411,00"],
        ["A17", "B4"],
        ["01.02.2026", "03.02.2026"],
        ["5 apples", "6,5"],
        ["12:30", "13:45"],
        ["1,23,456", "5"],
        ["--", "5,5"],
    ],
)
def test_a_column_in_doubt_is_left_as_text(tmp_path: Path, cells: list[str]) -> None:
    assert column(tmp_path, cells).tolist() == cells


@pytest.mark.parametrize(
    "cells", [["1.234", "100,50"], ["1,234", "100.50"], ["1,234", "99"], ["7", "1,5"], ["-", "1,5"]]
)
def test_spellings_do_not_depend_on_the_order_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: list[str]
) -> None:
    whole = column(tmp_path, cells)
    monkeypatch.setattr("eddy.model.data.files.csv._BLOCK", 64)
    for order in (cells, cells[::-1]):
        many = [cell for cell in order for _ in range(100)]
        read = column(tmp_path, many)
        expected = [whole[cells.index(cell)] for cell in many]
        assert read.astype(object).fillna("").tolist() == pd.Series(expected, dtype=object).fillna("").tolist()


def test_pieces_that_were_read_otherwise_are_refused_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eddy.model.data.files.csv._BLOCK", 64)
    path = tmp_path / "t.csv"
    path.write_text("x;n\n" + "1.234;1\n" * 100 + "100,50;1\n" * 100)
    with pytest.raises(TableError, match=r"column x.*spelling.*decimal point"):
        list(read_pieces(path, consistent=False))


def test_a_column_in_doubt_is_ignored_and_says_why() -> None:
    cells = [f"{1 + n % 900},{n % 1_000:03}" for n in range(2_000)]
    found = {one.field.name: one for one in guess(pd.DataFrame({"Saldo": cells, "n": np.random.rand(2_000)}))}
    assert found["Saldo"].field.kind is Kind.IGNORED
    assert "more than one way" in found["Saldo"].why
