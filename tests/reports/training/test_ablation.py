"""The section on other settings says what each does, how sure that is, and what to do."""

import re
from dataclasses import replace

import pytest

from eddy.model.config import DEFAULTS
from eddy.model.training.ablation import CHOSEN, AblationResult, AblationRun, RunComparison
from eddy.reports.page import page
from eddy.reports.training import ablation


def result(
    agreement: float = 0.9, precision: float | None = 0.7, group: str = "", base: float = 0.7, chance: float = 0.05
) -> AblationResult:
    """The settings as chosen, and one other."""
    of_chosen = None if precision is None else base
    option = "--features amount,hour" if group else "--contamination 0"
    other = AblationRun(f"without {group}" if group else "contamination 0", DEFAULTS, option, group)
    return AblationResult(
        (
            RunComparison(AblationRun(CHOSEN, DEFAULTS), 0.9, 0.95, of_chosen),
            RunComparison(other, agreement, 0.8, precision),
        ),
        rows=10_000,
        steps=500,
        times=3,
        held_out=4_000,
        anomalies=0 if precision is None else 40,
        share=0.002,
        top_rows=40,
        chance=chance,
    )


def html(found: AblationResult) -> str:
    return page("ablation.html", ablation=ablation.shown(found))


def text(found: AblationResult) -> str:
    return " ".join(re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", html(found), flags=re.S).split())


def test_figures_stand_beside_those_of_the_settings_as_chosen() -> None:
    said = text(result(0.55, 0.82))
    for fact in ("as chosen", "90%", "0.700", "contamination 0", "55%", "0.80", "0.820 (+0.120)"):
        assert fact in said
    assert "<svg" in html(result())


def test_it_says_that_the_models_are_quick_and_what_is_chance() -> None:
    said = text(result())
    assert "one network and 500 steps, 10,000 rows; each 3 times" in said
    assert "only differences between them count" in said
    assert "those under 0.02 mean nothing on any table, and here those under 0.05" in said
    assert "those under 0.02 mean nothing." in text(result(chance=0.02))
    assert "as many clusters, 10,000 rows" in text(replace(result(), steps=0))
    assert "40 labelled anomalies, which count at their share of the table, 0.20%" in said


def test_without_labels_there_is_agreement_and_no_precision() -> None:
    said = text(result(precision=None))
    assert "(+" not in said
    assert "average precision" not in said
    assert "fewer than 10 labelled anomalies that were not learned from" in said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (result(precision=0.8), "better. Try eddy train ... --contamination 0 and"),
        (result(precision=0.6, group="amount"), "worse: keep amount."),
        (result(precision=0.6), "worse: leave the setting as it is."),
        (result(precision=0.74), "no difference beyond chance"),
        (result(0.5, precision=0.74), "the labels cannot say"),
        (
            result(0.5, None, "numbers"),
            "the group numbers decides much. If it should not, leave it out: eddy train ... --feat",
        ),
        (
            result(0.85, None, "hour"),
            "the other groups say as much. To leave hour out: eddy train ... --features amount,hour",
        ),
        (result(0.5, None), "how clean the rows are can choose. To change it: eddy train ... --contamination 0"),
        (result(0.85, None), "matters little: leave it as it is"),
    ],
)
def test_each_setting_has_a_sentence_on_what_to_do(found: AblationResult, said: str) -> None:
    assert said in ablation.advice(found, found.comparisons[1])
    assert said in text(found)


def test_a_page_of_other_settings_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    for found in (result(), result(precision=None), result(0.0, 0.0, base=0.0)):
        html(found)
    assert [str(warning.message) for warning in recwarn] == []
