"""`eddy serve` follows changes of threshold and model, on a real broker: every process, soon, and none by halves."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from eddy.control.change import AlertRate
from eddy.control.operator import Operator, operator
from eddy.control.publisher import Author
from eddy.messaging.codec import TransactionCodec
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.model.serving.artifact import ArtifactStore
from eddy.settings import TOPICS, Settings
from tests.api.kit.eddy_serve import serving_store, start
from tests.conftest import create_topics

ME = Author("test", "a test")
FOLLOWED_WITHIN_S = 2.0
HEALED_WITHIN_S = 10.0
WORKERS = 4


@pytest.fixture
def two_models(store: ArtifactStore) -> tuple[ArtifactStore, str, str]:
    """A store with two models: of the second one's calibration, every score is twice as high. The first is active."""
    first = store.active()
    manifest, files = store.verified(first)
    scores = tuple(2 * score for score in manifest.calibration.scores)
    calibration = msgspec.structs.replace(manifest.calibration, scores=scores)
    later = manifest.created_at + timedelta(minutes=1)
    store.add(msgspec.structs.replace(manifest, created_at=later, calibration=calibration), files)
    second = store.active()
    store.choose(first)
    return store, first, second


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make a server use the broker and the topics of `settings`."""
    return {
        "EDDY_API_KAFKA": "on",
        "EDDY_API_WORKERS": str(WORKERS),
        "EDDY_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        **{f"EDDY_{name.upper()}": getattr(settings, name) for name in TOPICS},
    }


@contextmanager
def changing(settings: Settings) -> Iterator[Operator]:
    with operator(KafkaBroker(settings), settings) as found:
        yield found


def check(address: str, body: bytes) -> tuple[dict[str, Any], str | None]:
    """The verdict over a connection of its own, so by any of the processes; and how old the state behind it is."""
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)) as connection:
        connection.request("POST", "/v1/check", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        verdict = json.load(answer)
        assert answer.status == 200, verdict
        return verdict, answer.getheader("Eddy-State-Age")


def eventually(condition: Callable[[], bool], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def all_follow(address: str, body: bytes, offset: int) -> Callable[[], bool]:
    """Whether so many answers in a row rest on this change that each process is very probably among them."""
    return lambda: all(check(address, body)[0]["control_offset"] == offset for _ in range(12 * WORKERS))


def test_every_process_follows_a_threshold_within_two_seconds(two_models, topics, transaction, tmp_path):
    store, first, _ = two_models
    settings = topics(artifacts=store.path)
    with serving_store(store, tmp_path / "log", **environment(settings)) as address, changing(settings) as me:
        assert check(address, transaction())[0]["control_offset"] is None
        offset = me.set_threshold(AlertRate(0.01), ME, force=True)
        eventually(all_follow(address, transaction(), offset), FOLLOWED_WITHIN_S, "all processes follow")
        verdict, age = check(address, transaction())
        assert verdict["threshold"] == store.detector(first).calibration.score_at(0.01)
        assert age is None


def test_a_swap_gives_the_verdict_of_the_other_model_and_never_a_mixture(two_models, topics, transaction, tmp_path):
    store, first, second = two_models
    settings = topics(artifacts=store.path)
    body = transaction(amount=80.5)
    columns = TransactionCodec(store.detector(first).schema).decode_values([body]).columns
    expected = {}
    for version in (first, second):
        detector = store.detector(version)
        verdicts = detector.detect(columns)
        expected[version] = (detector.threshold.score, verdicts.score[0], verdicts.rarity[0])
    assert expected[first] != expected[second]
    with serving_store(store, tmp_path / "log", **environment(settings)) as address, changing(settings) as me:
        seen = {None: first}
        for version in (second, first, second):
            offset = me.use_model(version, ME)
            seen[offset] = version
            deadline = time.monotonic() + FOLLOWED_WITHIN_S
            while not all_follow(address, body, offset)():
                verdict, _ = check(address, body)
                assert verdict["model"] == seen[verdict["control_offset"]]
                found = verdict["threshold"], verdict["score"], verdict["rarity"]
                assert found == expected[verdict["model"]]
                assert time.monotonic() < deadline


def test_a_reader_that_dies_is_started_again(two_models, topics, transaction, tmp_path):
    store, _, _ = two_models
    settings = topics(artifacts=store.path)
    log = tmp_path / "log"
    with serving_store(store, log, **environment(settings)) as address, changing(settings) as me:
        os.kill(reader_of(settings), signal.SIGKILL)
        offset = me.set_threshold(AlertRate(0.01), ME, force=True)
        eventually(all_follow(address, transaction(), offset), HEALED_WITHIN_S, "all processes follow")
    assert "starting it again" in log.read_text()


def test_the_reader_ends_with_a_server_that_is_killed(two_models, topics, tmp_path):
    store, _, _ = two_models
    settings = topics(artifacts=store.path)
    process = start(store, tmp_path / "log", "--port", "0", **environment(settings))
    eventually(lambda: "url=" in (tmp_path / "log").read_text(), 30, "the server answers")
    reader = reader_of(settings)
    process.kill()
    process.wait()
    eventually(lambda: not Path(f"/proc/{reader}").exists(), HEALED_WITHIN_S, "the reader has ended")


def reader_of(settings: Settings) -> int:
    """The process that reads the control topic of these settings."""
    for line in subprocess.check_output(["ps", "-eo", "pid,args"], text=True).splitlines():
        if line.endswith("-m eddy.api.reader"):
            pid = int(line.split()[0])
            if settings.topic_control.encode() in Path(f"/proc/{pid}/environ").read_bytes():
                return pid
    raise AssertionError("no reader runs")


def test_without_kafka_the_last_threshold_stays_in_force_over_a_restart(
    two_models, settings, broker_factory, transaction, tmp_path
):
    store, _, second = two_models
    broker = broker_factory()
    made = settings(kafka_bootstrap_servers=broker.address, artifacts=store.path)
    create_topics(broker.address, {made.topic_control: 1})
    body = transaction()
    with serving_store(store, tmp_path / "log", **environment(made)) as address:
        with changing(made) as me:
            me.use_model(second, ME)
            offset = me.set_threshold(AlertRate(0.01), ME, force=True)
            eventually(all_follow(address, body, offset), FOLLOWED_WITHIN_S, "all processes follow")
        broker.kill()
        eventually(lambda: check(address, body)[1] is not None, 15, "the answers say how old the state is")
        assert check(address, body)[0]["control_offset"] == offset
    with serving_store(store, tmp_path / "log2", **environment(made)) as address:
        verdict, age = check(address, body)
        assert (verdict["model"], verdict["control_offset"]) == (second, offset)
        assert age is not None
        assert "last known" in (tmp_path / "log2").read_text()
        broker.restart()
        eventually(lambda: check(address, body)[1] is None, HEALED_WITHIN_S, "the state is no longer old")
        with changing(made) as me:
            offset = me.set_threshold(AlertRate(0.02), ME)
            eventually(all_follow(address, body, offset), FOLLOWED_WITHIN_S, "all processes follow")


def test_without_kafka_and_without_a_state_the_stores_active_model_serves(two_models, transaction, tmp_path):
    store, first, _ = two_models
    away = {"EDDY_API_KAFKA": "on", "EDDY_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}
    with serving_store(store, tmp_path / "log", **away) as address:
        verdict, _ = check(address, transaction())
        assert (verdict["model"], verdict["control_offset"]) == (first, None)
    assert "EDDY_API_KAFKA=off" in (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()
