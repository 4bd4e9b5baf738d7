"""Draws the pictures of `detection.md` and prints the figures that it quotes: `make pictures`, some minutes.

python -m docs.pictures            all of them
python -m docs.pictures members    one of them
"""

import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from eddy.model.components import whitening
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.data.conversion import columns_of
from eddy.model.data.schema_inference import infer
from eddy.model.schema.schema import Field, Kind, TransactionSchema
from eddy.model.serving.detector import Detector, Verdicts
from eddy.model.training.fit import learn
from eddy.producer.synthetic import SyntheticStream
from eddy.reports import plots
from eddy.reports.plots import GREY

FOLDER = Path(__file__).parent / "pictures"
GROUND = "#f4f5f7"  # readable on light and on dark pages
STEPS = 1_500
TEXTBOOK = TrainingConfig(score="mse", loss="mse", members=1, contamination=0.0, steps=STEPS)
EDDY = TrainingConfig(steps=STEPS)
FRAUD = 0.01


def payments(seed: int, rows: int, fraud: float = FRAUD) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Payments of invented cardholders, and which of them are frauds of which kind ("": honest)."""
    stream = next(SyntheticStream(seed, cards=500, fraud=fraud).chunks(rows, rows))
    return pd.DataFrame(dict(stream.columns)), stream.fraud_kind


@cache
def trained(config: TrainingConfig, frauds_left_in: float = 0.0, seed: int = 1) -> Detector:
    """A detector of 20,000 payments, so many frauds among them (as a share) that nobody has labelled."""
    table, kinds = payments(seed, 20_000, 0.05)
    honest, frauds = np.flatnonzero(kinds == ""), np.flatnonzero(kinds != "")
    rows = np.sort(np.concatenate([honest, frauds[: round(frauds_left_in * len(honest))]]))
    schema = infer(table)
    return learn(columns_of(table.iloc[rows], schema), schema, config).detector()


@cache
def unseen() -> tuple[pd.DataFrame, NDArray[np.object_]]:
    return payments(2, 40_000)


def verdicts_of(detector: Detector) -> Verdicts:
    return detector.detect(columns_of(unseen()[0], detector.schema))


def precision(detector: Detector) -> float:
    return float(average_precision_score(unseen()[1] != "", verdicts_of(detector).score))


@plots.drawn
def bottleneck() -> Figure:
    """Two numbers that belong together, an autoencoder with one number in the middle, and what it expects."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 8, 3_000)
    price = 4 + 0.8 * weight**1.6 + rng.normal(0, 1.2, 3_000)
    anomalous = pd.DataFrame({"weight": [2.0, 6.5, 5.0], "price": [21.0, 7.0, 33.0]})
    table = pd.DataFrame({"weight": weight, "price": price})
    schema = TransactionSchema((Field("weight", Kind.NUMERIC), Field("price", Kind.NUMERIC)))
    config = TrainingConfig(bottleneck=1, hidden=(16, 8), contamination=0.0, network_input="standardised", steps=STEPS)
    detector = learn(columns_of(table, schema), schema, config).detector()
    expected, instead = (detector.scorer.score(columns_of(some, schema)).expected for some in (table, anomalous))

    figure, axes = plots.axes(7.0, 4.0)
    axes.scatter(weight, price, s=5, lw=0, alpha=0.35, color=plots.NORMAL, label="parcels, observed")
    axes.scatter(*expected.T, s=4, lw=0, color=plots.OTHERS[0], label="what the autoencoder makes of them")
    axes.scatter(anomalous.weight, anomalous.price, s=40, color=plots.ANOMALOUS, label="three anomalous parcels")
    for (x, y), (to_x, to_y) in zip(anomalous.to_numpy(), instead, strict=True):
        axes.annotate("", (to_x, to_y), (x, y), arrowprops={"arrowstyle": "->", "color": plots.ANOMALOUS})
        print(f"  weight {x:g}, price {y:g}: expected weight {to_x:.1f}, price {to_y:.1f}")
    axes.set(xlabel="weight of a parcel, kg", ylabel="postage")
    axes.legend(loc="upper left")
    return figure


@plots.drawn
def noise() -> Figure:
    """Lines of equal score around what was missed in two fields: squared, and whitened."""
    rng = np.random.default_rng(0)
    missed = rng.multivariate_normal([0, 0], [[9.0, 1.2], [1.2, 0.25]], 2_000)
    white = whitening.fit(missed, np.ones(2))
    anomalous = np.array([[6.5, 1.0], [0.0, 2.4]])
    grid = np.stack(np.meshgrid(np.linspace(-11, 11, 300), np.linspace(-5, 5, 200)), axis=-1)
    figure, axes = plots.subplots(1, 2, 8.4, 3.2)
    ways: tuple[tuple[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]], ...] = (
        ("squared error", lambda r: (r**2).sum(axis=-1)),
        ("whitened", lambda r: np.abs(white.apply(r)).sum(axis=-1)),
    )
    for place, (name, score) in zip(axes, ways, strict=True):
        line = np.quantile(score(missed), 0.99)
        rank = [(score(missed) > score(row)).mean() for row in anomalous]
        place.scatter(*missed.T, s=4, lw=0, alpha=0.4, color=plots.NORMAL)
        place.contour(grid[..., 0], grid[..., 1], score(grid), [line], colors=[GREY])
        for row, letter in zip(anomalous, "AB", strict=True):
            place.scatter(*row, s=30, color=plots.ANOMALOUS)
            place.annotate(letter, row, (5, 4), textcoords="offset points")
        place.set(title=f"{name}: beyond the threshold is 1 in 100", xlabel="missed in a noisy field")
        print(f"  {name}: {rank[0]:.2%} of the rows score above A, {rank[1]:.2%} above B")
    axes[0].set(ylabel="missed in a quiet field")
    return figure


@plots.drawn
def unlabelled() -> Figure:
    """Average precision against the share of frauds that nobody has labelled among the training rows."""
    shares = (0.0, 0.005, 0.01, 0.02)
    ways = {"textbook": TEXTBOOK, "Eddy": EDDY}
    figure, axes = plots.axes(6.5, 3.0)
    for (name, config), colour in zip(ways.items(), (plots.ANOMALOUS, plots.NORMAL), strict=True):
        found = [precision(trained(config, share)) for share in shares]
        axes.plot(100 * np.array(shares), found, "o-", color=colour, label=name)
        print(f"  {name}: " + ", ".join(f"{share:.1%} {ap:.2f}" for share, ap in zip(shares, found, strict=True)))
    axes.set(xlabel="frauds left in the training rows, %", ylabel="average precision", ylim=(0, 1))
    axes.grid(axis="y")
    axes.legend()
    return figure


@plots.drawn
def members() -> Figure:
    """How much the choice of the seed matters, with one network and with as many as there are by default."""
    figure, axes = plots.axes(6.5, 2.0)
    for place, count in enumerate((1, DEFAULTS.members)):
        configs = [TrainingConfig(steps=STEPS, members=count, parts="network", seed=seed) for seed in range(5)]
        found = [precision(trained(config)) for config in configs]
        axes.scatter(found, [place] * 5, s=45, alpha=0.7, color=plots.NORMAL)
        print(f"  members {count}: {min(found):.3f} to {max(found):.3f}, mean {np.mean(found):.3f}")
    axes.set_yticks([0, 1], ["one network", str(DEFAULTS.members)])
    axes.set(ylim=(-0.6, 1.6), xlabel="average precision, five seeds each")
    axes.grid(axis="x")
    return figure


@plots.drawn
def calibration() -> Figure:
    """The rate that was asked for against the one that came, on honest payments that nobody has trained on."""
    detector = trained(EDDY)
    honest, _ = payments(3, 200_000, fraud=0.0)
    rarity = detector.detect(columns_of(honest, detector.schema)).rarity
    asked = np.geomspace(0.1, 1e-4, 13)
    came = np.array([(rarity <= rate).mean() for rate in asked])
    figure, axes = plots.axes(6.0, 3.6)
    axes.plot(1 / asked, 1 / asked, color=GREY, ls="--", lw=1, label="as asked")
    axes.plot(1 / asked[came > 0], 1 / came[came > 0], "o-", color=plots.NORMAL, label="as it came")
    axes.set(xscale="log", yscale="log", xlabel="asked: one in", ylabel="flagged: one in")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.set_minor_formatter(NullFormatter())
    axes.legend()
    for rate in (0.01, 0.001, 0.0001):
        count = int((rarity <= rate).sum())
        print(f"  asked 1 in {1 / rate:,.0f}: came {f'1 in {len(rarity) / count:,.0f}' if count else 'none'}")
    return figure


@plots.drawn
def kinds() -> Figure:
    """Which frauds reach a threshold of 1 in 1,000, by what the fraudster does."""
    found = pd.DataFrame({"kind": unseen()[1], "found": verdicts_of(trained(EDDY)).anomalous})
    share = found[found.kind != ""].groupby("kind").found.agg(["size", "mean"]).sort_values("mean")
    figure, axes = plots.axes(6.5, 2.4)
    axes.barh(share.index.str.replace("_", " "), share["mean"], color=plots.NORMAL)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set(xlim=(0, 1), xlabel="found at 1 in 1,000")
    for kind, row in share.iterrows():
        print(f"  {kind}: {row['mean']:.0%} of {row['size']:.0f}")
    print(f"  flagged among the honest: 1 in {1 / max(found.found[found.kind == ''].mean(), 1e-9):,.0f}")
    return figure


@plots.drawn
def alert() -> Figure:
    """The parts of one fraud's score, beside those of usual payments."""
    detector = trained(EDDY)
    verdicts = verdicts_of(detector)
    row = int(np.flatnonzero((unseen()[1] == "drained") & verdicts.anomalous)[0])
    parts = verdicts.contributions(row)
    print(f"  score {verdicts.score[row]:.1f}, threshold {verdicts.threshold:.1f}, rarity {verdicts.rarity[row]:.2g}")
    for part in parts[:4]:
        print("  " + json.dumps({name: getattr(part, name) for name in part.__struct_fields__}))
    usual = dict.fromkeys(detector.schema.scored, 0.0)
    for other in range(200):
        for part in verdicts.contributions(other):
            usual[part.field] += part.contribution / 200
    figure, axes = plots.axes(7.0, 3.4)
    _bars(axes, [part.field for part in parts], [part.contribution for part in parts], usual)
    return figure


def _bars(axes: Axes, names: list[str], parts: list[float], usual: dict[str, float]) -> None:
    at = np.arange(len(names))
    axes.barh(at - 0.2, parts, 0.4, color=plots.ANOMALOUS, label="this payment")
    axes.barh(at + 0.2, [usual[name] for name in names], 0.4, color=plots.NORMAL, label="usual payments")
    axes.set_yticks(at, names)
    axes.invert_yaxis()
    axes.set(xlabel="contribution to the score")
    axes.legend()


PICTURES = {draw.__name__: draw for draw in (bottleneck, noise, unlabelled, members, calibration, kinds, alert)}


def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        print(name)
        figure = PICTURES[name]()
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
        figure.savefig(
            FOLDER / f"{name}.png", dpi=130, facecolor=GROUND, transparent=False, metadata={"Software": None}
        )


if __name__ == "__main__":
    main(sys.argv[1:])
