"""The API behind gunicorn: several processes that share a port, and the numbers they count.

Each worker loads the model after it was forked: ONNX Runtime's threads do not survive a fork.
"""

import contextlib
import gc
import logging
import os
import resource
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from prometheus_client import multiprocess

from eddy.api.app import create_app, tell_age
from eddy.api.detectors import NotReady, StoredDetector
from eddy.api.following import FollowingDetector
from eddy.api.reader.process import ReaderProcess
from eddy.api.reader.state_file import prepared, source, state_file
from eddy.api.worker import Worker
from eddy.control.change import ModelBody, StoresActive
from eddy.control.live import InForce, StoreLoader
from eddy.model.errors import EddyError
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from eddy.monitoring import http_metrics
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.settings import Settings

# Per worker. Threads are made when needed; most of them ever only wait for a slow client.
THREADS = 1_024
CONNECTIONS = 4_096
BACKLOG = 2_048
SPARE_FILES = 128  # open files that are not connections

log = structlog.stdlib.get_logger(__name__)


class CannotListen(EddyError):
    """The address is not available."""


def run(settings: Settings) -> None:
    """Serves the active model until SIGTERM or SIGINT; ends the process.

    Raises:
        model.artifact.ArtifactError: there is no model, or it is damaged.
        CannotListen: the port is taken, or the address is not ours.
    """
    store = ArtifactStore(settings.artifacts)
    version = store.active()  # one version for all workers, whenever they start
    store.verified(version)
    address = settings.api_host, settings.api_port, settings.api_workers
    if not settings.api_kafka:
        serve(lambda metrics: _unchanging(settings, version, metrics), *address)
        return
    reader = ReaderProcess(prepared(settings), source(settings))
    reader.start()
    try:
        serve(lambda metrics: _following(settings, version, metrics), *address)
    finally:
        reader.stop()


def _unchanging(settings: Settings, version: str, metrics: HttpMetrics) -> Flask:
    detectors = StoredDetector(settings.artifacts, version)
    with contextlib.suppress(NotReady):
        detectors()
    return create_app(detectors, settings, metrics)


def _following(settings: Settings, version: str, metrics: HttpMetrics) -> Flask:
    store = ArtifactStore(settings.artifacts)
    load_chosen = StoreLoader(store)

    def load(body: ModelBody) -> Detector:
        return store.detector(version) if isinstance(body, StoresActive) else load_chosen(body)

    def on_look(found: InForce, age_s: float | None) -> None:
        metrics.control(found.control_offset, len(found.problems), age_s)

    detectors = FollowingDetector(state_file(settings), source(settings), load, on_look)
    detectors.start()
    app = create_app(detectors, settings, metrics)
    tell_age(app, lambda: detectors.age_s)
    return app


def serve(load: Callable[[HttpMetrics], Flask], host: str, port: int, workers: int) -> None:
    """Serves what `load` makes in each worker process; ends the process.

    Raises:
        CannotListen: the port is taken, or the address is not ours.
    """
    listener = listen(host, port)
    directory = http_metrics.share_between_processes()
    host, port = listener.getsockname()[:2]
    log.info("serving", url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}", workers=workers)
    _Server(lambda: load(HttpMetrics(directory)), _options(listener, workers, directory)).run()


def listen(host: str, port: int) -> socket.socket:
    """Takes the address, once and for all workers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror or error}. "
            "Choose another port or address: --port, --host, EDDY_API_PORT, EDDY_API_HOST"
        ) from None


class _Logger(Logger):  # type: ignore[misc]
    """Hands gunicorn's lines on to the process's own logging."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        # Never DEBUG, where gunicorn quotes requests; the root's level does not apply to what is handed on to it.
        self.error_log.setLevel(max(logging.INFO, logging.getLogger().level))
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True


class _Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, set up by arguments instead of files."""

    def __init__(self, load: Callable[[], Flask], options: dict[str, Any]) -> None:
        self._load, self._options = load, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            if name in self.cfg.settings:  # some are newer than the oldest version that will do
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self._load()


def _connections() -> int:
    """How many connections a worker can hold: a worker without a free descriptor could not even refuse one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = CONNECTIONS + SPARE_FILES if hard == resource.RLIM_INFINITY else min(CONNECTIONS + SPARE_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(files - SPARE_FILES, 2)


def _options(listener: socket.socket, workers: int, directory: Path) -> dict[str, Any]:
    master, connections = os.getpid(), _connections()

    def forget(_server: Any, worker: Any) -> None:
        multiprocess.mark_process_dead(worker.pid, str(directory))  # type: ignore[no-untyped-call]

    def clear(_server: Any) -> None:
        if os.getpid() == master:
            shutil.rmtree(directory, ignore_errors=True)

    def end(_server: Any, _worker: Any) -> None:
        # At once: ONNX Runtime's own clean-up waits for threads that the process it was imported in had, and a forked
        # one has not. Nothing is lost: log lines are written, and metrics live in shared memory.
        ending = sys.exc_info()[1]
        code = ending.code if isinstance(ending, SystemExit) else 0
        os._exit(code if isinstance(code, int) else 0)

    def started(worker: Any) -> None:
        gc.freeze()  # the model and the code stay; no need to look them through again and again
        log.info("worker started", pid=worker.pid)

    return {
        "bind": f"fd://{listener.detach()}",
        "workers": workers,
        "worker_class": Worker,
        "logger_class": _Logger,
        "threads": min(THREADS, connections // 2),
        "worker_connections": connections,
        "backlog": BACKLOG,
        "keepalive": 30,
        "timeout": 30,
        "graceful_timeout": 10,
        "limit_request_line": 4_094,
        "limit_request_fields": 100,
        "limit_request_field_size": 8_190,
        "preload_app": False,
        "max_requests": 0,
        "control_socket_disable": True,
        "proc_name": "eddy serve",
        "worker_exit": end,
        "child_exit": forget,
        "on_exit": clear,
        "post_worker_init": started,
    }
