"""A search by Optuna: what has been tried, kept in a file so that a search that was stopped goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.importance import FanovaImportanceEvaluator
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from eddy.model.config import ConfigError
from eddy.model.data.conversion import TableError
from eddy.model.errors import EddyError
from eddy.model.tuning.search_space import Choices, Setting, defaults, suggest

Values = Mapping[str, float]
"""Average precision by kind of anomaly; the value of settings is the mean."""

FAILED, KINDS = "failed", "kinds"
"""What is stored with a trial: why it has no value; its values by kind."""

UNUSABLE = (TableError, ConfigError, ArithmeticError)
"""Errors of settings that suit the rows badly; the search goes on with others."""

ProgressCallback = Callable[[str, int, int, float | None], None]
"""Called with what is being done, how much of it is done, of how much, and the best value so far."""


class StudyError(EddyError, ValueError):
    """The trials cannot be stored or read; the message says where, why, and what to do."""


@dataclass(frozen=True)
class Trial:
    """A trial of the search: `value` is None, and `failed` the reason, where it could not be evaluated."""

    number: int
    chosen: Choices
    value: float | None
    kinds: Values
    seconds: float
    failed: str | None


def open_study(path: Path | None, name: str, seed: int, fresh: bool = False) -> optuna.Study:
    """The study of this name in a file, new or as it was left; without a file it is kept in memory.

    Args:
        fresh: forget what the file holds of this study. Others that it holds are left alone.

    Raises:
        StudyError: the file cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _kept(path) if path else InMemoryStorage()
    if fresh and name in (study.study_name for study in storage.get_all_studies()):
        optuna.delete_study(study_name=name, storage=storage)
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    # Another seed for each session, or it would propose again what the one before it did.
    study.sampler = optuna.samplers.TPESampler(seed=(seed + 1_000 * len(study.trials)) % 2**31)
    return study


def _kept(path: Path) -> JournalStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    except OSError as error:
        raise StudyError(f"{path} cannot be written ({error.strerror}): choose another file with --study") from None
    except (ValueError, KeyError, TypeError):
        raise StudyError(f"{path} holds no search: choose another file with --study, or delete it") from None


def search(
    study: optuna.Study,
    settings: tuple[Setting, ...],
    value: Callable[[Choices], Values],
    trials: int,
    go_on: Callable[[], bool] = lambda: True,
    on_progress: ProgressCallback = lambda *_: None,
) -> None:
    """Tries settings until there are so many trials in the study, those of earlier sessions counted.

    The defaults come first, whatever `go_on` says. A trial that is interrupted does not count; settings that were
    evaluated already cost nothing.
    """
    while (done := trials_of(study)) == () or (len(done) < trials and go_on()):
        on_progress("searching", len(done), trials, best_value(study))
        if not done:
            study.enqueue_trial(defaults(settings))
        _try(study, study.ask(), settings, value)
    on_progress("searching", len(done), trials, best_value(study))


def _try(
    study: optuna.Study, trial: optuna.Trial, settings: tuple[Setting, ...], value: Callable[[Choices], Values]
) -> None:
    try:
        chosen = suggest(settings, trial.suggest_categorical)
        found = _known(study, chosen) or value(chosen)
    except Exception as error:  # at Ctrl-C the file is left as it is
        if isinstance(error, UNUSABLE) and chosen != defaults(settings):
            trial.set_user_attr(FAILED, str(error))
            study.tell(trial, state=TrialState.FAIL)
            return
        study.tell(trial, state=TrialState.FAIL)
        raise
    trial.set_user_attr(KINDS, dict(found))
    study.tell(trial, float(np.mean(list(found.values()))))


def trials_of(study: optuna.Study) -> tuple[Trial, ...]:
    """The trials that came to an end, in order; numbered without those that were interrupted."""
    ended = [
        one for one in study.get_trials(deepcopy=False) if one.state is TrialState.COMPLETE or FAILED in one.user_attrs
    ]
    return tuple(_trial(number, trial) for number, trial in enumerate(ended))


def importances(trials: Sequence[Trial], settings: tuple[Setting, ...]) -> dict[str, float]:
    """How much of the differences between trials each setting explains (fANOVA), largest first.

    A setting without effect beside the others counts as being as by default. Empty when there is nothing to explain.
    """
    complete = [trial for trial in trials if trial.value is not None]
    if len({trial.value for trial in complete}) < 3:
        return {}
    study = optuna.create_study(direction="maximize")
    options: dict[str, BaseDistribution] = {
        setting.name: CategoricalDistribution(list(setting.options)) for setting in settings
    }
    for trial in complete:
        chosen = defaults(settings) | dict(trial.chosen)
        study.add_trial(optuna.trial.create_trial(params=chosen, distributions=options, value=trial.value))
    shares = optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in shares.items()}


def best_value(study: optuna.Study) -> float | None:
    return max((trial.value for trial in trials_of(study) if trial.value is not None), default=None)


def _trial(number: int, trial: FrozenTrial) -> Trial:
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    notes: dict[str, Any] = trial.user_attrs
    return Trial(number, dict(trial.params), trial.value, notes.get(KINDS, {}), seconds, notes.get(FAILED))


def _known(study: optuna.Study, chosen: Choices) -> Values | None:
    return next((trial.kinds for trial in trials_of(study) if trial.chosen == chosen and trial.value is not None), None)
