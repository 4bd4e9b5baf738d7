"""Metrics of several processes need processes of their own: where values live is decided once per process."""

import re
import subprocess
import sys
from pathlib import Path

from eddy.monitoring.http_metrics import HttpMetrics

SCRIPT = """
import os, sys
from prometheus_client import multiprocess
from eddy.monitoring import http_metrics
directory = http_metrics.share_between_processes()
for status in (200, 200, 422):
    if (pid := os.fork()) == 0:
        metrics = http_metrics.HttpMetrics(directory)
        metrics.started()
        metrics.started()
        metrics.answered("/v1/check", "POST", status, 0.003)
        metrics.checked(anomalous=status == 422)
        metrics.model("v1", 3.5)
        metrics.model("v2", 4.5)
        os._exit(0)
    os.waitpid(pid, 0)
print(http_metrics.HttpMetrics(directory).exposition().decode())
multiprocess.mark_process_dead(pid, str(directory))
print("---")
print(http_metrics.HttpMetrics(directory).exposition().decode())
"""


def test_numbers_of_all_processes_are_added_up_and_gauges_of_the_dead_are_dropped(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, after = run.stdout.split("---")
    assert 'eddy_http_requests_total{method="POST",route="/v1/check",status="200"} 2.0' in before
    assert 'eddy_verdicts_total{verdict="normal"} 2.0' in before
    assert "eddy_http_requests_in_flight 3.0" in before
    assert "eddy_threshold_score 4.5" in before
    assert 'eddy_model_info{version="v1"} 0.0' in before
    assert 'eddy_model_info{version="v2"} 1.0' in before
    assert "eddy_http_requests_in_flight 2.0" in after
    assert 'eddy_verdicts_total{verdict="normal"} 2.0' in after
    assert not re.search(r"pid=", before), "a gauge without a multiprocess mode has one line per process"


def test_a_single_process_needs_no_directory():
    metrics = HttpMetrics()
    metrics.started()
    metrics.answered("/v1/check", "POST", 200, 0.001)
    text = metrics.exposition().decode()
    assert "eddy_http_requests_in_flight 0.0" in text
    assert 'eddy_http_request_seconds_bucket{le="0.001",route="/v1/check"} 1.0' in text


def test_metrics_can_be_read_while_a_process_is_just_starting(tmp_path, monkeypatch):
    """Its file is there, and still empty."""
    from eddy.monitoring import http_metrics

    unfinished = tmp_path / "counter_1.db"
    unfinished.touch()
    monkeypatch.setattr(http_metrics.time, "sleep", lambda _: unfinished.unlink(missing_ok=True))
    assert http_metrics.HttpMetrics(tmp_path).exposition() == b""
