"""What is wrong with a table is said, and nothing is said of a table with which nothing is wrong."""

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pandas as pd
import pytest

from eddy.model.exploration.finding import Finding, Severity
from eddy.model.exploration.findings import findings, next_commands
from eddy.model.exploration.profile import explore
from eddy.model.exploration.typed_table import by_schema
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from tests.model.exploration.payments import explored, payments

Change = Callable[[pd.DataFrame], pd.DataFrame]


def findings_of(table: pd.DataFrame) -> tuple[Finding, ...]:
    return findings(explored(table))


def some(table: pd.DataFrame, share: float) -> pd.Series:
    return pd.Series(np.random.default_rng(1).random(len(table)) < share)


def test_nothing_is_said_of_a_table_with_which_nothing_is_wrong() -> None:
    assert findings_of(payments()) == ()


CASES: dict[str, tuple[Change, Severity, str, tuple[str, ...]]] = {
    "constant": (lambda t: t.assign(shop="bakery"), Severity.INFO, "1 column is constant: `shop`", ("shop",)),
    "nearly constant": (
        lambda t: t.assign(flag=(np.arange(len(t)) == 7).astype(int)),
        Severity.WARNING,
        "1 column has one value in 99.9% of the rows or more: `flag`",
        ("flag",),
    ),
    "all missing": (
        lambda t: t.assign(distance=np.nan),
        Severity.INFO,
        "1 column has no value in any row: `distance`",
        ("distance",),
    ),
    "mostly missing": (
        lambda t: t.assign(distance=t["distance"].where(some(t, 0.3))),
        Severity.WARNING,
        "1 column is missing in more than half of the rows: `distance`",
        ("distance",),
    ),
    "infinite": (
        lambda t: t.assign(distance=t["distance"].where(t.index != 5, np.inf)),
        Severity.ERROR,
        "1 cell is infinite, which training refuses: `distance`",
        ("distance",),
    ),
    "leak": (
        lambda t: t.assign(refund=t["is_fraud"] * 5.0 + np.random.default_rng(2).normal(0, 1, len(t))),
        Severity.ERROR,
        "the label leaks through `refund`",
        ("refund",),
    ),
    "leak by a missing value": (
        lambda t: t.assign(
            closed_after=pd.Series(np.random.default_rng(2).normal(0, 1, len(t))).where(t["is_fraud"] == 1)
        ),
        Severity.ERROR,
        "the label leaks through `closed_after`",
        ("closed_after",),
    ),
    "nearly a leak": (
        lambda t: t.assign(speed=t["is_fraud"] * 3.2 + np.random.default_rng(2).normal(0, 1, len(t))),
        Severity.WARNING,
        "`speed` alone nearly gives the label away",
        ("speed",),
    ),
    "second label": (
        lambda t: t.assign(blocked=t["is_fraud"] ^ some(t, 0.01)),
        Severity.ERROR,
        "`blocked` looks like a second label",
        ("blocked",),
    ),
    "second label of words": (
        lambda t: t.assign(status=np.where(t["is_fraud"] == 1, "refunded", "settled")),
        Severity.ERROR,
        "`status` looks like a second label",
        ("status",),
    ),
    "a name from afterwards": (
        lambda t: t.assign(chargeback_fee=np.random.default_rng(3).normal(5, 1, len(t))),
        Severity.WARNING,
        "`chargeback_fee` is named like something known only afterwards",
        ("chargeback_fee",),
    ),
    "no anomaly": (
        lambda t: t.assign(is_fraud=0),
        Severity.WARNING,
        "calls no row an anomaly",
        ("is_fraud",),
    ),
    "all anomalies": (lambda t: t.assign(is_fraud=1), Severity.ERROR, "`is_fraud` calls every row", ("is_fraud",)),
    "common anomalies": (
        lambda t: t.assign(is_fraud=some(t, 0.4).astype(int)),
        Severity.WARNING,
        "% of the rows are labelled anomalies, which should be rare",
        ("is_fraud",),
    ),
    "missing labels": (
        lambda t: t.assign(is_fraud=t["is_fraud"].where(~some(t, 0.1))),
        Severity.WARNING,
        "of the rows have no label; they count as normal",
        ("is_fraud",),
    ),
    "no label": (lambda t: t.drop(columns="is_fraud"), Severity.INFO, "there is no label", ()),
    "a payment twice": (
        lambda t: t.assign(transaction_id=t["transaction_id"].where(t.index != 9, "t-3")),
        Severity.WARNING,
        "1 row repeats an earlier one's transaction identifier (`transaction_id`)",
        ("transaction_id",),
    ),
    "booked twice": (
        lambda t: pd.concat([t, t.tail(3).assign(transaction_id=["x", "y", "z"])], ignore_index=True),
        Severity.INFO,
        "3 rows equal an earlier one in all but `transaction_id`",
        (),
    ),
    "copies of rows": (
        lambda t: pd.concat(
            [t.drop(columns="transaction_id"), t.drop(columns="transaction_id").tail(2)], ignore_index=True
        ),
        Severity.WARNING,
        "2 rows (0.17%) are exact copies of an earlier one",
        (),
    ),
    "copies of columns": (
        lambda t: t.assign(miles=-t["distance"] / 1.609),
        Severity.WARNING,
        "1 pair of columns says nearly the same",
        ("distance", "miles"),
    ),
    "a stand-in": (
        lambda t: t.assign(distance=t["distance"].where(~some(t, 0.05), -999)),
        Severity.WARNING,
        "`distance` is -999 in 54 of 1,200 rows (4.5 %), outside all other values",
        ("distance",),
    ),
    "two spellings": (
        lambda t: t.assign(shop=t["shop"].where(~some(t, 0.2), t["shop"].str.upper() + " ")),
        Severity.WARNING,
        "`shop` has levels that differ only in case or spaces, such as 'fuel' and 'FUEL '",
        ("shop",),
    ),
    "extreme": (
        lambda t: t.assign(distance=t["distance"].where(t.index != 5, 1e6)),
        Severity.INFO,
        "1 column has values more than 50 robust standard deviations from the middle: `distance`",
        ("distance",),
    ),
    "drift": (
        lambda t: t.assign(distance=t["distance"] + 4 * np.linspace(0, 1, len(t))),
        Severity.WARNING,
        "the last fifth of time differs from the first in `distance`",
        ("distance",),
    ),
    "drift of levels": (
        lambda t: t.assign(shop=t["shop"].where((t.index < 900) | some(t, 0.5), "online")),
        Severity.WARNING,
        "the last fifth of time differs from the first in `shop`",
        ("shop",),
    ),
    "drift without time": (
        lambda t: t.drop(columns="event_time").assign(distance=t["distance"] + 4 * np.linspace(0, 1, len(t))),
        Severity.WARNING,
        "the last fifth of the rows differs from the first in `distance`",
        ("distance",),
    ),
    "a small move": (
        lambda _: payments(6_000).assign(distance=lambda t: t["distance"] + 1.6 * np.linspace(0, 1, len(t))),
        Severity.INFO,
        "has moved a little in `distance`",
        ("distance",),
    ),
    "more frauds": (
        lambda t: t.assign(is_fraud=t["is_fraud"] | ((t.index > 1_000) & some(t, 0.2)).astype(int)),
        Severity.WARNING,
        "of the first fifth of time are anomalies",
        (),
    ),
    "sorted by label": (
        lambda t: t.drop(columns="event_time").sort_values("is_fraud"),
        Severity.WARNING,
        "the rows seem to be sorted by label",
        (),
    ),
    "no time": (lambda t: t.drop(columns="event_time"), Severity.INFO, "there is no time", ()),
    "rows without time": (
        lambda t: t.assign(event_time=t["event_time"].where(~some(t, 0.1))),
        Severity.WARNING,
        "of the rows have no time",
        ("event_time",),
    ),
    "less than a week": (
        lambda t: t.assign(event_time=t["event_time"].min() + (t["event_time"] - t["event_time"].min()) / 20),
        Severity.WARNING,
        "the rows span 2.8 days, less than a week",
        ("event_time",),
    ),
    "a pause": (
        lambda t: t.assign(event_time=t["event_time"] + pd.to_timedelta(np.where(t.index > 600, 20, 0), unit="D")),
        Severity.WARNING,
        "there is no row for 20",
        ("event_time",),
    ),
    "out of order": (
        lambda t: t.iloc[::-1].reset_index(drop=True),
        Severity.INFO,
        "the rows are not in the order of `event_time`",
        ("event_time",),
    ),
    "rare levels": (
        lambda _: payments(6_000).assign(
            shop=lambda t: t["shop"].where(~some(t, 0.3), [f"shop {n % 450}" for n in range(len(t))])
        ),
        Severity.INFO,
        "has a level that is rare in its column: `shop`",
        ("shop",),
    ),
    "no amount": (lambda t: t.drop(columns="amount"), Severity.INFO, "no column was recognised as the amount", ()),
    "few rows": (lambda t: t.head(300), Severity.ERROR, "300 rows are too few to learn from: training needs 500", ()),
    "nothing to score": (lambda t: t[["transaction_id", "is_fraud"]], Severity.ERROR, "no column can be scored", ()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said(name: str) -> None:
    change, severity, text, columns = CASES[name]
    found = [finding for finding in findings_of(change(payments())) if text in finding.text]
    assert [(finding.severity, finding.columns) for finding in found] == [(severity, columns)]


def test_a_number_that_is_only_zero_or_one_stands_for_nothing_else() -> None:
    table = payments().assign(flag=lambda t: (t.index % 20 == 0).astype(int))
    assert findings_of(table) == ()


def test_cells_that_are_not_what_the_column_is_are_counted() -> None:
    table = payments(shop=["n/a", *["3"] * 1_199])
    schema = TransactionSchema((Field("shop", Kind.NUMERIC), Field("amount", Kind.NUMERIC)))
    found = findings(explore(table, len(table), by_schema(table, schema)))
    assert any(finding.text.startswith("1 cell cannot be read as what the column is: `shop`") for finding in found)


def test_constant_columns_that_are_to_be_learned_from_weigh_more_than_those_left_out() -> None:
    table = payments(shop="bakery", distance=np.nan)
    scored = (Field("amount", Kind.NUMERIC), Field("shop", Kind.CATEGORICAL), Field("distance", Kind.NUMERIC))
    guesses = by_schema(table, TransactionSchema(scored))
    found = {finding.columns: finding.severity for finding in findings(explore(table, len(table), guesses))}
    assert found["distance",] is Severity.WARNING
    assert any(severity is Severity.WARNING and "shop" in columns for columns, severity in found.items())


def test_the_same_row_over_and_over_is_nothing_to_learn_from() -> None:
    table = payments().iloc[[0] * 600].reset_index(drop=True)
    assert findings_of(table)[0].text == "all rows are the same: there is nothing to learn"


def test_errors_come_first() -> None:
    table = payments().assign(refund=lambda t: t["is_fraud"] * 5.0, miles=lambda t: t["distance"] / 1.609)
    table = table.drop(columns="event_time")
    severities = [finding.severity for finding in findings_of(table)]
    assert [severity for severity, _ in groupby(severities)] == ["error", "warning", "info"]


def test_a_sound_table_goes_straight_to_the_training() -> None:
    assert next_commands((), "my file.csv") == ("eddy train 'my file.csv'",)


def test_columns_that_need_correction_go_through_the_schema() -> None:
    leaking = findings_of(payments().assign(refund=lambda t: t["is_fraud"] * 5.0))
    assert next_commands(leaking, "a.csv") == (
        "eddy schema a.csv --out schema.toml",
        "eddy train a.csv --schema schema.toml",
    )


def test_a_sample_says_that_it_shows_fewer_copies_than_there_are() -> None:
    table = payments()
    table.loc[9, "transaction_id"] = "t-3"
    found = findings(explored(table, source_rows=100_000))
    assert any(finding.text.startswith("1 row of the sample repeats") for finding in found)
