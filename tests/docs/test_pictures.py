"""Every picture of the documents is drawn by the code, and shown."""

import re

from docs import pictures
from tests.places import ROOT

DOCS = ROOT / "docs"


def test_every_picture_is_drawn_by_the_script_and_shown_with_its_command() -> None:
    text = (DOCS / "detection.md").read_text()
    drawn = {f"{name}.png" for name in pictures.PICTURES}
    assert {path.name for path in (DOCS / "pictures").iterdir()} == drawn
    assert set(re.findall(r"\(pictures/([^)]+)\)", text)) == drawn
    assert set(re.findall(r"docs\.pictures\s+(\w+)", text)) == set(pictures.PICTURES)


def test_what_is_missed_in_a_quiet_field_counts_more_once_it_is_whitened() -> None:
    """The one picture that needs no training, for all of them: it can be drawn."""
    assert len(pictures.noise().axes) == 2
