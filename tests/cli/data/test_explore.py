"""`eddy explore`: a report in a file, findings on the screen or as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.exploration import row_map
from tests.model.exploration.payments import payments


@pytest.fixture(autouse=True)
def quick_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_map, "lay_out", lambda rows, *_: np.zeros((len(rows), 2)))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "payments.parquet"
    payments(shop="bakery").to_parquet(path)
    return path


def test_a_report_is_written_and_findings_are_printed(table: Path) -> None:
    report = table.with_name("report.html")
    result = CliRunner().invoke(app, ["explore", str(table), "--out", str(report)])
    assert result.exit_code == 0, result.stderr
    assert report.read_text().startswith("<!doctype html>")
    assert "info  1 column is constant: `shop`" in result.stdout
    assert f"Next: eddy train {table}" in result.stdout


def test_progress_goes_to_standard_error_and_not_into_json(table: Path) -> None:
    arguments = [str(table), "--out", str(table.with_name("report.html"))]
    assert "drawn" in CliRunner().invoke(app, ["explore", *arguments]).stderr
    quiet = CliRunner().invoke(app, ["explore", *arguments, "--json"])
    assert quiet.stderr == ""
    printed = json.loads(quiet.stdout)
    assert (printed["rows"], printed["findings"][0]["section"]) == (1_200, "columns")
    assert printed["report"] == str(table.with_name("report.html"))


def test_numbers_that_stand_for_missing_ones_are_named_until_the_schema_says_so(table: Path) -> None:
    payments().assign(distance=lambda t: t["distance"].where(t.index >= 12, -999_999_999)).to_parquet(table)
    arguments = ["explore", str(table), "--out", str(table.with_name("r.html"))]
    said = " ".join(CliRunner().invoke(app, arguments).stdout.split())
    assert "`distance` is -999999999 in 12 of 1,200 rows (1 %)" in said
    assert 'distance = {kind = "numeric", nullable = true, missing = [-999999999]}' in said
    schema = table.with_name("schema.toml")
    schema.write_text('[fields]\ndistance = {kind = "numeric", missing = [-999999999]}\n')
    result = CliRunner().invoke(app, [*arguments, "--json", "--schema", str(schema)])
    facts = next(facts for facts in json.loads(result.stdout)["columns"] if facts["name"] == "distance")
    assert facts["missing"] == pytest.approx(0.01)
    assert facts["least"] > -100
    assert "999999999" not in result.stdout


def test_a_sample_is_looked_at_where_one_is_asked_for(table: Path) -> None:
    result = CliRunner().invoke(
        app, ["explore", str(table), "--out", str(table.with_name("r.html")), "--json", "--sample-rows", "700"]
    )
    printed = json.loads(result.stdout)
    assert (printed["rows"], printed["rows_looked_at"]) == (1_200, 700)


def test_a_schema_says_what_columns_are(table: Path) -> None:
    schema = table.with_name("schema.toml")
    schema.write_text('[fields]\namount = {kind = "numeric"}\nshop = {kind = "ignored"}\n')
    result = CliRunner().invoke(
        app, ["explore", str(table), "--out", str(table.with_name("r.html")), "--json", "--schema", str(schema)]
    )
    kinds = {facts["name"]: facts["kind"] for facts in json.loads(result.stdout)["columns"]}
    assert (kinds["amount"], kinds["shop"], kinds["distance"]) == ("numeric", "ignored", "ignored")


@pytest.mark.parametrize(
    ("data", "out", "expected"),
    [("absent.csv", "r.html", "absent.csv"), ("payments.parquet", "no/such/folder/r.html", "--out")],
    ids=["no table", "no folder"],
)
def test_what_cannot_be_read_or_written_ends_with_one_and_a_remedy(
    table: Path, data: str, out: str, expected: str
) -> None:
    result = CliRunner().invoke(app, ["explore", str(table.parent / data), "--out", str(table.parent / out)])
    assert result.exit_code == 1
    assert expected in " ".join(result.stderr.split())
