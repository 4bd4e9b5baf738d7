import numpy as np
import pytest

from eddy.model.exploration import row_map


@pytest.fixture(autouse=True)
def no_map(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The map takes a second and says nothing in words: tests that look at it are marked by asking for `real_map`."""
    if "real_map" not in request.fixturenames:
        monkeypatch.setattr(row_map, "lay_out", lambda rows, *_: np.zeros((len(rows), 2)))


@pytest.fixture
def real_map() -> None:
    """Lays the map out."""
