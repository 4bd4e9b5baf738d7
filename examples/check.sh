#!/bin/sh
# Checks one transaction with curl: sh examples/check.sh
set -eu
api="${EDDY_API:-http://127.0.0.1:8080}"

curl --silent --show-error "$api/v1/check" \
  --header 'Content-Type: application/json' \
  --data '{
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
    "amount_ratio_30d": 24.5
  }'
echo
