"""Which of the demo's stored models are kept."""

import os
from pathlib import Path

from eddy.demo import model

NOW_S = 1_800_000_000.0
DAY_S = 86_400.0


def stored(folder: Path, name: str, unused_days: float) -> Path:
    store = folder / name
    (store / "version").mkdir(parents=True)
    (store / "version/scoring.onnx").write_bytes(b"graph")
    used_s = NOW_S - unused_days * DAY_S
    os.utime(store, (used_s, used_s))
    return store


def test_models_of_other_code_are_removed_after_a_week_without_use(tmp_path: Path) -> None:
    current, recent, old = (stored(tmp_path, *one) for one in (("current", 40), ("recent", 6), ("old", 8)))
    model.remove_unused(current, NOW_S)
    assert (current / "version/scoring.onnx").exists()
    assert recent.exists()
    assert not old.exists()
    model.remove_unused(recent, NOW_S + 6 * DAY_S)
    assert current.exists(), "it was used six days before"


def test_the_first_demo_finds_nothing_to_remove(tmp_path: Path) -> None:
    model.remove_unused(tmp_path / "demo/current", NOW_S)
    assert list((tmp_path / "demo").iterdir()) == [tmp_path / "demo/current"]
