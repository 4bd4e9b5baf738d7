"""What would become dead letters is said before a model is trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from eddy.cli import tables
from eddy.cli.main import app
from eddy.model.data.conversion import TableError
from eddy.model.data.sampling import read_table
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.producer.rehearsal import rehearse

ROWS = 2_000
SCHEMA = TransactionSchema((Field("amount", Kind.NUMERIC), Field("shop", Kind.CATEGORICAL)))


@pytest.fixture
def payments() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"amount": rng.lognormal(3, 1, ROWS).round(2), "shop": rng.choice(["a", "b"], ROWS)})


def test_sound_rows_pass_without_a_word(payments: pd.DataFrame) -> None:
    found = rehearse(payments, SCHEMA)
    assert (found.rows, found.refused, found.sentence, found.fails) == (1_000, 0, "", False)


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_whatever_is_inferred_passes_in_every_format(payments: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    table = payments.assign(
        at=pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(ROWS) * 61, unit="s"),
        code=np.where(np.arange(ROWS) % 9, "0742", "5411"),
        tip=payments["amount"].where(np.arange(ROWS) % 3 > 0),
        known=np.arange(ROWS) % 2 == 0,
        card_id=[None if n % 11 == 0 else f"c-{n % 50}" for n in range(ROWS)],
    )
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True, date_format="iso")
    read = read_table(path)
    assert rehearse(read, infer(read)).reasons == {}


def test_refused_rows_are_counted_by_reason(payments: pd.DataFrame) -> None:
    payments.loc[:99, "shop"], payments.loc[100:149, "amount"] = None, np.nan
    found = rehearse(payments, SCHEMA)
    assert 30 <= found.reasons["`shop` is null, and the schema does not say nullable = true"] <= 70
    assert sum(found.reasons.values()) == found.refused < 150
    assert found.sentence.startswith(f"{found.refused} of 1,000 rows would be refused by the stream")
    assert not found.fails


def test_a_few_are_a_warning_and_most_are_an_error(payments: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    payments.loc[:99, "shop"] = None
    tables.rehearsed(payments, SCHEMA)
    assert "warning:" in capsys.readouterr().err
    payments["shop"] = None
    with pytest.raises(TableError, match=r"1,000 of 1,000 rows would be refused .*`shop` is null"):
        tables.rehearsed(payments, SCHEMA)


def test_a_cell_that_no_table_may_have_is_named_by_its_row(payments: pd.DataFrame) -> None:
    table = payments.astype({"amount": object})
    table.loc[:, "amount"] = "12 EUR"
    with pytest.raises(TableError, match="column amount, row 1: '12 EUR' is not a number"):
        tables.rehearsed(table, SCHEMA)


def test_training_stops_where_the_stream_would_refuse_most_rows(payments: pd.DataFrame, tmp_path: Path) -> None:
    payments.assign(tip=np.where(np.arange(ROWS) % 9, np.nan, 1.5)).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "schema.toml").write_text('[fields]\namount = {kind = "numeric"}\ntip = {kind = "numeric"}\n')
    arguments = ["train", str(tmp_path / "t.csv"), "--schema", str(tmp_path / "schema.toml")]
    result = CliRunner().invoke(app, [*arguments, "--artifacts", str(tmp_path / "store")])
    assert result.exit_code == 1
    assert "`tip` is null, and the schema does not say nullable = true" in " ".join(
        result.output.split() + str(result.exception).split()
    )
    assert not (tmp_path / "store").exists()
