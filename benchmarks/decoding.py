"""What a field that the schema does not name costs: `python -m benchmarks.decoding`, messages of 33 fields on one core.

From bytes to columns (`TransactionCodec.decode`). Processor time of the thread, medians of rounds in turns. Ends with 1
where such a field more than doubles what the same message takes without it.
"""

import sys
import time
from statistics import median

from benchmarks.common import SCHEMA, messages, transactions
from eddy.messaging.codec import TransactionCodec

ROWS, ROUNDS, RATIO_LIMIT = 4_096, 40, 2.0
EXTRAS = {
    "one more field": b',"channel":"web"',
    "one more, nested": b',"terminal":{"id":7,"tags":["a","b"]}',
}


def main() -> int:
    codec, (_, plain) = TransactionCodec(SCHEMA), messages(transactions(ROWS, seed=1))
    ways = {
        "schema's fields": plain,
        **{name: [value[:-1] + more + b"}" for value in plain] for name, more in EXTRAS.items()},
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, values in ways.items():
            begun = time.thread_time()
            decoded = codec.decode_values(values)
            took[name].append((time.thread_time() - begun) / ROWS * 1e6)
            assert not decoded.refused, f"{name}: {next(iter(decoded.refused.values()))}"
    times = {name: median(found) for name, found in took.items()}
    ratios = {name: found / times["schema's fields"] for name, found in times.items()}
    for name, found in times.items():
        print(f"{name:20}{found:8.2f} us a message{ratios[name]:8.2f} x")
    reached = ratios["one more field"] <= RATIO_LIMIT
    print(
        f"one more field: {ratios['one more field']:.2f} x, limit {RATIO_LIMIT} x: {'reached' if reached else 'MISSED'}"
    )
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
