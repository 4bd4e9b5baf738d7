"""`eddy threshold`, `eddy models use|undo` and `eddy audit` as an operator types them, on a broker in memory."""

import dataclasses
import json
import shutil
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from eddy.cli.main import app
from eddy.messaging.kafka import broker as kafka
from eddy.messaging.memory.broker import MemoryBroker
from eddy.messaging.messages import LedgerRecord, ShadowCounts, ledger_message
from eddy.messaging.ports import Message
from eddy.messaging.topics import TopicPlan
from eddy.model.arrays import Floats
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.calibration import rarity_histogram
from tests.plugins.artifacts import artifact_store as artifact_store
from tests.plugins.logging import logging_put_back as logging_put_back

WHY = ("--why", "a test")


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> MemoryBroker:
    made = MemoryBroker({"control": 1}, clock=lambda: getattr(made, "clock_ms", int(time.time() * 1000)), waits=True)
    monkeypatch.setattr(kafka, "KafkaBroker", lambda _: made)
    return made


@pytest.fixture
def store(artifact_store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """Two models with the same fields; the newer one's scores are worth half as much."""
    made = ArtifactStore(shutil.copytree(artifact_store.path, tmp_path / "store"))
    manifest, files = made.verified(made.active())
    scores = tuple(2 * score for score in manifest.calibration.scores)
    later = msgspec.structs.replace(
        manifest,
        created_at=manifest.created_at + timedelta(minutes=1),
        calibration=msgspec.structs.replace(manifest.calibration, scores=scores),
    )
    older = made.active()
    made.add(later, files)
    made.choose(older)
    monkeypatch.setenv("EDDY_ARTIFACTS", str(made.path))
    return made


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return " ".join((result.stderr if code else result.stdout).split())


def shown() -> dict[str, object]:
    found: dict[str, object] = json.loads(run("threshold", "show", "--json"))
    return found


pytestmark = pytest.mark.usefixtures("broker", "store", "logging_put_back")


def test_without_changes_the_models_own_threshold_is_shown(store: ArtifactStore) -> None:
    assert "1 in 1,000" in run("threshold", "show")
    found = shown()
    assert (found["alert_rate"], found["model"], found["control_offset"]) == (0.001, store.active(), None)


def test_a_threshold_is_set_shown_and_undone(store: ArtifactStore) -> None:
    said = run("threshold", "set", "--alert-rate", "0.002", "--who", "ann", *WHY)
    assert "Before: 1 in 1,000" in said
    assert "Now: 1 in 500" in said
    assert "Set by ann" in run("threshold", "show")
    found = shown()
    assert (found["alert_rate"], found["control_offset"]) == (0.002, 0)
    assert found["score"] == store.manifest(store.active()).calibration.score_at(0.002)
    assert "Now: 1 in 1,000" in run("threshold", "undo", *WHY)
    assert (shown()["alert_rate"], shown()["control_offset"]) == (0.001, 1)
    assert "no change of the threshold" in run("threshold", "undo", *WHY, code=1)


def test_a_large_step_needs_force_and_the_ceiling_holds_even_then() -> None:
    assert "--force" in run("threshold", "set", "--alert-rate", "0.05", *WHY, code=1)
    assert "1 in 20" in run("threshold", "set", "--alert-rate", "0.05", "--force", *WHY)
    assert "EDDY_ALERT_RATE_CEILING" in run("threshold", "set", "--alert-rate", "0.5", "--force", *WHY, code=1)
    assert "share between" in run("threshold", "set", "--alert-rate", "nan", "--force", *WHY, code=1)


def test_what_is_set_must_be_one_thing_for_a_reason() -> None:
    assert "received 0" in run("threshold", "set", *WHY, code=1)
    assert "received 2" in run("threshold", "set", "--alert-rate", "0.002", "--score", "3", *WHY, code=1)
    assert "--why is empty" in run("threshold", "set", "--alert-rate", "0.002", "--why", " ", code=1)
    assert "at most 500" in run("threshold", "set", "--alert-rate", "0.002", "--why", "x" * 501, code=1)


def test_a_score_belongs_to_its_model_and_refuses_a_swap(store: ArtifactStore) -> None:
    newer, older = store.versions()
    score = str(store.manifest(older).calibration.score_at(0.002))
    run("threshold", "set", "--score", score, *WHY)
    assert shown()["alert_rate"] == pytest.approx(0.002)
    refused = run("models", "use", newer, *WHY, code=1)
    assert "means nothing for" in refused
    assert "eddy threshold set --alert-rate 0.002" in refused
    run("threshold", "set", "--alert-rate", "0.002", *WHY)
    run("models", "use", newer, *WHY)
    assert "belongs to model" in run("threshold", "undo", *WHY, code=1)


def test_a_model_is_used_and_undone_and_a_rate_survives(store: ArtifactStore) -> None:
    newer, older = store.versions()
    run("threshold", "set", "--alert-rate", "0.002", *WHY)
    before = shown()
    assert newer in run("models", "use", newer, *WHY)
    after = shown()
    assert (after["model"], after["alert_rate"]) == (newer, 0.002)
    assert after["score"] == pytest.approx(store.manifest(newer).calibration.score_at(0.002))
    assert store.active() == older, "the change counts, not the store"
    assert older in run("models", "undo", *WHY)
    assert shown()["score"] == before["score"]


def test_a_model_that_does_not_load_or_does_not_exist_is_not_used(store: ArtifactStore) -> None:
    newer, _ = store.versions()
    assert "there is no version" in run("models", "use", "20200101T000000Z-000000", *WHY, code=1)
    graph = store.path / newer / "scoring.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    assert "scoring.onnx" in run("models", "use", newer, *WHY, code=1)
    assert "0 in total" in run("audit")


def test_a_model_that_needs_other_fields_must_be_forced(store: ArtifactStore) -> None:
    manifest, files = store.verified(store.active())
    fields = tuple(dataclasses.replace(f, nullable=True) if f.name == "country" else f for f in manifest.fields)
    later = manifest.created_at + timedelta(minutes=5)
    other = store.add(msgspec.structs.replace(manifest, fields=fields, created_at=later), files)
    assert "other fields" in run("models", "use", other, *WHY, code=1)
    assert other in run("models", "use", other, "--force", *WHY)


def test_a_preview_says_what_would_have_been_flagged_and_changes_nothing(broker: MemoryBroker) -> None:
    rarities = np.repeat([0.3, 0.005, 0.0005], [900, 90, 10])
    entry = LedgerRecord("t", 0, 0, 999, 990, 10, 0, "m", 1.0, tuple(rarity_histogram(rarities)))
    admin = broker.topic_admin()
    admin.create(TopicPlan("ledger", 1, 1, {}))
    broker.publisher().send(ledger_message("ledger", entry))
    said = run("threshold", "preview", "--alert-rate", "0.01", "--window", "7d")
    for words in ("7d 1,000 10 10 100", "now, 1 in 1,000", "proposed, 1 in 100", "factor of 1.78"):
        assert words in said
    [row] = json.loads(run("threshold", "preview", "--alert-rate", "0.01", "--json"))["windows"]
    assert (row["window"], row["proposed"]) == ("1h", {"low": 100, "likely": 100.0, "high": 100})
    assert "received soon" in run("threshold", "preview", "--alert-rate", "0.01", "--window", "soon", code=2)
    assert "0 in total" in run("audit")


def fill_ledger(broker: MemoryBroker, hours_ago: float, rarities: Floats, shadow: ShadowCounts | None = None) -> None:
    admin = broker.topic_admin()
    admin.create(TopicPlan("ledger", 1, 1, {}))
    entry = LedgerRecord("t", 0, 0, 0, len(rarities), 0, 0, "m", 1.0, tuple(rarity_histogram(rarities)), shadow=shadow)
    broker.clock_ms = int((time.time() - hours_ago * 3_600) * 1000)  # type: ignore[attr-defined]
    broker.publisher().send(ledger_message("ledger", entry))
    del broker.clock_ms  # type: ignore[attr-defined]


def test_a_budget_moves_the_rate_towards_itself_by_a_factor_of_two_at_most(broker: MemoryBroker) -> None:
    fill_ledger(broker, 12, np.random.default_rng(1).uniform(1e-9, 1, 50_000))
    said = run("budget", "--alerts-per-day", "150", "--once")  # 1.5 in 1,000
    assert "From 1 in 1,000 to 1 in 6" in said
    assert shown()["alert_rate"] == pytest.approx(0.0015, rel=0.1)
    assert shown()["change"]["body"]["alerts_per_day"] == 150  # type: ignore[index]
    assert "stays" in run("budget", "--alerts-per-day", "150", "--once")
    run("budget", "--alerts-per-day", "5000", "--once")
    assert shown()["alert_rate"] == pytest.approx(0.003, rel=0.1)
    assert "a budget of 5000 alerts a day" in run("threshold", "show")


def test_a_budget_needs_ten_minutes_of_transactions(broker: MemoryBroker) -> None:
    fill_ledger(broker, 0.1, np.full(1_000, 0.5))
    assert "10 minutes" in run("budget", "--alerts-per-day", "150", "--once")
    assert shown()["control_offset"] is None


def test_a_shadow_is_set_compared_and_ended(broker: MemoryBroker, store: ArtifactStore) -> None:
    newer, older = store.versions()
    assert "is the model in force" in run("shadow", "set", older, *WHY, code=1)
    assert f"{newer} runs in shadow" in run("shadow", "set", newer, *WHY)
    fill_ledger(broker, 0.5, np.full(1_000, 0.5), ShadowCounts(newer, 3, 2, 1))
    fill_ledger(broker, 5, np.full(1_000, 0.5), ShadowCounts(newer, 30, 20, 10))
    said = run("shadow", "show", "--window", "1h", "--window", "1d")
    assert f"1h {newer} 3 2 1 1d {newer} 33 22 11" in said
    found = json.loads(run("shadow", "show", "--json"))
    assert found["windows"] == [{"window": "1h", "model": newer, "both": 3, "only_live": 2, "only_shadow": 1}]
    run("models", "use", newer, *WHY)
    assert "No model runs in shadow" in run("shadow", "show"), "it is in force"
    run("models", "undo", *WHY)
    assert f"{newer} no longer" in run("shadow", "off", *WHY)
    assert "no model runs in shadow" in run("shadow", "off", *WHY, code=1)
    assert "no shadow" in run("audit")


def test_the_status_says_what_is_in_force_and_who_does_not_follow(broker: MemoryBroker, store: ArtifactStore) -> None:
    fill_ledger(broker, 0.0, np.full(10, 0.5))
    admin = broker.topic_admin()
    admin.create(TopicPlan("transactions", 1, 1, {}))
    said = run("status")
    assert f"In force: model {store.active()}, flags 1 in 1,000" in said
    run("threshold", "set", "--alert-rate", "0.002", *WHY)
    found = json.loads(run("status", "--json"))
    assert (found["alert_rate"], found["partitions"][0]["lag"], found["partitions"][0]["behind"]) == (0.002, 0, False)
    broker.clock_ms = int((time.time() + 5) * 1000)  # type: ignore[attr-defined]
    entry = LedgerRecord("transactions", 0, 0, 0, 1, 0, 0, store.active(), 1.0, ())
    broker.publisher().send(ledger_message("ledger", entry))
    assert "partition 0 was scored without the last change" in run("status", code=1)


def test_the_audit_lists_every_change_with_who_and_why(broker: MemoryBroker, store: ArtifactStore) -> None:
    newer, _ = store.versions()
    run("threshold", "set", "--alert-rate", "0.002", "--who", "ann", "--why", "too few")
    run("models", "use", newer, "--who", "bob", "--why", "new")
    broker.publisher().send(Message("control", b"threshold", b"garbage"))
    run("threshold", "undo", "--who", "ann", "--why", "too many")
    said = run("audit")
    for words in ("flag 1 in 500", "too few", "bob", "unreadable", "(undoes 0)", "4 in total"):
        assert words in said
    result = CliRunner().invoke(app, ["audit", "--json"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["outcome"] for line in lines] == ["accepted", "accepted", "unreadable", "accepted"]
    assert lines[0]["body"] == {"kind": "alert-rate", "alert_rate": 0.002}
    assert "0 in total" in run("audit", "--since", "2030-01-01")


def test_what_others_wrote_is_shown_as_it_is_and_controls_no_terminal() -> None:
    run("threshold", "set", "--alert-rate", "0.002", "--who", "eve[/x]", "--why", "\x1b[2Jgone [red]")
    for said in (run("audit"), run("threshold", "show")):
        assert "\x1b" not in said
        assert r"\x1b[2Jgone" in said
        assert "[red]" in said
        assert "eve[/x]" in said


def test_without_a_control_topic_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "KafkaBroker", lambda _: MemoryBroker(waits=True))
    assert "control does not exist" in run("threshold", "set", "--alert-rate", "0.002", *WHY, code=1)


def test_without_a_broker_the_command_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("EDDY_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("EDDY_REQUEST_TIMEOUT_MS", "500")
    said = run("threshold", "show", code=1)
    assert "127.0.0.1:1" in said
    assert "Traceback" not in said
