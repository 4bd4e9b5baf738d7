"""Checks many transactions, a thousand a request: python examples/checks.py < transactions.jsonl

Each line of the input is one transaction as JSON.
"""

import json
import os
import sys
import urllib.request
from itertools import islice

API = os.environ.get("EDDY_API", "http://127.0.0.1:8080")
AT_ONCE = 1_000


def checks(transactions: list[str]) -> dict:
    """One answer for each transaction, in the same order."""
    body = ("[" + ",".join(transactions) + "]").encode()
    request = urllib.request.Request(f"{API}/v1/checks", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


line = 0
while transactions := list(islice(sys.stdin, AT_ONCE)):
    for answer in checks(transactions)["answers"]:
        line += 1
        if "type" in answer:  # a problem in the place of a verdict
            print(f"line {line} refused: {answer['detail']}")
        elif answer["anomalous"]:
            most = answer["contributions"][0]
            print(f"line {line} {answer['transaction_id']}: 1 in {1 / answer['rarity']:,.0f}, mostly {most['field']}")
print(f"{line} checked")
