"""Settings say where they come from, report every mistake at once, and keep secrets."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.settings import Settings, SettingsError, environment_for, load


@pytest.fixture(autouse=True)
def _own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_all_mistakes_are_reported_at_once_with_what_was_received(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDDY_WORKERS", "none")
    monkeypatch.setenv("EDDY_API_PORT", "70000")
    with pytest.raises(SettingsError) as raised:
        load()
    assert "EDDY_WORKERS" in str(raised.value)
    assert "received 'none'" in str(raised.value)
    assert "EDDY_API_PORT" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"watchdog_timeout_ms": 50_000}, "EDDY_WATCHDOG_TIMEOUT_MS: must be above EDDY_DELIVERY_TIMEOUT_MS + 2 x"),
        ({"max_poll_interval_ms": 6_000}, "EDDY_MAX_POLL_INTERVAL_MS: must be above EDDY_SESSION_TIMEOUT_MS (6000)"),
        (
            {"stall_timeout_ms": 5_000},
            "EDDY_STALL_TIMEOUT_MS: must be above EDDY_SESSION_TIMEOUT_MS (6000); received 5000",
        ),
        ({"batch_max_wait_ms": 10_000}, "EDDY_REQUEST_TIMEOUT_MS: must be above EDDY_BATCH_MAX_WAIT_MS (10000)"),
        ({"delivery_timeout_ms": 9_000}, "EDDY_DELIVERY_TIMEOUT_MS: must be above EDDY_REQUEST_TIMEOUT_MS"),
        ({"topic_alerts": "transactions"}, "received transactions, transactions, dead-letters, ledger"),
        ({"kafka_security_protocol": "SASL_SSL", "kafka_username": "u"}, "needs EDDY_KAFKA_USERNAME and"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_what_to_do(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load(**given)
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_all_contradictions_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load(session_timeout_ms=60_000, watchdog_timeout_ms=1_000)
    assert len(str(raised.value).splitlines()) == 3


def test_a_wrong_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        load(kafka_password=["hunter2"])
    assert "hunter2" not in str(raised.value)


def test_each_setting_knows_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("EDDY_GROUP=from-file\nEDDY_API_PORT=1\n")
    monkeypatch.setenv("EDDY_API_PORT", "2")
    found = load(workers=3)
    assert [found.group, found.api_port, found.workers] == ["from-file", 2, 3]
    assert [found.source(name) for name in ("group", "api_port", "workers", "api_host")] == [
        ".env file",
        "environment",
        "command line",
        "default",
    ]


def test_the_command_shows_settings_and_hides_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDDY_KAFKA_PASSWORD", "hunter2")
    shown = CliRunner().invoke(app, ["settings"], terminal_width=200)
    assert shown.exit_code == 0
    assert "EDDY_KAFKA_PASSWORD" in shown.output
    assert "hunter2" not in shown.output


def test_a_child_process_finds_the_same_settings() -> None:
    given = load(workers=3, kafka_password="hunter2", artifacts=Path("/models"))
    variables = environment_for(given)
    assert variables["EDDY_WORKERS"] == "3"
    assert variables["EDDY_KAFKA_PASSWORD"] == "hunter2"
    assert variables["EDDY_ARTIFACTS"] == "/models"


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
