import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import TransactionSchema
from eddy.producer.synthetic import SyntheticStream


@pytest.fixture(scope="module")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = next(SyntheticStream(seed=3, cards=50).chunks(count=2_000, size=2_000))
    path = tmp_path_factory.mktemp("schema") / "payments.parquet"
    pd.DataFrame({**made.columns, "is_fraud": made.is_fraud}).to_parquet(path)
    return path


def test_the_schema_comes_on_standard_output_with_a_reason_behind_each_field(payments: Path) -> None:
    result = CliRunner().invoke(app, ["schema", str(payments)])
    assert result.exit_code == 0
    assert TransactionSchema.from_toml(result.stdout) == infer(pd.read_parquet(payments))
    lines = [line for line in result.stdout.splitlines() if " = {kind" in line]
    assert len(lines) == len(pd.read_parquet(payments).columns)
    assert all("  # " in line for line in lines)
    assert "all 2,000 rows" in result.stderr


def test_a_file_is_written_once_and_never_written_over(payments: Path, tmp_path: Path) -> None:
    to = tmp_path / "schema.toml"
    assert CliRunner().invoke(app, ["schema", str(payments), "--out", str(to)]).stdout == ""
    written = to.read_text()
    again = CliRunner().invoke(app, ["schema", str(payments), "--out", str(to)])
    assert again.exit_code == 1
    assert "exists already" in again.stderr
    assert to.read_text() == written
    nowhere = CliRunner().invoke(app, ["schema", str(payments), "--out", str(tmp_path / "none" / "schema.toml")])
    assert nowhere.exit_code == 1
    assert "cannot be written" in " ".join(nowhere.stderr.split())


def test_a_sample_is_reported_and_scripts_read_json(payments: Path) -> None:
    result = CliRunner().invoke(app, ["schema", str(payments), "--sample-rows", "500", "--json"])
    printed = json.loads(result.stdout)
    assert (printed["rows"], printed["rows_seen"]) == (2_000, 500)
    amount = next(field for field in printed["fields"] if field["name"] == "amount")
    assert (amount["kind"], amount["role"]) == ("numeric", "amount")
    assert "by its name" in amount["why"]
    assert "500 of 2,000 rows" in CliRunner().invoke(app, ["schema", str(payments), "--sample-rows", "500"]).stderr


def test_numbers_that_seem_to_stand_for_missing_ones_are_suggested_as_a_comment(payments: Path, tmp_path: Path) -> None:
    table = pd.read_parquet(payments)
    table.loc[table.index[:20], "amount_ratio_30d"] = -1.0
    table.to_parquet(tmp_path / "t.parquet")
    text = CliRunner().invoke(app, ["schema", str(tmp_path / "t.parquet")]).stdout
    line = next(line for line in text.splitlines() if line.startswith("# amount_ratio_30d"))
    assert "if -1 (20 rows) stands for a missing value" in line
    assert all(field.missing is None for field in TransactionSchema.from_toml(text).fields)
    edited = (
        text.replace(line, "")
        .replace("amount_ratio_30d = {kind", "# was: {kind")
        .replace("[fields]", f"[fields]\n{line[2:]}")
    )
    field = next(field for field in TransactionSchema.from_toml(edited).fields if field.name == "amount_ratio_30d")
    assert (field.missing, field.nullable) == ((-1.0,), True)


def test_roles_that_nobody_plays_are_named(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.5, 2.5], "z": [2.0, 1.0]}).to_csv(tmp_path / "t.csv", index=False)
    result = CliRunner().invoke(app, ["schema", str(tmp_path / "t.csv")])
    assert "No column seems to be the card, the amount, the time" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("content", "expected"), [("", "empty"), ("a,b\n", "no rows"), ("note\n" + "x\n" * 9, "no field can be scored")]
)
def test_a_table_without_a_schema_is_reported(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    result = CliRunner().invoke(app, ["schema", str(tmp_path / "t.csv")])
    assert result.exit_code == 1
    assert expected in " ".join(result.stderr.split())


def test_it_says_what_is_scored_what_is_ignored_and_warns_of_amounts_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table = pd.DataFrame({"Betrag": [f"{n % 97},50 €" for n in range(2_000)], "same": 1})
    table["Saldo"] = [f"{1 + n % 900},{n % 1_000:03}" for n in range(2_000)]
    table.to_csv(path, sep=";", index=False)
    result = CliRunner().invoke(app, ["schema", str(path)])
    assert result.exit_code == 0
    said = result.stderr.splitlines()
    assert "Scores: Betrag." in said
    assert any(line.startswith("Ignores: same (has the same value in every row); Saldo (") for line in said)
    assert any(line.startswith("warning: column Saldo is left out") for line in said)
    quiet = CliRunner().invoke(app, ["schema", str(path), "--json"])
    assert "Scores" not in quiet.stderr
