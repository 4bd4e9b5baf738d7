"""How fast synthetic transactions are made, and made into messages: `python -m benchmarks.synthetic`.

The limit is 200,000 generated transactions a second on one core; ends with 1 below it. Medians of several runs, in
processor time: all of it runs in one thread, and what else the machine does is none of its business.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

from eddy.producer.messages import outgoing
from eddy.producer.synthetic import SyntheticStream

LIMIT = 200_000
COUNT = 500_000
RUNS = 5


def rate(make: Callable[[], int]) -> float:
    """Transactions a second of processor time, median of several runs."""
    rates = []
    for _ in range(RUNS):
        begun = time.process_time()
        made = make()
        rates.append(made / (time.process_time() - begun))
    return median(rates)


def until_the_first() -> float:
    """Processor seconds until the first transactions of a stream are there: the 30 days before it are lived through."""
    begun = time.process_time()
    next(SyntheticStream().chunks())
    return time.process_time() - begun


def main() -> int:
    chunks = list(SyntheticStream().chunks(COUNT // 5))
    generated = rate(lambda: sum(map(len, SyntheticStream().chunks(COUNT))))
    encoded = rate(lambda: sum(map(len, outgoing(chunks))))
    first = median(until_the_first() for _ in range(RUNS))
    print(f"generated  {generated:>9,.0f}/s  {generated / LIMIT:.1f} x the limit of {LIMIT:,}/s")
    print(f"encoded    {encoded:>9,.0f}/s  as JSON, about {len(next(outgoing(chunks)).values[0])} bytes each")
    print(f"both       {1 / (1 / generated + 1 / encoded):>9,.0f}/s")
    print(f"first      {first:>9.2f} s  until the first transactions")
    return 0 if generated >= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
