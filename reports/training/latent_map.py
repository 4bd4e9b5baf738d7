"""Maps of the latent space in a page: one to look at (matplotlib), one to turn (plotly, embedded, offline)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eddy.model.arrays import Floats, Indices
from eddy.model.exploration import row_map
from eddy.model.exploration.typed_table import sample_indices
from eddy.model.serving.calibration import Calibration
from eddy.model.serving.text import one_in
from eddy.model.training.diagnostics import TrainingDiagnostics
from eddy.model.training.fit import Learned
from eddy.reports import plots
from eddy.reports.page import environment
from eddy.reports.plots import Group

ROWS = {2: 1_500, 3: 600}
"""Most rows on a map, by dimensions: t-SNE takes some two seconds for either."""
TOP_SCORING = 50
ANOMALOUS_SHARE = 0.25
RARITY_COLOURS = (plots.NORMAL, "#3aa9a0", "#c9a227", plots.ANOMALOUS)
RARITY_BOUNDS = (0.1, 0.01, 0.001)
RARITY_NAMES = ("usual", "rarer than 1 in 10", "rarer than 1 in 100", "rarer than 1 in 1,000")


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Rows on a map: `places` [n, 2 or 3], `score` [n], and whether a label calls them anomalies, `anomalous` [n]."""

    places: Floats
    score: Floats
    anomalous: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.score)


def maps(learned: Learned) -> dict[str, Any] | None:
    """What `latent_map.html` shows; None without a bottleneck."""
    diagnostics, calibration, seed = learned.diagnostics, learned.calibration, learned.config.seed
    dimensions = diagnostics.latent.shape[1]
    if not dimensions:
        return None
    flat, solid = draw_map(diagnostics, 2, seed), draw_map(diagnostics, 3, seed)
    return {
        "dimensions": dimensions,
        "flat": _counts(flat) | {"drawn": plots.point_map(flat.places, groups(flat, calibration))},
        "solid": _counts(solid) | {"drawn": turning(solid, groups(solid, calibration), calibration)},
    }


def _counts(drawn: LatentMap) -> dict[str, Any]:
    """How many rows of each kind are on a map."""
    anomalous = int(drawn.anomalous.sum())
    unlabelled = len(drawn) - anomalous
    return {"unlabelled": unlabelled, "top": min(TOP_SCORING, unlabelled), "anomalous": anomalous}


def draw_map(diagnostics: TrainingDiagnostics, dimensions: int, seed: int = 0) -> LatentMap:
    """Lays out a sample of the held-out rows and of the labelled anomalies in 2 or 3 dimensions.

    In the sample are the top-scoring held-out rows, for which the map is drawn, and others at random.
    """
    rng = np.random.default_rng(seed)
    anomalies = sample_indices(len(diagnostics.anomaly_latent), round(ANOMALOUS_SHARE * ROWS[dimensions]), seed)
    held_out = _with_top_scoring(diagnostics.scores.score, ROWS[dimensions] - len(anomalies), rng)
    latent = np.concatenate([diagnostics.latent[held_out], diagnostics.anomaly_latent[anomalies]]).astype(np.float64)
    score = np.concatenate([diagnostics.scores.score[held_out], diagnostics.anomaly_scores.score[anomalies]])
    anomalous = np.arange(len(score)) >= len(held_out)
    return LatentMap(row_map.embed(latent, dimensions, seed), score, anomalous)


def _with_top_scoring(score: Floats, most: int, rng: np.random.Generator) -> Indices:
    order = np.argsort(-score, kind="stable")
    others = rng.permutation(order[TOP_SCORING:])[: max(most - TOP_SCORING, 0)]
    return np.sort(np.concatenate([order[: min(TOP_SCORING, most)], others]))


def groups(drawn: LatentMap, calibration: Calibration) -> tuple[Group, ...]:
    """The rows by label, or by rarity where no row is labelled; the last is drawn on top."""
    if drawn.anomalous.any():
        found: tuple[Group, ...] = (
            Group("normal, held out", plots.NORMAL, ~drawn.anomalous),
            Group("labelled anomalous", plots.ANOMALOUS, drawn.anomalous),
        )
    else:
        band = np.searchsorted(-np.array(RARITY_BOUNDS), -calibration.rarity(drawn.score), side="right")
        parts = zip(RARITY_NAMES, RARITY_COLOURS, range(len(RARITY_NAMES)), strict=True)
        found = tuple(Group(name, colour, band == place) for name, colour, place in parts)
    return tuple(group for group in found if group.rows.any())


def turning(drawn: LatentMap, coloured: Sequence[Group], calibration: Calibration) -> str:
    """The map in three dimensions, as HTML with plotly.js in it; put it into a page once."""
    import plotly.graph_objects as go
    from plotly.io import to_html
    from plotly.offline import get_plotlyjs

    figure = go.Figure([_cloud(drawn, group, calibration) for group in coloured])
    off = ("showticklabels", "showbackground", "showspikes", "zeroline")
    hidden = {"title": "", "gridcolor": "#9097a1", **dict.fromkeys(off, False)}
    figure.update_layout(
        scene={"xaxis": hidden, "yaxis": hidden, "zaxis": hidden, "aspectmode": "cube"},
        paper_bgcolor="rgba(0,0,0,0)",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        showlegend=False,
        hoverlabel={"bgcolor": "#1d2129", "bordercolor": "#1d2129", "font": {"color": "#ffffff"}},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#7d8794", "activecolor": "#2f7fd0"},
    )
    buttons = [["orbitRotation", "pan3d", "zoom3d", "resetCameraDefault3d"]]  # the others send data, or save files
    shown = {"responsive": True, "displaylogo": False, "modeBarButtons": buttons}
    scene = to_html(figure, shown, include_plotlyjs=False, full_html=False, div_id="latent-map", default_height=520)
    template = environment().get_template("plotly_map.html")
    return template.render(plotly_js=get_plotlyjs(), groups=coloured, scene=scene)


def _cloud(drawn: LatentMap, group: Group, calibration: Calibration) -> "object":
    import plotly.graph_objects as go

    score = drawn.score[group.rows]
    rarity = calibration.rarity(score)
    texts = [f"{group.name}: score {value:,.4g}, {one_in(share)}" for value, share in zip(score, rarity, strict=True)]
    marker = {"size": 3, "color": group.colour, "opacity": 0.85, "line": {"width": 0}}
    places = dict(zip("xyz", drawn.places[group.rows].T.round(2).tolist(), strict=True))
    return go.Scatter3d(**places, mode="markers", marker=marker, text=texts, hovertemplate="%{text}<extra></extra>")
