"""POST /v1/check beside FastAPI on uvicorn doing the same: both score with `Checker.check`, each with the same workers.

The peer's environment is made on first use and kept in the user's cache; it needs a package registry then. Both servers
run at the same time and are asked in turns, so that what else the machine does falls on both.

    python -m benchmarks.fastapi_peer [--rounds 9] [--clients 8] [--workers 2]
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import venv
from functools import partial
from pathlib import Path

from benchmarks.api import Asked, ask, demo_store, eddy_command, line, requests_for, serving
from eddy.devbroker import cache

LIMIT = 1.1
"""Most of the peer's CPU per check that Eddy's server may take."""
PACKAGES = ("fastapi>=0.115,<1", "uvicorn[standard]>=0.34,<1")
ROUTE = "/v1/check"
PEER = """
import os

import msgspec
from fastapi import FastAPI, Request, Response

from eddy.api.check import Checker, Verdict
from eddy.messaging.codec import TransactionCodec
from eddy.model.serving.artifact import ArtifactStore

store = ArtifactStore(os.environ["EDDY_ARTIFACTS"])
detector = store.detector(store.active())
checker = Checker(detector, TransactionCodec(detector.schema), 5)
app = FastAPI()


@app.post("/v1/check")
async def check(request: Request) -> Response:
    verdict = checker.check(await request.body())
    status = 200 if isinstance(verdict, Verdict) else 422
    return Response(msgspec.json.encode(verdict), status, media_type="application/json")
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    store, requests = demo_store(), requests_for(ROUTE)
    commands = {
        "Eddy": partial(eddy_command, store, arguments.workers),
        "FastAPI": partial(_peer_command, _environment(), store, arguments.workers),
    }
    asked = {name: Asked() for name in commands}
    with serving(commands["Eddy"]) as eddy, serving(commands["FastAPI"]) as peer:
        for number in range(-1, arguments.rounds):  # the first one warms up
            for name, (port, pid) in zip(asked, (eddy, peer), strict=True):
                found = ask(port, pid, requests, arguments.clients, 1.0)
                if number >= 0:
                    asked[name].add(found)
    return _verdict(asked, arguments.clients)


def _verdict(asked: dict[str, Asked], clients: int) -> int:
    print(f"{clients} busy connections")
    for name, measured in asked.items():
        print(line(name, measured))
    ratio = asked["Eddy"].cpu / asked["FastAPI"].cpu
    print(f"CPU per check: Eddy / FastAPI {ratio:.2f}, limit {LIMIT}: {'reached' if ratio <= LIMIT else 'MISSED'}")
    return int(ratio > LIMIT)


def _environment() -> Path:
    """An environment with the peer's packages and, behind them, those of this one."""
    place = cache.cache_dir().parent / "benchmarks" / "fastapi"
    if not (place / "bin/uvicorn").exists():
        print("making the environment of FastAPI and uvicorn, once")
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([place / "bin/pip", "install", "--quiet", *PACKAGES], check=True)
    ours = [sysconfig.get_path("purelib"), str(Path(__file__).parents[1] / "src")]
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (packages / "ours.pth").write_text("\n".join(ours) + "\n")
    (place / "peer.py").write_text(PEER)
    return place


def _peer_command(environment: Path, store: Path, workers: int, port: int) -> list[str]:
    options = ["--port", str(port), "--workers", str(workers), "--log-level", "warning", "--no-access-log"]
    program = [str(environment / "bin/uvicorn"), "peer:app", "--app-dir", str(environment), *options]
    return ["env", f"EDDY_ARTIFACTS={store}", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}", *program]


if __name__ == "__main__":
    sys.exit(main())
