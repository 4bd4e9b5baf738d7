"""`eddy produce`: what it sends, what it says, and how it ends."""

import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from eddy.cli.data import produce
from eddy.cli.main import app
from eddy.settings import Settings
from tests.messaging.memory.faulty import Fault, FaultyBroker


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FaultyBroker:
    memory = FaultyBroker({"transactions": 4, "elsewhere": 1})

    def connect(_: Settings) -> FaultyBroker:
        return memory

    monkeypatch.setattr(produce, "connect", connect)
    return memory


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["produce", *map(str, arguments)], env={"COLUMNS": "200"})


def stored(broker: FaultyBroker, topic: str = "transactions") -> list[dict[str, object]]:
    return [json.loads(record.value or b"") for record in broker.reader().read(topic)]


def test_it_ends_with_the_exact_count_delivered(broker: FaultyBroker) -> None:
    result = run("synthetic", "--count", 1_234, "--fraud", 0.05, "--seed", 3)
    assert result.exit_code == 0
    assert "1,234 transactions delivered to transactions" in result.stdout
    assert "of them frauds" in result.stdout
    assert len(stored(broker)) == 1_234


def test_rate_and_seconds_make_a_count(broker: FaultyBroker) -> None:
    assert run("synthetic", "--rate", 20_000, "--seconds", 0.1).exit_code == 0
    assert len(stored(broker)) <= 2_000


def test_the_same_seed_sends_the_same(broker: FaultyBroker) -> None:
    for topic in ("transactions", "elsewhere"):
        run("synthetic", "--count", 200, "--seed", 3, "--topic", topic)
    by_id = [
        sorted(stored(broker, topic), key=lambda row: str(row["transaction_id"]))
        for topic in ("transactions", "elsewhere")
    ]
    assert by_id[0] == by_id[1] != []


def test_a_file_with_labels_can_be_replayed(broker: FaultyBroker, tmp_path: Path) -> None:
    path = tmp_path / "transactions.parquet"
    written = run("synthetic", "--count", 500, "--fraud", 0.1, "--to", path)
    assert written.exit_code == 0
    assert f"500 transactions written to {path}" in written.stdout
    assert stored(broker) == []
    replayed = run("file", path)
    assert replayed.exit_code == 0
    assert "500 transactions delivered" in replayed.stdout
    assert not {"is_fraud", "fraud_kind"} & stored(broker)[0].keys()
    assert len(stored(broker)) == 500


def test_a_schema_says_which_column_is_the_card(broker: FaultyBroker, tmp_path: Path) -> None:
    path, schema = tmp_path / "table.csv", tmp_path / "schema.toml"
    pd.DataFrame({"who": ["a", "b"], "at": ["2026-01-01T00:00", "2026-01-01T00:01"], "paid": [1, 2]}).to_csv(
        path, index=False
    )
    refused = run("file", path)
    assert refused.exit_code == 1
    assert 'role = "card"' in refused.stderr
    schema.write_text(
        '[fields]\nwho = {kind = "identifier", role = "card"}\nat = {kind = "timestamp", role = "time"}\n'
        'paid = {kind = "numeric"}\n'
    )
    assert run("file", path, "--schema", schema).exit_code == 0
    assert [record.key for record in broker.reader().read("transactions")].count(b"a") == 1


def test_bad_rows_are_reported(broker: FaultyBroker, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table = {"card_id": ["a", None, "b"], "time": ["2026-01-02T00:00", "2026-01-01T00:00", "2026-01-01T00:01"]}
    pd.DataFrame({**table, "amount": [1, 2, 3]}).to_csv(path, index=False)
    result = run("file", path)
    assert result.exit_code == 0
    assert "not sorted by event time" in result.stderr
    assert "1 rows were not sent" in result.stderr
    assert "row 2: no card in column card_id" in result.stderr
    assert len(stored(broker)) == 2


def test_messages_that_were_not_stored_end_it_with_an_error(broker: FaultyBroker) -> None:
    broker.fail(Fault.DELIVERY, 3)
    result = run("synthetic", "--count", 100)
    assert result.exit_code == 1
    assert "97 transactions delivered" in result.stdout
    assert "3 of 100 transactions are not known to be stored" in result.stderr


def test_a_missing_topic_is_named_before_anything_is_sent(broker: FaultyBroker) -> None:
    result = run("synthetic", "--count", 10, "--topic", "payments")
    assert result.exit_code == 1
    assert "there is no topic payments" in result.stderr
    assert "eddy topics create" in result.stderr
    assert stored(broker) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("file", "nowhere.csv"), 1, "there is no file nowhere.csv"),
        (("file", "x.csv", "--rate", 1, "--speedup", 2), 2, "exclude each other"),
        (("synthetic", "--to", "x.parquet"), 2, "--count"),
        (("synthetic", "--count", 10, "--to", "x.xlsx"), 1, "ends in .parquet"),
        (("synthetic", "--count", 10, "--to", "/nowhere/x.parquet"), 1, "cannot be written"),
        (("file", "x.csv", "--schema", "none.toml"), 1, "none.toml cannot be read"),
    ],
)
@pytest.mark.usefixtures("broker")
def test_mistakes_end_in_one_line_that_says_what_to_do(arguments: tuple[object, ...], code: int, said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("broker")
def test_without_the_libraries_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("eddy.model.data.conversion", "eddy.producer.replay"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = run("file", "table.csv")
    assert result.exit_code == 1
    assert "pip install 'eddy-stream[tables]'" in result.stderr


@pytest.mark.parametrize("command", ["synthetic", "file"])
def test_help_shows_examples(command: str) -> None:
    assert f"eddy produce {command}" in run(command, "--help").stdout
