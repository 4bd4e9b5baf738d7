"""The report of a search for settings: what was found, what it gained, and what a search can and cannot tell."""

from collections.abc import Sequence

from eddy.model.tuning.search_space import Choices, defaults, differing
from eddy.model.tuning.tune import Task, Tuned
from eddy.reports.page import Page
from eddy.reports.tuning import plots

BEST = 10

UNLABELLED = (
    "There are too few labelled anomalies to judge settings by. They were judged by anomalies that were made: normal "
    "rows in which some values were swapped with other rows', put far out, or replaced by a rare level. This finds "
    "settings that notice broken combinations. Whether frauds look like that, nobody knows: with some labelled frauds, "
    "search again."
)
LABELLED = (
    "Settings were judged by the labelled anomalies. What is found suits frauds like these; of frauds that nobody has "
    "recognised, labels know nothing."
)


def tuning_report(tuned: Tuned, notes: Sequence[str] = ()) -> Page:
    """What a search found, as a page of its own.

    Args:
        notes: sentences about the table: where it is from, what was sampled.
    """
    page = Page("Search for settings", "Which settings of training suit this table, and what they gain.")
    page.section("In short").paragraph(verdict(tuned)).note(LABELLED if tuned.task.labelled else UNLABELLED)
    _settings(page, tuned)
    _gain(page, tuned)
    _search(page, tuned)
    _finalists(page, tuned)
    _method(page, tuned, notes)
    return page


def verdict(tuned: Tuned) -> str:
    """What was gained over the defaults on rows that the search has not seen, in a sentence or two."""
    gain = tuned.gain
    if differing(tuned.settings, tuned.winner) == {}:
        return "Nothing was gained: no settings did better than the defaults, and the model was trained with those."
    if gain is None:
        return (
            "Other settings than the defaults did better in the search, and the model was trained with them. What that "
            "gains cannot be said: the rows that the search has not seen hold no labelled anomaly."
        )
    change = gain.difference
    told = (
        "On rows that the search has not seen, the best settings reach an average precision of "
        f"{gain.tuned.value:.3f}, the defaults {gain.default.value:.3f}: a difference of {change.value:+.3f}, with "
        "95 % confidence between "
        f"{change.low:+.3f} and {change.high:+.3f}. "
    )
    if change.value <= 0:
        return told + "Nothing was gained, so the model was trained with the defaults."
    sure = "" if gain.sure else "It may be nothing: the interval holds zero. "
    return told + sure + "The model was trained with the best settings."


def _settings(page: Page, tuned: Tuned) -> None:
    page.section("Settings", 3)
    chosen = defaults(tuned.settings) | dict(tuned.winner)
    rows = [
        (
            setting.name,
            chosen[setting.name],
            setting.default,
            "" if chosen[setting.name] == setting.default else "differs",
        )
        for setting in tuned.settings
    ]
    page.table(("setting", "best found", "default", ""), rows)


def _gain(page: Page, tuned: Tuned) -> None:
    gain = tuned.gain
    if gain is None:
        return
    page.section("What was gained")
    page.paragraph(
        "Both were trained in full, on the rows of search and judging together, and score rows that neither search "
        f"nor judging has seen: {gain.normal:,} normal ones and the anomalies below."
    )
    page.figure(
        plots.gain(gain),
        "Average precision: 1 if every anomaly scores higher than all normal rows. Bars: 95 % intervals from a "
        "bootstrap over rows; another seed of training would move the dots, too.",
    )
    page.table(
        ("kind of anomaly", "rows", "defaults", "best of the search"),
        [(k.kind, k.rows, k.default, k.tuned) for k in gain.kinds],
    )


def _search(page: Page, tuned: Tuned) -> None:
    page.section("The search")
    failed = [trial for trial in tuned.trials if trial.failed]
    seconds = sum(trial.seconds for trial in tuned.trials)
    page.paragraph(
        f"{len(tuned.trials)} trials in {seconds / 60:,.1f} minutes. Each learned from {_learned(tuned):,} rows, "
        f"with {tuned.limits.members} network{'s' if tuned.limits.members > 1 else ''} and at most "
        f"{tuned.limits.steps:,} steps: enough to tell settings apart, not to be as good as a full training."
    )
    page.figure(plots.history(tuned.trials), "How well each trial found the anomalies.")
    if tuned.importances:
        page.section("What mattered", 3)
        page.figure(
            plots.importances(tuned.importances),
            "How much of the differences between trials each setting explains (fANOVA). With a few dozen trials "
            "this is a hint, not a measurement.",
        )
    page.section("Option by option", 3)
    page.figure(
        plots.slices(tuned.trials, tuned.settings, tuned.winner),
        "Each dot is a trial. Dots of one option differ because other settings do; those of the best settings' "
        "options are red.",
    )
    page.section("Best trials", 3)
    page.table(("trial", "average precision", "seconds", "differs from the defaults in"), _best(tuned))
    if failed:
        page.section("Trials that failed", 3)
        page.table(("trial", "settings", "why"), [(t.number, _told(tuned, t.chosen), t.failed) for t in failed])


def _finalists(page: Page, tuned: Tuned) -> None:
    page.section("Finalists")
    page.paragraph("The best of the search and the defaults, trained in full and judged by the same rows once more.")
    page.table(
        ("settings", "in the search", "trained in full"),
        [(_told(tuned, finalist.chosen), finalist.searched, finalist.value) for finalist in tuned.finalists],
    )


def _method(page: Page, tuned: Tuned, notes: Sequence[str]) -> None:
    page.section("How it was done")
    for note in (*notes, _division(tuned.task)):
        page.paragraph(note)
    page.table(
        ("rows", "normal", "anomalies"),
        [
            ("to learn from", len(tuned.task.learn), None),
            ("to judge by", len(tuned.task.validation.normal), _anomalies(tuned.task.validation.anomalies)),
            ("not seen by the search", len(tuned.task.test.normal), _anomalies(tuned.task.test.anomalies)),
        ],
    )
    page.paragraph(
        "The model in the store was trained on all rows in the end, so the figures here are of its settings, learned "
        "from fewer rows."
    )


def _division(task: Task) -> str:
    if task.by_time:
        return "The table was divided in the order of time; nothing is learned from labelled anomalies."
    extra = ", so those among the rows to learn from are judged by, too" if task.labelled else ""
    return f"The table was divided at random, as there is no time. Nothing is learned from labelled anomalies{extra}."


def _anomalies(by_kind: object) -> int:
    return sum(len(rows) for rows in by_kind.values()) if isinstance(by_kind, dict) else 0


def _learned(tuned: Tuned) -> int:
    return min(tuned.limits.rows, len(tuned.task.learn))


def _best(tuned: Tuned) -> list[tuple[object, ...]]:
    """The best trials, of each choice of settings the first."""
    judged = {_told(tuned, trial.chosen): trial for trial in reversed(tuned.trials) if trial.value is not None}
    ranked = sorted(judged.items(), key=lambda entry: (-(entry[1].value or 0.0), entry[1].number))
    return [(trial.number, trial.value, round(trial.seconds, 1), told) for told, trial in ranked[:BEST]]


def _told(tuned: Tuned, chosen: Choices) -> str:
    return (
        ", ".join(f"{name}: {option}" for name, option in differing(tuned.settings, chosen).items()) or "the defaults"
    )
