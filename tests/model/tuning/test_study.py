"""The search itself, with values that are made up: no network is trained."""

from pathlib import Path

import pytest

from eddy.model.config import DEFAULTS
from eddy.model.data.conversion import TableError
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.tuning.search_space import Choices, Setting, configured, defaults, differing, space, suggest
from eddy.model.tuning.study import StudyError, Values, importances, open_study, search, trials_of


@pytest.fixture
def settings(schema: TransactionSchema) -> tuple[Setting, ...]:
    return space(schema)


def made_up(chosen: Choices) -> Values:
    """The fewer rows are thought to be frauds, the better; the network alone is best."""
    value = {"0.0": 0.6, "0.003": 0.5, "0.01": 0.4, "0.03": 0.2}[chosen["contamination"]]
    return {"some kind": value + (0.2 if chosen["score"] == "network" else 0.0)}


def test_the_defaults_are_trial_0_and_better_settings_are_found(settings: tuple[Setting, ...]) -> None:
    study = open_study(None, "a", seed=1)
    search(study, settings, made_up, trials=30)
    found = trials_of(study)
    assert [trial.number for trial in found] == list(range(30))
    assert found[0].chosen == defaults(settings)
    assert max(trial.value or 0 for trial in found) == pytest.approx(0.8)
    assert next(iter(importances(found, settings))) == "contamination"


def test_the_same_seed_tries_the_same_settings(settings: tuple[Setting, ...]) -> None:
    tried = []
    for seed in (1, 1, 2):
        study = open_study(None, "a", seed)
        search(study, settings, made_up, trials=15)
        tried.append([trial.chosen for trial in trials_of(study)])
    assert tried[0] == tried[1] != tried[2]


@pytest.mark.parametrize("after", [0, 3])
def test_what_was_interrupted_goes_on_where_it_was(settings: tuple[Setting, ...], tmp_path: Path, after: int) -> None:
    calls = 0

    def interrupted(chosen: Choices) -> Values:
        nonlocal calls
        calls += 1
        if calls > after:
            kept.append((tmp_path / "kept").read_text())
            raise KeyboardInterrupt
        return made_up(chosen)

    kept: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        search(open_study(tmp_path / "kept", "a", seed=0), settings, interrupted, trials=8)
    assert kept == [(tmp_path / "kept").read_text()], "who is interrupted writes nothing more"
    study = open_study(tmp_path / "kept", "a", seed=0)
    before = trials_of(study)
    assert len(before) <= after
    search(study, settings, made_up, trials=8)
    found = trials_of(study)
    assert found[: len(before)] == before
    assert [trial.number for trial in found] == list(range(8))
    assert found[0].chosen == defaults(settings)


def test_fresh_forgets_this_study_and_no_other(settings: tuple[Setting, ...], tmp_path: Path) -> None:
    for name in ("a", "b"):
        search(open_study(tmp_path / "kept", name, seed=0), settings, made_up, trials=2)
    assert trials_of(open_study(tmp_path / "kept", "a", seed=0, fresh=True)) == ()
    assert len(trials_of(open_study(tmp_path / "kept", "b", seed=0))) == 2


def test_a_file_of_another_kind_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("amount,shop\n1,bakery\n2,bakery\n")
    with pytest.raises(StudyError, match="holds no search"):
        open_study(tmp_path / "table.csv", "a", seed=0)
    assert (tmp_path / "table.csv").read_text().count("bakery") == 2


def test_settings_that_cannot_be_learned_with_are_noted_and_the_search_goes_on(settings: tuple[Setting, ...]) -> None:
    def sometimes(chosen: Choices) -> Values:
        if chosen["contamination"] == "0.0":
            raise TableError("too clean")
        return made_up(chosen)

    study = open_study(None, "a", seed=0)
    search(study, settings, sometimes, trials=20)
    failed = [trial for trial in trials_of(study) if trial.failed]
    assert len(trials_of(study)) == 20
    assert failed
    assert all((trial.value, trial.failed) == (None, "too clean") for trial in failed)


def test_rows_that_not_even_the_defaults_can_learn_from_end_the_search(settings: tuple[Setting, ...]) -> None:
    def never(_: Choices) -> Values:
        raise TableError("nothing to learn")

    with pytest.raises(TableError, match="nothing to learn"):
        search(open_study(None, "a", seed=0), settings, never, trials=3)


def test_settings_that_were_evaluated_already_are_not_evaluated_again(settings: tuple[Setting, ...]) -> None:
    evaluated = []

    def counted(chosen: Choices) -> Values:
        evaluated.append(tuple(sorted(chosen.items())))
        return made_up(chosen)

    search(open_study(None, "a", seed=0), settings[:2], counted, trials=40)
    assert len(evaluated) == len(set(evaluated)) < 40


def test_no_trial_begins_when_time_is_up_but_the_defaults_are_evaluated(settings: tuple[Setting, ...]) -> None:
    study = open_study(None, "a", seed=0)
    search(study, settings, made_up, trials=10, go_on=lambda: False)
    assert [trial.chosen for trial in trials_of(study)] == [defaults(settings)]


def test_progress_tells_trials_and_the_best_so_far(settings: tuple[Setting, ...]) -> None:
    states: list[tuple[str, int, int, float | None]] = []
    search(open_study(None, "a", seed=0), settings, made_up, trials=3, on_progress=lambda *state: states.append(state))
    assert [(done, of) for _, done, of, _ in states] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert states[0][3] is None
    assert states[1][3] == pytest.approx(0.4)


def test_default_options_change_nothing_and_all_others_something(settings: tuple[Setting, ...]) -> None:
    assert configured(DEFAULTS, settings, defaults(settings)) == DEFAULTS
    assert differing(settings, defaults(settings)) == {}
    for setting in settings:
        for option in list(setting.options)[1:]:
            assert configured(DEFAULTS, settings, {setting.name: option}) != DEFAULTS, (setting.name, option)


def test_a_group_of_features_can_be_left_out_if_the_schema_has_it(schema: TransactionSchema) -> None:
    amount_alone = TransactionSchema((Field("amount", Kind.NUMERIC, role="amount"),))
    assert "features" not in [setting.name for setting in space(amount_alone)]
    [features] = [setting for setting in space(schema) if setting.name == "features"]
    assert {"no hour", "no numbers", "no missing", "no categories"} <= features.options.keys()
    assert "hour" not in features.options["no hour"]["features"]


def test_for_categories_alone_the_default_is_their_pairs_which_have_no_network() -> None:
    schema = TransactionSchema(tuple(Field(name, Kind.CATEGORICAL) for name in ("country", "currency")))
    settings = space(schema)
    assert configured(DEFAULTS, settings, defaults(settings)) == DEFAULTS
    chosen = suggest(settings, lambda _, options: options[0])
    assert chosen["score"] == "pairs of categories"
    assert "bottleneck" not in chosen


def test_only_what_has_an_effect_is_chosen(settings: tuple[Setting, ...]) -> None:
    tried = []

    def last(name: str, options: list[str]) -> str:
        tried.append(name)
        return options[-1]

    chosen = suggest(settings, last)
    assert chosen["score"] == "32 clusters"
    assert "bottleneck" not in chosen
    assert list(chosen) == tried
