import socket
from urllib.request import urlopen

import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from eddy.monitoring.metrics import CommittedBatch, ConsumerMetrics, InForceFigures, LagFigures, MetricsPortTaken, serve


def samples(text: str) -> dict[str, float]:
    """Every sample by `name{label="value",...}`, labels in alphabetical order."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def scrape(metrics: ConsumerMetrics) -> dict[str, float]:
    return samples(generate_latest(metrics.registry).decode())


def test_a_commit_is_counted_by_outcome_category_and_phase():
    metrics = ConsumerMetrics()
    metrics.committed(
        CommittedBatch(
            passed=95, alerted=2, dead={"truncated": 2, "missing-field": 1},
            phases={"decide": 0.004, "commit": 0.03}, ages_s=[0.04, 0.02], alert_ages_s=[0.04],
            rarities=np.array([0.5] * 95 + [1e-5, 1e-9]),
        )
    )  # fmt: skip
    scraped = scrape(metrics)
    assert scraped['eddy_transactions_total{outcome="passed"}'] == 95
    assert scraped['eddy_transactions_total{outcome="alerted"}'] == 2
    assert scraped['eddy_transactions_total{outcome="dead"}'] == 3
    assert scraped['eddy_dead_letters_total{category="truncated"}'] == 2
    assert scraped["eddy_batch_messages_sum"] == 100
    assert scraped['eddy_batch_phase_seconds_sum{phase="commit"}'] == 0.03
    assert scraped["eddy_end_to_end_seconds_count"] == 2
    assert scraped["eddy_alert_latency_seconds_sum"] == 0.04
    assert scraped['eddy_transaction_rarity_bucket{le="1e-08"}'] == 1
    assert scraped['eddy_transaction_rarity_bucket{le="+Inf"}'] == 97


def test_outcomes_are_there_before_the_first_commit():
    scraped = scrape(ConsumerMetrics())
    assert scraped['eddy_transactions_total{outcome="alerted"}'] == 0


def test_the_lag_of_a_revoked_partition_is_forgotten():
    metrics = ConsumerMetrics()
    metrics.lag({("transactions", 0): LagFigures(5), ("transactions", 1): LagFigures(7)})
    metrics.lag({("transactions", 1): LagFigures(2)})
    scraped = scrape(metrics)
    assert scraped['eddy_consumer_lag_messages{partition="1",topic="transactions"}'] == 2
    assert 'eddy_consumer_lag_messages{partition="0",topic="transactions"}' not in scraped


def test_waiting_time_and_age_of_the_lag_grow_by_the_clock_without_another_measurement(monkeypatch):
    metrics, now = ConsumerMetrics(), 1_000.0
    monkeypatch.setattr("eddy.monitoring.metrics.time.time", lambda: now)
    metrics.lag({("t", 0): LagFigures(5, since=990.0), ("t", 1): LagFigures(0)})
    now = 1_100.0
    scraped = scrape(metrics)
    assert scraped['eddy_consumer_lag_seconds{partition="0",topic="t"}'] == 110
    assert scraped['eddy_consumer_lag_seconds{partition="1",topic="t"}'] == 0
    assert scraped["eddy_consumer_lag_age_seconds"] == 100


def test_lost_offsets_are_asked_for_at_each_scrape():
    metrics, lost = ConsumerMetrics(), iter([0, 500])
    metrics.lost(lambda: next(lost))
    assert [scrape(metrics)["eddy_lost_offsets"] for _ in range(2)] == [0, 500]


def test_the_age_of_the_last_poll_is_asked_for_at_each_scrape():
    metrics, ages = ConsumerMetrics(), iter([1.5, 2.5])
    metrics.poll_age(lambda: next(ages))
    assert [scrape(metrics)["eddy_poll_age_seconds"] for _ in range(2)] == [1.5, 2.5]


def test_only_the_model_in_use_is_exposed():
    metrics = ConsumerMetrics()
    metrics.in_force(InForceFigures("v1", 3.0, 0.001, None, 0))
    assert scrape(metrics)["eddy_control_offset"] == -1
    metrics.in_force(InForceFigures("v2", 4.0, None, 7, 1))
    scraped = scrape(metrics)
    assert scraped['eddy_model_info{version="v2"}'] == 1
    assert scraped["eddy_threshold_score"] == 4.0
    assert 'eddy_model_info{version="v1"}' not in scraped
    assert "eddy_threshold_rate" not in scraped
    assert (scraped["eddy_control_offset"], scraped["eddy_control_problems"]) == (7, 1)


def test_the_age_of_what_is_known_about_changes_is_asked_for_at_each_scrape():
    metrics, age = ConsumerMetrics(), iter([0.5, 3.0])
    metrics.control_age(lambda: next(age))
    assert [scrape(metrics)["eddy_control_age_seconds"] for _ in range(2)] == [0.5, 3.0]


def test_failures_are_counted_by_kind():
    metrics = ConsumerMetrics()
    metrics.failed("Fenced")
    assert scrape(metrics)['eddy_commit_failures_total{kind="Fenced"}'] == 1


def test_values_on_a_bound_belong_to_its_bucket_and_nan_to_none():
    metrics = ConsumerMetrics()
    metrics.committed(CommittedBatch(passed=3, alerted=0, dead={}, ages_s=[0.01, float("nan"), 0.011]))
    scraped = scrape(metrics)
    assert scraped['eddy_end_to_end_seconds_bucket{le="0.01"}'] == 1
    assert scraped["eddy_end_to_end_seconds_count"] == 2


def test_each_slot_serves_its_own_port():
    port = free_port()
    metrics = ConsumerMetrics()
    assert serve(metrics.registry, port - 1, slot=1, address="127.0.0.1") == port
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert "eddy_transactions_total" in answer.read().decode()


def test_port_zero_serves_nothing():
    assert serve(ConsumerMetrics().registry, 0, slot=3) is None


def test_a_taken_port_is_an_error_that_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(MetricsPortTaken, match="EDDY_METRICS_PORT"):
        serve(ConsumerMetrics().registry, taken.getsockname()[1], slot=0, address="127.0.0.1")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
