"""What exactly once costs: transactions a second, read bare, read and decoded, scored at least once and exactly once.

All four ways (`benchmarks.ways`) read the same topic on the same broker, in turns, each in a consumer group of its own,
from the first message to the last. Ratios are taken within a round, and their medians over the rounds are printed:
what else runs on the machine then hits both sides alike. The CPU time of this process, which such noise does not reach,
is printed beside them; it leaves out what waiting for the broker costs. Messages are JSON of about 500 bytes with 30
numbers; the model is a real one, whose threshold alerts about 1 in 1,000. Decoding includes all checks and the columns.

Exit code 1 if at the default micro-batch exactly once falls short of 0.70 of poll + decode, or 0.90 of at least once.

    python -m benchmarks.stream [--rounds 9] [--records 80000] [--batches 500 ... 8000] [--quick]
"""

import argparse
import gc
import statistics
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from benchmarks import common
from benchmarks.ways import WAYS, Run
from eddy.messaging.kafka.broker import KafkaBroker
from eddy.producer.messages import Outgoing
from eddy.producer.publish import publish
from eddy.settings import Settings

OF_POLL_AND_DECODE, OF_AT_LEAST_ONCE = 0.70, 0.90
PARTS = ("poll", "decode", "columns", "score", "encode", "publish", "commit", "rest")

Measured = dict[int, dict[str, list[Run]]]
"""By size of micro-batch and way, one run per round."""


def main() -> None:
    arguments = _arguments()
    with common.throw_away_broker() as settings:
        _fill(settings, arguments.records)
        default = settings.batch_max_records
        sizes = [default] if arguments.quick else arguments.batches
        measured = _measure(settings, sizes, 3 if arguments.quick else arguments.rounds, arguments.records)
    _print_ratios(measured)
    _print_split(measured[max(measured)], max(measured))
    print(common.what_shares_the_cores("The broker (Java) and this process, with the client's threads,"))
    raise SystemExit(_missed(measured[default]) if default in measured else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--records", type=int, default=80_000, help="messages in the topic")
    parser.add_argument("--batches", type=int, nargs="+", default=[500, 1_000, 2_000, 4_000, 8_000])
    parser.add_argument("--quick", action="store_true", help="the default micro-batch only, 3 rounds")
    return parser.parse_args()


def _fill(settings: Settings, records: int) -> None:
    keys, values = common.messages(common.transactions(records, seed=2))
    publisher = KafkaBroker(settings).publisher()
    report = publish([Outgoing(keys, values, np.zeros(records))], publisher, settings.topic_transactions)
    publisher.close()
    if report.delivered != records:
        raise SystemExit(f"{report.delivered:,} of {records:,} messages were stored: {report.error}")
    size = sum(map(len, values)) / records
    print(f"{records:,} messages of {size:.0f} bytes in {settings.topic_partitions} partitions")


def _measure(settings: Settings, sizes: Sequence[int], rounds: int, records: int) -> Measured:
    measured: Measured = {size: {way: [] for way in WAYS} for size in sizes}
    _read(settings, "exactly once", max(sizes), records)  # warms the broker up
    for number in range(rounds):
        for size in sizes:
            ways = list(WAYS)
            for way in ways[number % 4 :] + ways[: number % 4]:  # none is always the one after the same other
                measured[size][way].append(_read(settings, way, size, records))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return measured


def _read(settings: Settings, way: str, size: int, records: int) -> Run:
    group = f"{way.replace(' ', '-')}-{uuid.uuid4().hex[:8]}"
    run = Run(records)
    gc.unfreeze()
    gc.collect()
    gc.freeze()  # as a worker does
    WAYS[way](settings.model_copy(update={"batch_max_records": size, "group": group}), run)
    if run.records != records:
        raise SystemExit(f"{way}: read {run.records:,} messages of {records:,}")
    return run


def _print_ratios(measured: Measured) -> None:
    print("\nrows a second   " + "".join(f"{way:>15}" for way in WAYS) + "   exactly once /")
    print("micro-batch of  " + " " * 15 * len(WAYS) + "   poll + decode  at least once  (by CPU time)")
    for size, runs in measured.items():
        rates = "".join(f"{1e6 / _median(run.row_us for run in runs[way]):15,.0f}" for way in WAYS)
        ratios = "".join(f"{_ratio(runs, of):{w}.2f}" for of, w in (("poll + decode", 16), ("at least once", 15)))
        by_cpu = (
            _ratio(runs, "poll + decode", lambda run: run.cpu_us),
            _ratio(runs, "at least once", lambda run: run.cpu_us),
        )
        print(f"{size:14,}  {rates}{ratios}     ({by_cpu[0]:.2f}, {by_cpu[1]:.2f})")
    alerts = [run.alerts / run.records for runs in measured.values() for run in runs["exactly once"]]
    print(f"alerts: {_median(alerts):.2%} of the rows")


def _print_split(runs: dict[str, list[Run]], size: int) -> None:
    print(f"\nwhere the time goes, micro-batches of {size:,}: microseconds a row")
    print(" " * 16 + "".join(f"{part:>9}" for part in PARTS) + f"{'all':>9}{'CPU':>9}")
    for way in WAYS:
        splits = [run.split_us() for run in runs[way]]
        parts = "".join(f"{_median(split.get(part, 0.0) for split in splits):9.2f}" for part in PARTS)
        all_us, cpu_us = _median(run.row_us for run in runs[way]), _median(run.cpu_us for run in runs[way])
        print(f"{way:16}{parts}{all_us:9.2f}{cpu_us:9.2f}")


def _ratio(runs: dict[str, list[Run]], of: str, cost: Callable[[Run], float] = lambda run: run.row_us) -> float:
    """Throughput of exactly once / throughput of the other, round by round."""
    pairs = zip(runs[of], runs["exactly once"], strict=True)
    return _median(cost(other) / cost(exactly) for other, exactly in pairs)


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _missed(runs: dict[str, list[Run]]) -> int:
    code = 0
    for of, limit in (("poll + decode", OF_POLL_AND_DECODE), ("at least once", OF_AT_LEAST_ONCE)):
        ratio = _ratio(runs, of)
        print(f"exactly once / {of}: {ratio:.3f}, limit {limit:.2f}: {'reached' if ratio >= limit else 'MISSED'}")
        code |= ratio < limit
    return code


if __name__ == "__main__":
    main()
