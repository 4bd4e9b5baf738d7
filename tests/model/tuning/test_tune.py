"""How a table is divided and settings are evaluated. The model is a stand-in: one line makes it good or broken."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.data.conversion import TableError
from eddy.model.onnx_export.graph import ParityError
from eddy.model.schema.schema import Columns, Field, Kind, TransactionSchema
from eddy.model.tuning import tune as tuning
from eddy.model.tuning.search_space import defaults
from eddy.model.tuning.study import open_study
from eddy.model.tuning.tune import LABELLED, Limits, Tuned, divide, evaluate, study_name, tune
from eddy.reports.tuning.report import tuning_report, verdict

TIMED = TransactionSchema(
    (
        Field("event_time", Kind.TIMESTAMP, role="time", unit="iso8601"),
        Field("amount", Kind.NUMERIC, role="amount"),
        Field("fee", Kind.NUMERIC),
        Field("is_fraud", Kind.LABEL),
    )
)
UNTIMED = TransactionSchema(TIMED.fields[1:])
QUICK = Limits(trials=20, rows=600, steps=10, finalists=2)


def payments(rows: int = 2_000, fraud_every: int = 25, seed: int = 0) -> pd.DataFrame:
    """A fee that belongs to its amount, but not in frauds; shuffled, so that rows are not in the order of time."""
    rng = np.random.default_rng(seed)
    amount = rng.normal(100, 20, rows)
    fraud = np.arange(rows) % fraud_every == 3
    fee = np.where(fraud, rng.normal(10, 2, rows), amount / 10) + rng.normal(0, 0.1, rows)
    time = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(rng.permutation(rows), unit="min")
    return pd.DataFrame({"event_time": time, "amount": amount, "fee": fee, "is_fraud": fraud.astype(int)})


@dataclass
class Ellipse:
    """Scores by the distance from the rows that it learned; broken where the configuration says so."""

    rows: Columns
    config: TrainingConfig

    def detector(self) -> SimpleNamespace:
        return SimpleNamespace(scorer=SimpleNamespace(score=self._score))

    def _score(self, columns: Columns) -> SimpleNamespace:
        center, spread = self.rows.numeric.mean(axis=0), np.cov(self.rows.numeric.T)
        away = columns.numeric - center
        score = np.sqrt((away @ np.linalg.inv(spread) * away).sum(axis=1))
        # The smaller the setting the better the model, so that there is a gain to be found.
        return SimpleNamespace(
            score=score + 400 * self.config.contamination * np.abs(away[:, 0]) / np.sqrt(spread[0, 0])
        )


@pytest.fixture(autouse=True)
def learned(monkeypatch: pytest.MonkeyPatch) -> list[Columns]:
    """What was learned from, in order."""
    seen: list[Columns] = []

    def learn(rows: Columns, _: TransactionSchema, config: TrainingConfig) -> Ellipse:
        seen.append(rows)
        return Ellipse(rows, config)

    monkeypatch.setattr(tuning, "learn", learn)
    return seen


def tuned(table: pd.DataFrame, schema: TransactionSchema = TIMED, limits: Limits = QUICK) -> Tuned:
    return tune(divide(table, schema), open_study(None, "a", seed=0), limits=limits)


def values(columns: Columns) -> NDArray[np.float64]:
    return np.sort(columns.numeric[:, 0])


def test_rows_are_divided_in_the_order_of_time_and_each_is_used_once() -> None:
    table = payments()
    task = divide(table, TIMED)
    assert task.by_time
    ordered = table.sort_values("event_time")
    for part, rows in (
        (task.learn, ordered[:1_200]),
        (task.validation.normal, ordered[1_200:1_600]),
        (task.test.normal, ordered[1_600:]),
    ):
        np.testing.assert_array_equal(values(part), np.sort(rows[rows["is_fraud"] == 0]["amount"]))


def test_without_a_time_rows_are_divided_at_random_by_the_seed() -> None:
    table = payments().drop(columns="event_time")
    first, again, other = (divide(table, UNTIMED, seed) for seed in (1, 1, 2))
    assert not first.by_time
    np.testing.assert_array_equal(first.learn.numeric, again.learn.numeric)
    assert not np.array_equal(first.learn.numeric, other.learn.numeric)


def test_labelled_anomalies_are_for_evaluation_and_not_for_training() -> None:
    table = payments()
    task = divide(table, TIMED)
    assert task.labelled
    assert task.validation.anomalies.keys() == task.test.anomalies.keys() == {LABELLED}
    frauds = table[table["is_fraud"] == 1]["amount"]
    assert not np.isin(task.learn.numeric[:, 0], frauds).any()
    assert np.isin(task.validation.anomalies[LABELLED].numeric[:, 0], frauds).all()


def test_without_a_time_all_labelled_anomalies_but_those_of_the_test_are_for_validation() -> None:
    table = payments().drop(columns="event_time")
    task = divide(table, UNTIMED)
    validation, test = (len(part.anomalies[LABELLED]) for part in (task.validation, task.test))
    assert validation + test == table["is_fraud"].sum()
    assert validation > 2 * test
    assert abs(len(task.validation.normal) - len(task.test.normal)) < 40


def test_with_too_few_labels_anomalies_are_injected() -> None:
    task = divide(payments(fraud_every=400), TIMED)
    assert not task.labelled
    assert "one column swapped" in task.validation.anomalies
    rows = len(task.validation.normal)
    assert all(0.04 * rows < len(made) <= max(50, 0.06 * rows) for made in task.validation.anomalies.values())


@pytest.mark.parametrize("change", ["labels", "values"])
def test_the_search_sees_nothing_of_the_rows_kept_for_the_comparison(change: str, learned: list[Columns]) -> None:
    table = payments()
    last = table["event_time"] >= table["event_time"].sort_values().iloc[1_600]
    spoiled = table.copy()
    if change == "labels":
        spoiled.loc[last, "is_fraud"] = 1 - spoiled.loc[last, "is_fraud"]
    else:
        spoiled.loc[last, ["amount", "fee"]] = np.random.default_rng(5).normal(size=(last.sum(), 2))
    honest, other = tuned(table), tuned(spoiled)
    assert [(t.chosen, t.value, t.kinds) for t in honest.trials] == [(t.chosen, t.value, t.kinds) for t in other.trials]
    assert honest.finalists == other.finalists
    assert honest.gain != other.gain, "the comparison at the end does see them"
    test = table[last]["amount"]
    assert not any(np.isin(rows.numeric[:, 0], test).any() for rows in learned)


@pytest.mark.parametrize("fraud_every", [25, 400], ids=["labelled", "injected"])
def test_a_good_model_is_preferred_to_a_broken_one(fraud_every: int) -> None:
    task = divide(payments(fraud_every=fraud_every), TIMED)
    good, broken = (evaluate(task, task.learn, replace(DEFAULTS, contamination=share)) for share in (0.0, 0.1))
    assert np.mean(list(good.values())) > 1.3 * np.mean(list(broken.values()))


def test_what_is_gained_is_said_and_kept() -> None:
    found = tuned(payments())
    assert found.trials[0].chosen == defaults(found.settings)
    assert found.winner["contamination"] == "0.0"
    assert found.config.contamination == 0
    assert found.gain is not None
    assert found.gain.difference.low > 0
    assert "Nothing was gained" not in verdict(found)
    assert f"{found.gain.difference.value:+.3f}" in verdict(found)


def test_when_the_defaults_are_best_nothing_is_gained_and_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(rows: Columns, *_: object) -> Ellipse:
        return Ellipse(rows, replace(DEFAULTS, contamination=0.0))

    monkeypatch.setattr(tuning, "learn", same)
    found = tuned(payments())
    assert found.config == DEFAULTS
    assert found.gain is None
    assert "Nothing was gained" in verdict(found)


def test_settings_that_do_worse_on_unseen_rows_are_not_kept() -> None:
    """In the last rows frauds have small amounts and fees that fit: what was best before is not any more."""
    table = payments()
    late = table["event_time"] >= table["event_time"].sort_values().iloc[1_600]
    fraud = late & (table["is_fraud"] == 1)
    table.loc[fraud, "amount"] = 150.0
    table.loc[fraud, "fee"] = 15.0
    found = tuned(table)
    assert found.winner["contamination"] == "0.0"
    assert found.gain is not None
    assert found.gain.difference.value < 0
    assert found.config == DEFAULTS
    assert "Nothing was gained" in verdict(found)


def test_no_labelled_anomaly_among_the_last_rows_is_said() -> None:
    table = payments()
    late = table["event_time"] >= table["event_time"].sort_values().iloc[1_600]
    found = tuned(table[~(late & (table["is_fraud"] == 1))])
    assert found.gain is None
    assert found.config.contamination == 0
    assert "cannot be measured" in verdict(found)


def test_trials_learn_from_no_more_rows_than_allowed_and_finalists_from_all(learned: list[Columns]) -> None:
    found = tuned(payments())
    assert {len(rows) for rows in learned[: len(found.trials)]} <= {600, len(found.task.learn)}
    assert len(learned[0]) == 600
    assert max(map(len, learned)) == len(found.task.learn) + len(found.task.validation.normal)


def test_settings_whose_graph_fails_its_check_are_noted_and_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the search one kind of settings fails; among the finalists all but the defaults do."""

    def sometimes(rows: Columns, _: TransactionSchema, config: TrainingConfig) -> Ellipse:
        if config.hinge or (len(rows) > QUICK.rows and config != DEFAULTS):
            raise ParityError("off by 0.1")
        return Ellipse(rows, config)

    monkeypatch.setattr(tuning, "learn", sometimes)
    found = tuned(payments())
    assert {trial.failed for trial in found.trials if trial.chosen["hinge"] == "on"} == {"off by 0.1"}
    assert [finalist.chosen for finalist in found.finalists] == [defaults(found.settings)]
    assert found.config == DEFAULTS
    assert "off by 0.1" in tuning_report(found)


@pytest.mark.parametrize(
    ("table", "said"),
    [(payments(700), ["700 rows", "500", "eddy train"]), (payments(400), ["too few"])],
    ids=["too few to divide", "too few to learn from"],
)
def test_a_table_that_is_too_small_is_refused_before_the_search(table: pd.DataFrame, said: list[str]) -> None:
    with pytest.raises(TableError) as raised:
        divide(table, TIMED)
    for words in said:
        assert words in str(raised.value)


def test_a_search_is_told_apart_by_rows_schema_seed_and_cost_but_not_by_its_length() -> None:
    table = payments()
    name = study_name(table, TIMED, DEFAULTS, QUICK)
    assert name == study_name(table.copy(), TIMED, replace(DEFAULTS, alert_rate=0.1), replace(QUICK, trials=99))
    others = [
        study_name(table.assign(fee=table["fee"] + 1e-9), TIMED, DEFAULTS, QUICK),
        study_name(table, UNTIMED, DEFAULTS, QUICK),
        study_name(table, TIMED, replace(DEFAULTS, seed=1), QUICK),
        study_name(table, TIMED, DEFAULTS, replace(QUICK, rows=601)),
    ]
    assert len({name, *others}) == 5


@pytest.mark.parametrize("fraud_every", [25, 400], ids=["labelled", "injected"])
def test_the_report_tells_the_gain_the_limits_and_every_picture(fraud_every: int) -> None:
    found = tuned(payments(fraud_every=fraud_every))
    html = tuning_report(found, ["payments.csv has 2,000 rows; the search used all of them."])
    assert html.count("<svg") == 4
    assert "payments.csv has 2,000 rows" in html
    assert ("nobody knows" in html) == (fraud_every == 400)
    for setting in found.settings:
        assert setting.name in html


def test_the_report_of_a_single_trial_is_drawn_too() -> None:
    assert "<svg" in tuning_report(tuned(payments(), limits=replace(QUICK, trials=1)))
