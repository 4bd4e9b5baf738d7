"""Checks one transaction, with nothing but Python's own library: python examples/check.py"""

import json
import os
import time
import urllib.error
import urllib.request

API = os.environ.get("EDDY_API", "http://127.0.0.1:8080")
TRIES = 5
TRANSACTION = {
    "transaction_id": "t-1",
    "card_id": "c-000001",
    "event_time": "2026-03-01T03:12:56Z",
    "amount": 1200.5,
    "currency": "EUR",
    "category": "digital",
    "merchant_id": "m-00341",
    "country": "DE",
    "channel": "online",
    "verification": "none",
    "distance_km": 812.4,
    "card_transactions_24h": 19,
    "amount_ratio_30d": 24.5,
}


def check(transaction: dict) -> dict:
    """The verdict; raises ValueError with the API's own words if the transaction is refused."""
    body = json.dumps(transaction).encode()
    request = urllib.request.Request(f"{API}/v1/check", body, {"Content-Type": "application/json"})
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if error.code != 503:  # not ready: the model is still being loaded, or is gone
                raise ValueError(f"{problem['type']}: {problem['detail']} {problem.get('errors', '')}") from None
            time.sleep(float(error.headers["Retry-After"]))
    raise TimeoutError(problem["detail"])


verdict = check(TRANSACTION)
print("anomalous" if verdict["anomalous"] else "normal", f"1 in {1 / verdict['rarity']:,.0f}")
for part in verdict["contributions"]:
    print(f"  {part['field']}: {part['observed']}, expected {part['expected']}")

try:
    check(TRANSACTION | {"amount": "1200.50 EUR"})  # no number
except ValueError as refused:
    print(refused)
