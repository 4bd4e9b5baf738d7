"""The report of a search for settings: what was found, what it gained, and what a search can and cannot find."""

from collections.abc import Mapping, Sequence

from eddy.model.schema.columns import Columns
from eddy.model.tuning.search_space import Choices, defaults, differing
from eddy.model.tuning.tune import Tuned
from eddy.reports.page import page
from eddy.reports.tuning import plots

BEST = 10


def tuning_report(tuned: Tuned, notes: Sequence[str] = ()) -> str:
    """The results of a search, as a page (HTML).

    Args:
        notes: sentences about the table: where it is from, what was sampled.
    """
    task, gain = tuned.task, tuned.gain
    return page(
        "tuning.html",
        verdict=verdict(tuned),
        task=task,
        settings=_settings(tuned),
        gain=gain,
        gain_figure=gain and plots.gain(gain),
        kinds=[(kind.kind, kind.rows, kind.default, kind.tuned) for kind in gain.kinds] if gain else [],
        trials=tuned.trials,
        limits=tuned.limits,
        learned=min(tuned.limits.rows, len(task.learn)),
        history=plots.history(tuned.trials),
        importances=plots.importances(tuned.importances) if tuned.importances else None,
        slices=plots.slices(tuned.trials, tuned.settings, tuned.winner),
        best=_best(tuned),
        failed=[(trial.number, _named(tuned, trial.chosen), trial.failed) for trial in tuned.trials if trial.failed],
        finalists=[(_named(tuned, final.chosen), final.searched, final.value) for final in tuned.finalists],
        notes=notes,
        division=[
            ("training", len(task.learn), None),
            ("validation", len(task.validation.normal), _count(task.validation.anomalies)),
            ("test, not used by the search", len(task.test.normal), _count(task.test.anomalies)),
        ],
    )


def verdict(tuned: Tuned) -> str:
    """What was gained over the defaults on rows that the search has not seen, in a sentence or two."""
    gain = tuned.gain
    if differing(tuned.settings, tuned.winner) == {}:
        return "Nothing was gained: no settings did better than the defaults, and the model was trained with those."
    if gain is None:
        return (
            "Other settings than the defaults did better in the search, and the model was trained with them. The "
            "gain cannot be measured: the rows that the search has not seen hold no labelled anomaly."
        )
    change = gain.difference
    said = (
        "On rows that the search has not seen, the best settings reach an average precision of "
        f"{gain.tuned.value:.3f}, the defaults {gain.default.value:.3f}: a difference of {change.value:+.3f}, with "
        "95 % confidence between "
        f"{change.low:+.3f} and {change.high:+.3f}. "
    )
    if change.value <= 0:
        return said + "Nothing was gained, so the model was trained with the defaults."
    sure = "" if gain.sure else "It may be nothing: the interval contains zero. "
    return said + sure + "The model was trained with the best settings."


def _settings(tuned: Tuned) -> list[tuple[str, str, str, str]]:
    chosen = defaults(tuned.settings) | dict(tuned.winner)
    return [
        (each.name, chosen[each.name], each.default, "differs" if chosen[each.name] != each.default else "")
        for each in tuned.settings
    ]


def _count(anomalies: Mapping[str, Columns]) -> int:
    return sum(map(len, anomalies.values()))


def _best(tuned: Tuned) -> list[tuple[object, ...]]:
    """The best trials, of each choice of settings the first."""
    valued = {_named(tuned, trial.chosen): trial for trial in reversed(tuned.trials) if trial.value is not None}
    ranked = sorted(valued.items(), key=lambda entry: (-(entry[1].value or 0.0), entry[1].number))
    return [(trial.number, trial.value, round(trial.seconds, 1), named) for named, trial in ranked[:BEST]]


def _named(tuned: Tuned, chosen: Choices) -> str:
    differences = differing(tuned.settings, chosen).items()
    return ", ".join(f"{name}: {option}" for name, option in differences) or "the defaults"
