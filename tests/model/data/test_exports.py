"""Tables as people export them from banks and spreadsheets."""

import json
from pathlib import Path

import numpy as np
import pytest

from eddy.messaging.codec import TransactionCodec
from eddy.model.data.conversion import TableError, anomalous, columns_of
from eddy.model.data.sampling import read_table
from eddy.model.data.schema_inference import guess, infer

ROWS = 600


def german() -> str:
    lines = ["Transaktions-ID;Kartennummer;Buchungsdatum;Betrag (EUR);Land;Betrug?"]
    lines += [
        f'TX{n:06};"=""43131089{n % 40:08}""";{1 + n % 28:02}.01.2025 00:{n % 60:02}:11;{1 + n % 9}.{n % 1000:03},50;'
        f"{'DE' if n % 3 else 'CH'};{'ja' if n % 50 == 0 else 'nein'}"
        for n in range(ROWS)
    ]
    return "\n".join(lines)


def test_a_german_export_is_read_as_it_is_meant(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeff" + german(), encoding="utf-8")
    table = read_table(tmp_path / "t.csv")
    schema = infer(table)
    found = {field.name: (field.kind.value, field.role) for field in schema.fields}
    assert found == {
        "Transaktions-ID": ("identifier", "transaction"),
        "Kartennummer": ("identifier", "card"),
        "Buchungsdatum": ("timestamp", "time"),
        "Betrag (EUR)": ("numeric", "amount"),
        "Land": ("categorical", None),
        "Betrug?": ("label", None),
    }
    assert columns_of(table, schema).numeric[:3, 0].tolist() == [1_000.5, 2_001.5, 3_002.5]
    assert np.flatnonzero(anomalous(table, schema)).tolist() == list(range(0, ROWS, 50))
    assert str(table["Kartennummer"][1]) == "4313108900000001"


def test_codes_in_quotes_stay_categories_and_amounts_in_quotes_are_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"t-{n}", "amount": f"{rng.lognormal(3, 1):.2f}", "mcc": str(rng.choice([5411, 5812, 4111]))}
        for n in range(ROWS)
    ]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    schema = infer(read_table(tmp_path / "t.jsonl"))
    assert (schema.numeric, schema.categorical) == (("amount",), ("mcc",))
    decoded = TransactionCodec(schema).decode_values([json.dumps(row).encode() for row in rows])
    assert not decoded.refused
    assert decoded.columns.categorical[0, 0] == rows[0]["mcc"]


@pytest.mark.parametrize(
    "first", ["TX1,4313108985552136,1735690031000,100.5,DE", "TX1,2025-01-01 00:00:00,12.50,DE,x", "a,1.5,2.5,3,b"]
)
def test_a_file_without_a_line_of_names_is_refused(tmp_path: Path, first: str) -> None:
    (tmp_path / "t.csv").write_text(f"{first}\n" * 5)
    with pytest.raises(TableError, match="first line holds data, not the names"):
        read_table(tmp_path / "t.csv")


def test_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("0,1,2,2025,amount_1.5\n1,2,3,4,5\n")
    assert list(read_table(tmp_path / "t.csv")) == ["0", "1", "2", "2025", "amount_1.5"]


def test_objects_are_left_out_with_what_to_do(tmp_path: Path) -> None:
    rows = [{"amount": {"value": n % 97 + 0.5}, "fee": n % 13 + 0.25} for n in range(ROWS)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    why = {one.field.name: one.why for one in guess(read_table(tmp_path / "t.jsonl"))}
    assert "a column of its own, such as amount_value" in why["amount"]
