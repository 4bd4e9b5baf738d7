"""`eddy check` against a real server."""

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eddy.api import client
from eddy.cli.main import app

CARD = "4111111111111111"


def run(server: Any, *arguments: str, stdin: bytes = b"", code: int = 0) -> Any:
    result = CliRunner().invoke(
        app, ["check", *arguments, "--api", f"http://127.0.0.1:{server.port}"], input=stdin, env={"COLUMNS": "200"}
    )
    assert result.exit_code == code, result.output
    return result


def lines(path: Path, *transactions: bytes) -> str:
    path.write_bytes(b"\n".join(transactions) + b"\n")
    return str(path)


def test_one_transaction_gets_its_verdict_in_words(server, transaction):
    said = run(server, transaction(amount=900.0).decode()).stdout.splitlines()
    assert said[0].startswith("anomalous: 1 in ")
    assert "threshold 5, model v1" in said[0]
    assert said[1] == "  amount 900 (expected 25)"
    assert run(server, transaction().decode()).stdout.startswith("normal: 1 in ")


def test_the_answer_can_be_had_as_json(server, transaction):
    assert json.loads(run(server, transaction().decode(), "--json").stdout)["model"] == "v1"


def test_a_refused_transaction_ends_with_1_and_says_which_fields(server, transaction):
    result = run(server, transaction(amount=f"{CARD} EUR", country=[7]).decode(), code=1)
    assert "refused: Not a transaction of the schema." in result.stderr
    assert "/amount: `amount` is no number: send 12.50" in result.stderr
    assert "/country: `country` is no text; received a list" in result.stderr
    assert CARD not in result.output


def test_a_file_of_lines_is_checked_and_what_stands_out_is_named(server, transaction, tmp_path):
    sound = transaction()
    file = lines(tmp_path / "f", sound, transaction(amount=900.0), b"", b"{}", sound + b"," + sound, sound)
    result = run(server, "--file", file, code=1)
    assert result.stdout.startswith("transaction 2 (t-00000001): 1 in ")
    assert "amount 900 (expected 25)" in result.stdout
    assert "transaction 3 refused: Not a transaction of the schema." in result.stderr
    assert "transaction 4 refused: Not a JSON document." in result.stderr
    assert "5 transactions: 2 normal, 1 anomalous, 2 refused" in result.stderr


@pytest.mark.parametrize("content", [b"[%s, %s]", b" [%s\n,%s]\n", b"%s\n%s", b"%s\r\n\r\n%s\r\n"])
def test_an_array_and_lines_are_the_same(server, transaction, tmp_path, content):
    (tmp_path / "f").write_bytes(content % (transaction(), transaction()))
    assert "2 transactions: 2 normal" in run(server, "--file", str(tmp_path / "f")).stderr


def test_a_file_may_hold_one_transaction_over_several_lines_or_come_from_standard_input(server, transaction):
    pretty = json.dumps(json.loads(transaction()), indent=2).encode()
    assert "1 transactions: 1 normal" in run(server, "--file", "-", stdin=pretty).stderr


def test_many_are_asked_in_several_requests_and_answered_in_order(server, transaction, tmp_path):
    bodies = [transaction(transaction_id=f"t-{number}") for number in range(2_345)]
    bodies[1_500] = b"{}"
    said = run(server, "--file", lines(tmp_path / "f", *bodies), "--json", code=1)
    answers = [json.loads(line) for line in said.stdout.splitlines()]
    assert len(answers) == 2_345
    assert answers[1_500]["category"] == "missing-field"
    assert [answer.get("transaction_id", "t-1500") for answer in answers] == [f"t-{n}" for n in range(2_345)]


def test_a_large_file_is_asked_in_portions_that_the_server_takes(server, transaction):
    bodies = [transaction(country="x" * 3_900) for _ in range(600)] + [b'"' + b"x" * 2_000 + b'"']
    assert sum(map(len, bodies)) > 2 * client.BYTES_MOST
    *checked, refused = list(client.checks(f"http://127.0.0.1:{server.port}", bodies))
    assert all(isinstance(answer, client.CheckedTransaction) for answer in checked)
    assert len(checked) == 600
    assert refused.category == "not-an-object"


def test_a_server_that_takes_less_is_asked_for_less(server, transaction, monkeypatch):
    monkeypatch.setattr(client, "BYTES_MOST", 2 * 1_048_576)
    bodies = [transaction(country="x" * 3_900)] * 450
    assert len(list(client.checks(f"http://127.0.0.1:{server.port}", bodies))) == 450


def test_what_no_server_takes_is_said(server):
    with pytest.raises(client.ApiUnavailable, match="send smaller"):
        list(client.checks(f"http://127.0.0.1:{server.port}", [b"[" + b"1," * 5_000_000 + b"1]"]))


def test_where_no_api_answers_it_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "127.0.0.1:8080", "http://"):
        result = CliRunner().invoke(app, ["check", "{}", "--api", url])
        assert result.exit_code == 1
        assert "eddy serve" in result.stderr or "write it as http://" in result.stderr


def test_what_is_no_eddy_is_said():
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        result = CliRunner().invoke(app, ["check", "{}", "--api", f"http://127.0.0.1:{other.getsockname()[1]}"])
        thread.join()
    assert "no API of Eddy" in result.stderr


def test_one_of_the_two_has_to_be_given(tmp_path):
    for arguments in ([], ["{}", "--file", "f"]):
        result = CliRunner().invoke(app, ["check", *arguments])
        assert result.exit_code == 1
        assert "--file" in result.stderr
    result = CliRunner().invoke(app, ["check", "--file", str(tmp_path / "nothing"), "--api", "http://127.0.0.1:1"])
    assert "cannot be read" in result.stderr
