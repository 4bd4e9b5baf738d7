"""What checks cost without a server around them, in microseconds of CPU a transaction.

`Checker.check` finds score and reasons in one run of the scoring graph; beside it stands the way in two runs, which the
stream takes because it explains few of many. `POST /v1/checks` goes through the whole WSGI application, with 1,000
transactions a request. The demo's model scores the demo's transactions; it is trained on first use. Medians of rounds
in turns.

    python -m benchmarks.checks
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import thread_time

from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks.api import demo_store
from eddy import settings
from eddy.api.app import create_app
from eddy.api.check import Checker
from eddy.control.live import InForce
from eddy.messaging.codec import TransactionCodec
from eddy.model.serving.artifact import ArtifactStore
from eddy.model.serving.detector import Detector
from eddy.producer.messages import outgoing
from eddy.producer.synthetic import SyntheticStream

BODIES, ROUNDS, CONTRIBUTIONS = 1_000, 15, 5
LIMIT = 0.85
"""Most of the two runs' CPU that one explained run may take."""
LEAST_PER_SECOND = 50_000
"""Transactions a second that one core must check through `POST /v1/checks`."""


def main() -> int:
    store = ArtifactStore(demo_store())
    detector = store.detector(store.active())
    codec = TransactionCodec(detector.schema)
    bodies = next(outgoing(SyntheticStream(seed=7).chunks(BODIES))).values
    checker = Checker(detector, codec, CONTRIBUTIONS)
    took = in_turns(
        {
            "one run": lambda: [checker.check(body) for body in bodies],
            "two runs": lambda: [in_two_runs(checker, body) for body in bodies],
            "POST /v1/checks": many_at_once(detector, bodies),
        }
    )
    for name, time_us in took.items():
        print(f"{name:16}{time_us:8.1f} us of CPU a transaction{1e6 / time_us:12,.0f} a second and core")
    ratio, rate = took["one run"] / took["two runs"], 1e6 / took["POST /v1/checks"]
    print(f"one run / two runs {ratio:.2f}, limit {LIMIT}: {'reached' if ratio <= LIMIT else 'MISSED'}")
    reached = rate >= LEAST_PER_SECOND
    print(f"POST /v1/checks {rate:,.0f}, at least {LEAST_PER_SECOND:,}: {'reached' if reached else 'MISSED'}")
    return int(ratio > LIMIT or not reached)


def many_at_once(detector: Detector, bodies: Sequence[bytes]) -> Callable[[], object]:
    app, body = create_app(lambda: InForce(detector), settings.load()), b"[" + b",".join(bodies) + b"]"

    def ask() -> None:
        environ = EnvironBuilder(path="/v1/checks", method="POST", data=body, content_type="application/json")
        found, status, _ = run_wsgi_app(app, environ.get_environ())
        answer = b"".join(found)
        if status != "200 OK" or b'"refused":0' not in answer:
            raise RuntimeError(f"expected 200 with nothing refused, received {status} {answer[:300]!r}")

    return ask


def in_two_runs(checker: Checker, body: bytes) -> object:
    verdicts = checker.detector.detect(checker.codec.decode_values([body]).columns)
    return verdicts.contributions(0, checker.contributions)


def in_turns(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of CPU per transaction."""
    rounds = [{name: _timed(way) for name, way in ways.items()} for _ in range(ROUNDS + 1)][1:]
    return {name: median(times[name] for times in rounds) for name in ways}


def _timed(way: Callable[[], object]) -> float:
    begun = thread_time()
    way()
    return (thread_time() - begun) / BODIES * 1e6


if __name__ == "__main__":
    sys.exit(main())
