"""The section on the ablation says what each does, how sure that is, and what to do."""

import re
from dataclasses import replace

import pytest

from eddy.model.config import DEFAULTS
from eddy.model.training.ablation import CHOSEN, Choice, Compared, Variant
from eddy.reports.page import Page
from eddy.reports.training import ablation


def compared(
    agreement: float = 0.9, precision: float | None = 0.7, group: str = "", base: float = 0.7, chance: float = 0.05
) -> Compared:
    """The settings as chosen, and one other choice."""
    of_chosen = None if precision is None else base
    option = "--features amount,hour" if group else "--contamination 0"
    other = Variant(f"without {group}" if group else "contamination 0", DEFAULTS, option, group)
    return Compared(
        (Choice(Variant(CHOSEN, DEFAULTS), 0.9, 0.95, of_chosen), Choice(other, agreement, 0.8, precision)),
        rows=10_000,
        steps=500,
        times=3,
        held_out=4_000,
        anomalies=0 if precision is None else 40,
        share=0.002,
        strangest=40,
        chance=chance,
    )


def html(found: Compared) -> str:
    return Page("ablation.html", ablation=ablation.shown(found)).html()


def text(found: Compared) -> str:
    return " ".join(re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", html(found), flags=re.S).split())


def test_figures_stand_beside_those_of_the_settings_as_chosen() -> None:
    said = text(compared(0.55, 0.82))
    for fact in ("as chosen", "90%", "0.700", "contamination 0", "55%", "0.80", "0.820 (+0.120)"):
        assert fact in said
    assert "<svg" in html(compared())


def test_it_says_that_the_models_are_quick_and_what_is_chance() -> None:
    said = text(compared())
    assert "one network and 500 steps, 10,000 rows; each 3 times" in said
    assert "only differences between them count" in said
    assert "those under 0.02 mean nothing on any table, and here those under 0.05" in said
    assert "those under 0.02 mean nothing." in text(compared(chance=0.02))
    assert "as many clusters, 10,000 rows" in text(replace(compared(), steps=0))
    assert "40 labelled anomalies, which count at their share of the table, 0.20%" in said


def test_without_labels_there_is_agreement_and_no_precision() -> None:
    said = text(compared(precision=None))
    assert "(+" not in said
    assert "average precision" not in said
    assert "fewer than 10 labelled anomalies, not learned from" in said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (compared(precision=0.8), "better. Try eddy train ... --contamination 0 and"),
        (compared(precision=0.6, group="amount"), "worse: keep amount."),
        (compared(precision=0.6), "worse: leave the setting as it is."),
        (compared(precision=0.74), "no difference beyond chance"),
        (compared(0.5, precision=0.74), "the labels cannot say"),
        (
            compared(0.5, None, "numbers"),
            "the group numbers decides much. If it should not, leave it out: eddy train ... --feat",
        ),
        (
            compared(0.85, None, "hour"),
            "the other groups say as much. To leave hour out: eddy train ... --features amount,hour",
        ),
        (compared(0.5, None), "how clean the rows are can choose. To change it: eddy train ... --contamination 0"),
        (compared(0.85, None), "matters little: leave it as it is"),
    ],
)
def test_each_choice_has_a_sentence_on_what_to_do(found: Compared, said: str) -> None:
    assert said in ablation.advice(found, found.choices[1])
    assert said in text(found)


def test_drawing_an_ablation_warns_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    for found in (compared(), compared(precision=None), compared(0.0, 0.0, base=0.0)):
        html(found)
    assert [str(warning.message) for warning in recwarn] == []
