"""How long from sending a transaction until its alert can be read: at 5,000 transactions a second, and without load.

On one machine: a producer process, a worker process as `eddy consume` starts it (default settings), the broker, and
this process, which reads the alerts with a plain kafka-python consumer of committed messages only. The time runs from
just before the producer is handed the message to the moment this process holds the alert. Alerted are 1 % of the
messages, made anomalous for it, so that a percentile rests on enough of them.

Exit code 1 if under load the 99th percentile is above 100 ms. What else runs on the machine shows in full: where there
is such, `chrt --rr 1` before the command (as root, on Linux) gives all these processes precedence.

    python -m benchmarks.latency [--rate 5000] [--seconds 30]
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import numpy as np
from kafka import KafkaConsumer
from numpy.typing import NDArray

from benchmarks import common
from eddy.consumer import worker
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.messaging.messages import read_alert
from eddy.producer.messages import Outgoing
from eddy.producer.publish import Pace, publish
from eddy.settings import Settings

LIMIT_MS = 100.0
ANOMALOUS_EVERY = 100
WARM_UP_S = 3.0
IDLE_RATE = 20.0
WAIT_S = 30.0

Times = NDArray[np.float64]

_processes = multiprocessing.get_context("spawn")


def main() -> None:
    arguments = _arguments()
    with common.throw_away_broker(metrics_port=0, log_level="WARNING") as settings, _running(settings):
        reader = _reader(settings)
        idle = _measure(settings, reader, IDLE_RATE, arguments.seconds, every=1)
        loaded = _measure(settings, reader, arguments.rate, arguments.seconds, ANOMALOUS_EVERY)
        reader.close()
    _print(f"without load ({IDLE_RATE:g}/s)", idle)
    _print(f"at {arguments.rate:,.0f}/s", loaded)
    print(common.what_shares_the_cores("The broker (Java), a producer, a worker and the reader of the alerts"))
    p99_ms = float(np.percentile(loaded.visible_ms, 99))
    print(f"p99 {p99_ms:.0f} ms, limit {LIMIT_MS:.0f} ms: {'reached' if p99_ms <= LIMIT_MS else 'MISSED'}")
    raise SystemExit(p99_ms > LIMIT_MS)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=5_000.0, help="transactions a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each of the two is measured")
    return parser.parse_args()


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    process = _processes.Process(target=worker.run, args=(settings, 0))
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _reader(settings: Settings) -> Any:
    return KafkaConsumer(
        settings.topic_alerts,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )


class Latency(NamedTuple):
    """Milliseconds from sending, one per message made anomalous: until it was decided on, until all can see."""

    decided_ms: Times
    visible_ms: Times


def _measure(settings: Settings, reader: Any, rate: float, seconds: float, every: int) -> Latency:
    """Leaves out the warm-up."""
    count = int(rate * (WARM_UP_S + seconds))
    sent_s = _processes.Array("d", count, lock=False)
    sending = _processes.Process(target=_send, args=(settings, rate, every, sent_s))
    sending.start()
    wanted = np.arange(every - 1, count, every)
    decided_s, seen_s = _read(reader, sending, count, wanted)
    sending.join()
    if sending.exitcode:
        raise SystemExit("the producer failed")
    missing = np.isnan(seen_s[wanted]).sum()
    if missing:
        raise SystemExit(f"{missing} of {len(wanted)} alerts did not come")
    measured = wanted[wanted >= rate * WARM_UP_S]
    sent = np.array(sent_s)[measured]
    return Latency((decided_s[measured] - sent) * 1_000, (seen_s[measured] - sent) * 1_000)


def _read(reader: Any, sending: BaseProcess, count: int, wanted: NDArray[np.intp]) -> tuple[Times, Times]:
    """When each message was decided on and its alert was here, NaN for those that have none."""
    decided_s, seen_s = np.full(count, np.nan), np.full(count, np.nan)
    left = set(wanted.tolist())
    quiet_since = time.monotonic()
    while left and (sending.is_alive() or time.monotonic() - quiet_since < WAIT_S):
        for records in reader.poll(1_000).values():
            now, quiet_since = time.time(), time.monotonic()
            for record in records:
                alert = read_alert(record)
                number = common.number_of(alert.transaction_id or "")
                decided_s[number], seen_s[number] = alert.detected_at.timestamp(), now
                left.discard(number)
    return decided_s, seen_s


def _send(settings: Settings, rate: float, every: int, sent_s: Any) -> None:
    """The producer process: messages at an even pace, each moment of sending noted."""
    count = len(sent_s)
    keys, values = common.messages(common.transactions(count, 3, np.arange(every - 1, count, every)))
    publisher = KafkaBroker(settings).publisher()
    outgoing = Outgoing(keys, values, np.zeros(count))
    numbers = iter(range(count))

    def note(*_: object) -> None:
        sent_s[next(numbers)] = time.time()

    report = publish([outgoing], publisher, settings.topic_transactions, pace=Pace(rate=rate), on_send=note)
    publisher.close()
    if report.delivered < count or report.rate_missed:
        sys.exit(f"{report.delivered} of {count} messages stored, {report.rate:,.0f} a second: {report.error}")


def _print(what: str, latency: Latency) -> None:
    p50, p90, p99, most = np.percentile(latency.visible_ms, (50, 90, 99, 100))
    print(
        f"{what:22} p50 {p50:4.0f} ms   p90 {p90:4.0f} ms   p99 {p99:4.0f} ms   most {most:4.0f} ms   "
        f"({len(latency.visible_ms):,} alerts; decided on after {np.median(latency.decided_ms):.0f} ms, p50)"
    )


if __name__ == "__main__":
    main()
