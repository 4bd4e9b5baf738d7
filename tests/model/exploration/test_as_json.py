"""The figures of an exploration are what one would count by hand."""

import json

import msgspec
import numpy as np
import pandas as pd
import pytest

from eddy.model.data.schema_inference import guess
from eddy.model.exploration.as_json import figures
from eddy.model.exploration.distributions import distribution
from eddy.model.exploration.profile import explore
from eddy.model.exploration.typed_table import by_schema
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from tests.model.exploration.payments import START, explored, payments


def test_a_skewed_column_gets_a_logarithmic_axis_and_others_do_not() -> None:
    rng = np.random.default_rng(0)
    scales = {
        "linear": rng.normal(50, 5, 2_000),
        "log": np.exp(rng.normal(3, 1.5, 2_000)),
        "symlog": rng.standard_t(1, 2_000) * 100,
    }
    made = {name: distribution(values) for name, values in scales.items()}
    assert {name: spread.scale for name, spread in made.items() if spread} == {name: name for name in scales}


def test_zeros_of_a_skewed_column_stay_on_the_axis() -> None:
    values = np.append(np.zeros(500), np.exp(np.random.default_rng(0).normal(3, 1.5, 500)))
    spread = distribution(values)
    assert spread is not None
    assert (spread.scale, spread.unseen) == ("symlog", 0.0)


def test_every_number_is_in_one_bin() -> None:
    values = np.random.default_rng(0).normal(0, 1, 999)
    spread = distribution(values, np.arange(999) < 30)
    assert spread is not None
    assert spread.anomalous is not None
    assert spread.normal.sum() * 969 + spread.anomalous.sum() * 30 == pytest.approx(999 * (1 - spread.unseen))


def test_columns_are_counted() -> None:
    table = payments(distance=[np.nan, np.inf, *[5.0] * 598, *[7.0] * 600])
    facts = {facts.name: facts for facts in explored(table).columns}
    distance = facts["distance"]
    assert (distance.infinite, distance.middle, distance.most) == (1, 7.0, 7.0)
    assert distance.missing == pytest.approx(1 / 1_200)
    assert (facts["shop"].distinct, facts["transaction_id"].distinct) == (3, 1_200)
    assert facts["card_id"].role == "card"
    assert all(facts.why for facts in facts.values())


def test_time_is_counted_in_utc_by_weekday_and_hour() -> None:
    table = payments().assign(
        event_time=(START + pd.to_timedelta(np.arange(1_200) % 2, unit="D") + pd.Timedelta(hours=9)).tz_convert(
            "Asia/Tokyo"
        )
    )
    rhythm = explored(table).rhythm
    assert rhythm is not None
    assert (rhythm.hours[0, 9], rhythm.hours[1, 9], rhythm.hours.sum()) == (600, 600, 1_200)
    assert (rhythm.first, rhythm.last) == (START.timestamp() + 9 * 3_600, START.timestamp() + 33 * 3_600)
    assert rhythm.rows.sum() == 1_200


def test_amounts_over_time_are_quantiles_of_each_bin() -> None:
    rhythm = explored(payments(amount=np.arange(1_200.0))).rhythm
    assert rhythm is not None
    assert rhythm.amounts is not None
    assert rhythm.amounts[0, 1] < rhythm.amounts[-1, 1]
    assert (rhythm.amounts[:, 0] <= rhythm.amounts[:, 2]).all()


def test_correlation_is_that_of_ranks_and_bears_missing_values() -> None:
    rng = np.random.default_rng(5)
    one = rng.normal(0, 1, 1_200)
    table = payments(one=one, other=np.exp(one + rng.normal(0, 1, 1_200)))
    table.loc[rng.random(1_200) < 0.3, "other"] = np.nan
    correlations = explored(table).correlations
    assert correlations is not None
    pair = next(pair for pair in correlations.pairs if {pair[0], pair[1]} == {"one", "other"})
    assert pair[2] == pytest.approx(table["one"].corr(table["other"], method="spearman"), abs=0.01)


def test_what_one_column_tells_is_measured_on_rows_that_chose_nothing() -> None:
    table = payments(6_000)
    table["shop"] = [f"shop {n}" for n in np.random.default_rng(1).integers(0, 300, 6_000)]
    labels = explored(table).labels
    assert labels is not None
    shop = next(each for each in labels.separations if each.column == "shop")
    assert 0.4 < shop.auc < 0.6  # levels learned by heart would reach 0.8 on the rows that they were learned from


@pytest.mark.parametrize(
    ("how", "values"),
    [
        ("high", lambda anomalous, rng: anomalous * 2.0 + rng.normal(0, 1, len(anomalous))),
        ("low", lambda anomalous, rng: anomalous * -2.0 + rng.normal(0, 1, len(anomalous))),
        ("at both ends", lambda anomalous, rng: rng.normal(0, 1 + 4 * anomalous)),
    ],
)
def test_any_direction_separates(how: str, values: object) -> None:
    table = payments(3_000)
    table["x"] = values(table["is_fraud"].to_numpy(), np.random.default_rng(2))  # type: ignore[operator]
    labels = explored(table).labels
    assert labels is not None
    best = labels.separations[0]
    assert (best.column, best.how) == ("x", how)
    assert best.auc > 0.75
    assert labels.share < best.ap < 1


def test_several_labels_are_counted_and_anyone_makes_an_anomaly() -> None:
    table = payments(fraud_kind=["", "stolen", *[""] * 1_198], is_fraud=[1, 0, *[0] * 1_198])
    labels = explored(table).labels
    assert labels is not None
    assert labels.anomalous == 2
    assert dict(labels.columns)["fraud_kind"] == (("", 1_199), ("stolen", 1))


def test_equal_fifths_have_no_distance_and_shifted_ones_do() -> None:
    drift = explored(payments(6_000).assign(distance=lambda t: t["distance"] + 3 * (t.index > 3_000))).drift
    assert drift is not None
    by_name = {each.column: each for each in drift.columns}
    assert drift.columns[0].column == "distance"
    assert by_name["distance"].psi > 0.25
    assert by_name["distance"].ks == pytest.approx(0.38, abs=0.06)
    assert by_name["amount"].verdict == "same"


def test_a_column_that_goes_missing_is_drift() -> None:
    drift = explored(payments(6_000).assign(distance=lambda t: t["distance"].where(t.index < 4_000))).drift
    assert drift is not None
    assert (drift.columns[0].column, drift.columns[0].verdict) == ("distance", "different")


def test_the_farthest_row_is_found_and_explained() -> None:
    table = payments()
    table.loc[77, ["amount", "distance"]] = [90_000.0, 300.0]
    farthest = explored(table).outlier_rows[0]
    assert farthest.row == 78
    assert {name for name, _, _ in farthest.reasons} == {"amount", "distance"}
    assert any(value == "90,000" for _, value, _ in farthest.reasons)


def test_rows_of_a_sample_are_named_as_in_their_source() -> None:
    table = payments()
    table.loc[77, "distance"] = 3_000.0
    assert explored(table.set_axis(np.arange(1_200) * 10), source_rows=12_000).outlier_rows[0].row == 771


def test_a_schema_decides_what_columns_are() -> None:
    table = payments()
    schema = TransactionSchema((Field("amount", Kind.NUMERIC), Field("shop", Kind.LABEL)))
    found = explore(table, len(table), by_schema(table, schema))
    assert [facts.name for facts in found.columns if facts.kind == "ignored"] == [
        "transaction_id", "card_id", "event_time", "distance", "is_fraud",
    ]  # fmt: skip
    assert found.labels is not None
    assert found.labels.anomalous == 1_200
    assert {facts.why for facts in found.columns} == {"as the schema file says", "the schema file does not name it"}


def test_figures_are_json_without_values_of_hidden_columns() -> None:
    table = payments(shop="bakery", email=["ann@example.org", "bob@example.org"] * 600)
    table.loc[5, "amount"] = np.nan
    text = msgspec.json.encode(figures(explored(table), "a.csv")).decode()
    read = json.loads(text)
    assert read["rows"] == 1_200
    assert [finding["severity"] for finding in read["findings"]] == ["info"]
    assert {"findings", "next", "columns", "drift", "labels", "duplicates", "correlations"} <= read.keys()
    for secret in ("ann@example.org", "c-7", "t-77"):
        assert f'"{secret}"' not in text


def test_the_same_table_and_seed_give_the_same_figures(real_map: None) -> None:  # noqa: ARG001
    table = payments()
    first, second = (explore(table, len(table), guess(table), seed=3) for _ in range(2))
    assert msgspec.json.encode(figures(first, "a")) == msgspec.json.encode(figures(second, "a"))
    assert first.projection is not None
    assert second.projection is not None
    assert np.array_equal(first.projection.points, second.projection.points)
    assert first.projection.anomalous is not None
    assert first.projection.drawn == (int(first.projection.anomalous.sum()), int((~first.projection.anomalous).sum()))
