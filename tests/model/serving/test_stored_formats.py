"""Artifacts of every format there has been keep loading; `samples/` holds one of each, stored by the version that made
it: 3,000 synthetic transactions, six fields, 100 steps."""

from pathlib import Path

import numpy as np
import pytest

from eddy.model.serving.artifact import FORMAT, ArtifactStore

SAMPLES = Path(__file__).parent / "samples"


def test_there_is_a_sample_of_every_format() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {f"format-{number}" for number in range(1, FORMAT + 1)}


@pytest.mark.parametrize("name", [f"format-{number}" for number in range(1, FORMAT + 1)])
def test_an_artifact_of_this_format_evaluates_and_explains(name: str) -> None:
    store = ArtifactStore(SAMPLES / name)
    manifest, _ = store.verified(store.active())
    assert manifest.format == int(name.removeprefix("format-"))
    detector = store.detector(store.active())  # scores its probe rows again
    rows = manifest.probe.columns[:12]
    verdicts = detector.detect(rows)
    np.testing.assert_allclose(verdicts.score, manifest.probe.score[:12], rtol=1e-4)
    for i in range(len(rows)):
        parts = verdicts.contributions(i)
        assert {part.field for part in parts} == {"event_time", "amount", "category", "distance_km"}
        assert sum(part.contribution for part in parts) == pytest.approx(verdicts.score[i], rel=1e-5)
        alone = detector.detect(rows[slice(i, i + 1)], explain=True)
        assert (alone.score[0], alone.contributions(0)) == (verdicts.score[i], parts)
        assert next(part for part in parts if part.field == "distance_km").expected is not None
