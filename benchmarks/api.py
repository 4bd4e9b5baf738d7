"""What checks over HTTP cost beside a request that does nothing: requests per second, the server's CPU per request.

All routes are of one application under one gunicorn, asked by one client in turns; medians over the rounds. The empty
route takes the same body and runs through the same counting of requests. `/v1/checks` is sent 1,000 transactions at
once. Without `--artifacts` the demo's model scores the demo's transactions; it is trained on first use.

    python -m benchmarks.api [--rounds 7] [--seconds 1] [--clients 1 8 32] [--workers 2] [--artifacts DIR]
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from flask import Flask, request

from eddy import settings
from eddy.api import server
from eddy.api.app import create_app
from eddy.api.detectors import StoredDetector
from eddy.demo import model
from eddy.model.serving.artifact import ArtifactStore
from eddy.monitoring import logs
from eddy.monitoring.http_metrics import HttpMetrics
from eddy.producer.messages import outgoing
from eddy.producer.synthetic import SyntheticStream

ROUTES = ("/empty", "/v1/check", "/v1/checks")
BODIES = 1_000
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


@dataclass
class Asked:
    """What was measured of one route: requests per second and CPU per request of each round, all latencies in ms."""

    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)

    def add(self, other: "Asked") -> None:
        self.rates += other.rates
        self.cpu_us += other.cpu_us
        self.latencies_ms += other.latencies_ms

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu(self) -> float:
        return statistics.median(self.cpu_us)

    def percentile(self, share: float) -> float:
        return sorted(self.latencies_ms)[int(share * (len(self.latencies_ms) - 1))]


def main() -> None:
    arguments = _arguments()
    if arguments.serve is not None:
        _serve(arguments.artifacts, arguments.serve, arguments.workers)
    store = arguments.artifacts or demo_store()
    requests = {route: requests_for(route) for route in ROUTES}
    with serving(partial(eddy_command, store, arguments.workers)) as (port, pid):
        for clients in arguments.clients:
            asked = {route: Asked() for route in ROUTES}
            for number in range(-1, arguments.rounds):  # the first one warms up
                for route in ROUTES:
                    found = ask(port, pid, requests[route], clients, arguments.seconds)
                    if number >= 0:
                        asked[route].add(found)
            _print(asked, clients)
    print(f"{arguments.workers} server processes and 1 client process share {os.cpu_count()} cores")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each route, in each round")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="connections busy at the same time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--artifacts", type=Path, help="model store")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def demo_store() -> Path:
    store = model.store_path()
    if model.kept(store) is None:
        print("training the demo's model")
        subprocess.run([sys.executable, "-m", "eddy.demo.model", store], check=True, stdout=subprocess.DEVNULL)
    return store


def requests_for(route: str) -> list[bytes]:
    """Whole HTTP requests, one per transaction."""
    bodies = next(outgoing(SyntheticStream(seed=7).chunks(BODIES))).values
    if route == "/v1/checks":
        bodies = [b"[" + b",".join(bodies) + b"]"]
    head = f"POST {route} HTTP/1.1\r\nHost: eddy\r\nContent-Type: application/json\r\nContent-Length: "
    return [head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies]


def _serve(store: Path, port: int, workers: int) -> None:
    """The server process."""
    logs.configure("json", "WARNING")
    version = ArtifactStore(store).active()

    def load(metrics: HttpMetrics) -> Flask:
        app = create_app(StoredDetector(store, version), settings.load(), metrics)

        @app.post("/empty")
        def empty() -> str:
            request.environ["wsgi.input"].read(request.content_length)
            return "{}"

        return app

    server.serve(load, "127.0.0.1", port, workers)


def eddy_command(store: Path, workers: int, port: int) -> list[str]:
    options = ["--artifacts", str(store), "--workers", str(workers)]
    return [sys.executable, "-m", "benchmarks.api", "--serve", str(port), *options]


@contextlib.contextmanager
def serving(command: Callable[[int], list[str]]) -> Iterator[tuple[int, int]]:
    """The port and the process of a server whose command is given the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command(port), stderr=log, stdout=log)
        try:
            _until_it_answers(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def _until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _cpu_us(pid: int) -> float:
    """What the server and its workers have used so far; Linux only, and no finer than its clock ticks."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    stats = [Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split() for one in (pid, *children)]
    return sum(int(user) + int(system) for *_, user, system in (stat[:13] for stat in stats)) * TICK_US


def ask(port: int, pid: int, requests: list[bytes], clients: int, seconds: float) -> Asked:
    """One round of that many clients, each on a connection of its own."""
    begun = _cpu_us(pid)
    latencies: list[float] = []
    stop_at = time.perf_counter() + seconds
    threads = [threading.Thread(target=_client, args=(port, requests, i, stop_at, latencies)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Asked([len(latencies) / seconds], [(_cpu_us(pid) - begun) / len(latencies)], latencies)


def _client(port: int, requests: list[bytes], number: int, stop_at: float, latencies: list[float]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while (started := time.perf_counter()) < stop_at:
            connection.sendall(requests[number % len(requests)])
            answer = _answer(connection)
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"expected 200, received {answer!r}")
            latencies.append((time.perf_counter() - started) * 1_000)
            number += 1


def _answer(connection: socket.socket) -> bytes:
    """Head and body, which may come apart."""
    answer = connection.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(body)
    while left > 0:
        more = connection.recv(min(left, 1_048_576))
        answer, left = answer + more, left - len(more)
    return answer


def line(name: str, asked: Asked) -> str:
    latency = f"p50 {asked.percentile(0.5):6.2f} ms   p99 {asked.percentile(0.99):6.2f} ms"
    return f"  {name:16}{asked.rate:8,.0f}/s   {latency}   {asked.cpu:8,.0f} us of the server's CPU"


def _print(asked: dict[str, Asked], clients: int) -> None:
    print(f"{clients} busy connection{'s'[: clients > 1]}")
    for route, measured in asked.items():
        print(line(f"POST {route}", measured))
    print(f"  check / empty  {asked['/v1/check'].rate / asked['/empty'].rate:.2f}")
    print(f"  transactions by /v1/checks  {asked['/v1/checks'].rate * BODIES:,.0f}/s")


if __name__ == "__main__":
    main()
