"""Guesses a schema from a table, by names, types and values. A guess: it can be written out, corrected, given back."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from model.schema import Field, Kind, Role, TransactionSchema

CATEGORY_LEVELS = 1_000
"""Text with more levels than this, or with more than a tenth as many as there are rows, is no category."""

_LABEL = re.compile(r"(tx_?|is_?)?(fraud|fraudulent|anomaly|anomalous|outlier)(_?(flag|label|kind|type|scenario))?")
_LABEL_IF_TWO_VALUES = {"label", "class", "target", "y"}
_IDENTIFIER = re.compile(r"(.*_)?(id|uuid|guid|num|number|no|ref|reference|key|hash|iban|pan)|.*Id|.*ID")
_TIME = re.compile(r"(.*_)?(time|timestamp|datetime|date|ts|at)(_(s|ms|utc))?|unix_?time|eventtime")
_ROLES: dict[Role, tuple[str, ...]] = {
    "transaction": (
        "transaction_id", "transactionid", "tx_id", "txn_id", "trans_id", "trans_num", "payment_id", "id", "uuid",
    ),
    "card": (
        "card_id", "cardid", "card", "card_number", "card_num", "cc_num", "pan", "account_id", "accountid", "account",
        "customer_id", "customerid", "customer", "user_id", "client_id",
    ),
    "amount": ("amount", "amt", "transaction_amount", "tx_amount", "payment_amount", "transactionamt", "value"),
    "time": (
        "event_time", "transaction_time", "tx_datetime", "trans_date_trans_time", "datetime", "timestamp", "time",
        "created_at", "date", "unix_time",
    ),
}  # fmt: skip
_KINDS = {
    "transaction": Kind.IDENTIFIER,
    "card": Kind.IDENTIFIER,
    "amount": Kind.NUMERIC,
    "time": Kind.TIMESTAMP,
}
_PLAUSIBLE_S = (5e8, 4.2e9)  # 1985 to 2103


@dataclass(frozen=True)
class Guess:
    """What a column seems to be, and why, in one sentence."""

    field: Field
    why: str


def guess(table: pd.DataFrame) -> tuple[Guess, ...]:
    """What each column of a table seems to be, in its order, with the reason."""
    return tuple(Guess(field, "by its name and values") for field in infer(table).fields)


def infer(table: pd.DataFrame) -> TransactionSchema:
    """What the columns of a table seem to be.

    >>> infer(pd.DataFrame({"amount": [1.5, 2.0], "card_id": ["c1", "c2"], "is_fraud": [0, 1]})).numeric
    ('amount',)

    Raises:
        SchemaError: no column can be scored.
    """
    kinds = {str(name): _kind(str(name), table[name]) for name in table.columns}
    roles = _roles({name: kind for name, (kind, _) in kinds.items()})
    return TransactionSchema(
        tuple(_field(name, kind, unit, roles.get(name), table[name]) for name, (kind, unit) in kinds.items())
    )


def _field(name: str, kind: Kind, unit: str | None, role: Role | None, column: "pd.Series[Any]") -> Field:
    nullable = kind in (Kind.NUMERIC, Kind.CATEGORICAL) and bool(column.isna().any())
    return Field(name, kind, role, unit, nullable)


def _roles(kinds: dict[str, Kind]) -> dict[str, Role]:
    """The first name of each role's list that is there as the right kind; the only timestamp is the time."""
    by_lower = {name.lower(): name for name in reversed(kinds)}
    roles: dict[str, Role] = {}
    for role, known in _ROLES.items():
        fitting = [by_lower[name] for name in known if name in by_lower and kinds[by_lower[name]] is _KINDS[role]]
        roles |= dict.fromkeys(fitting[:1], role)
    times = [name for name, kind in kinds.items() if kind is Kind.TIMESTAMP]
    if times and "time" not in roles.values():
        roles[times[0]] = "time"
    return roles


def _kind(name: str, column: "pd.Series[Any]") -> tuple[Kind, str | None]:
    """Kind and unit of one column."""
    values = column.dropna()
    if values.empty:
        return Kind.IGNORED, None
    if _is_label(name.lower(), values):
        return Kind.LABEL, None
    if pd.api.types.is_bool_dtype(values):
        return Kind.NUMERIC, "boolean"
    if pd.api.types.is_datetime64_any_dtype(values):
        return Kind.TIMESTAMP, "iso8601"
    if pd.api.types.is_numeric_dtype(values):
        return _kind_of_numbers(name, column)
    return _kind_of_text(name, values)


def _is_label(name: str, values: "pd.Series[Any]") -> bool:
    return bool(_LABEL.fullmatch(name)) or (name in _LABEL_IF_TWO_VALUES and values.nunique() <= 2)


def _is_identifier(name: str) -> bool:
    known = name.lower() in _ROLES["card"] + _ROLES["transaction"]
    return known or bool(_IDENTIFIER.fullmatch(name) or _IDENTIFIER.fullmatch(name.lower()))


def _kind_of_numbers(name: str, column: "pd.Series[Any]") -> tuple[Kind, str | None]:
    unit = _time_unit(column) if _TIME.fullmatch(name.lower()) else None
    if unit and not column.isna().any():
        return Kind.TIMESTAMP, unit
    if pd.api.types.is_integer_dtype(column) and _is_identifier(name):
        return Kind.IDENTIFIER, "integer"
    return Kind.NUMERIC, None


def _time_unit(column: "pd.Series[Any]") -> str | None:
    least, most = float(np.nanmin(column.to_numpy(float))), float(np.nanmax(column.to_numpy(float)))
    for unit, factor in (("s", 1.0), ("ms", 1000.0)):
        if _PLAUSIBLE_S[0] * factor <= least and most <= _PLAUSIBLE_S[1] * factor:
            return unit
    return None


def _kind_of_text(name: str, values: "pd.Series[Any]") -> tuple[Kind, str | None]:
    if _is_iso8601(values):
        return Kind.TIMESTAMP, "iso8601"
    if _is_identifier(name):
        return Kind.IDENTIFIER, None
    levels = values.nunique()
    category = levels <= max(min(CATEGORY_LEVELS, len(values) // 10), 2)
    return (Kind.CATEGORICAL if category else Kind.IGNORED), None


def _is_iso8601(values: "pd.Series[Any]") -> bool:
    """Whether a look at some of the values finds nothing but times. A day alone is none."""
    some = values.iloc[:: max(1, len(values) // 200)].astype(str)
    if not some.str.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}").all():
        return False
    return bool(pd.to_datetime(some, utc=True, errors="coerce", format="ISO8601").notna().all())
