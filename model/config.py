"""Every choice that training leaves open, with the value that it has unless somebody chooses another."""

from dataclasses import dataclass
from typing import Literal, get_args

from eddy.model.errors import EddyError
from eddy.model.serving.calibration import check_rate

Loss = Literal["huber", "mse"]
Parts = Literal["combined", "balanced", "both", "network", "inputs"]
NetworkInput = Literal["whitened", "standardised"]
Score = Literal["whitened", "mse"]

CALIBRATION_ROWS = 200_000
"""Rows at most that serve the calibration, beside those held out: what a sample leaves over of a large table."""


class ConfigError(EddyError, ValueError):
    """A setting of training that cannot be; the message says which, what was received and what to do."""


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of training. The same rows, settings and seed give the same scores, bit by bit, on one machine.

    Args:
        alert_rate: the share of normal transactions that the model's own threshold flags.
        contamination: the share of the training rows that may be frauds nobody has labelled. 0: the rows are known to
            be clean; nothing is trimmed, which suits normal data of many kinds better.
        parts: what the score counts: how unusual a row is by itself ("inputs"), what the networks could not
            reconstruct ("network"), or both; "balanced" adds what is far out in a single feature to what the networks
            could not reconstruct, on a scale on which no single feature can decide alone; "combined" also counts the
            distance to what is usual, each part in units of its own spread, and lets a value far beyond all that was
            learned decide alone (`model.components.combination`). Where all features are surprisals of categories, 2
            to 64 of them, "combined" and "balanced" need no network: they count how unusual each level is beside those
            of the other fields (`model.components.category_pairs`).
        network_input: what the networks see: features whitened and compressed, or only standardised.
        score: "whitened", or the textbook's mean squared error ("mse") of one standardised network, to compare with.
        loss: what the networks are trained on.
        members: networks that differ in their seed; their scores are averaged.
        hidden: widths of the layers between input and bottleneck, mirrored behind it; by default (1.5 d,
            0.75 d) of d features, at most (192, 96).
        bottleneck: numbers that a network must make do with; by default three tenths of the features.
        clusters: instead of networks, that many Gaussian clusters: for clean data of many kinds. 0: none.
        features: groups of features to use (`model.features.encoder.GROUPS`); by default all that the schema has fields
        for.
        hinge: count only amounts above the usual, not those below.
        steps, batch: how long the networks learn, and from how many rows at once.
        sample_rows: from a larger table that many rows are drawn at random; 0: all are used.
        held_out: the share of rows, at most `held_out_rows`, that the networks are not trained on: for whitening of
            what they miss, and for calibration. It is 500 rows at least, or half of a small table.
        keep_labelled: learn from rows labelled as anomalies too, to see what frauds without a label do.
        seed: of everything random.

    Raises:
        ConfigError: a value cannot be.
        ThresholdError: the alert rate is no share.
    """

    alert_rate: float = 0.001
    contamination: float = 0.01
    parts: Parts = "combined"
    network_input: NetworkInput = "whitened"
    score: Score = "whitened"
    loss: Loss = "huber"
    members: int = 3
    hidden: tuple[int, ...] | None = None
    bottleneck: int | None = None
    clusters: int = 0
    features: tuple[str, ...] | None = None
    hinge: bool = False
    steps: int = 3_000
    batch: int = 512
    sample_rows: int = 200_000
    held_out: float = 0.2
    held_out_rows: int = 30_000
    keep_labelled: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_rate(self.alert_rate)
        for name, choices in (
            ("parts", get_args(Parts)),
            ("network_input", get_args(NetworkInput)),
            ("score", get_args(Score)),
            ("loss", get_args(Loss)),
        ):
            _require(getattr(self, name) in choices, name, f"one of {', '.join(choices)}", getattr(self, name))
        _require(0 <= self.contamination <= 0.1, "contamination", "a share from 0 to 0.1", self.contamination)
        _require(0 < self.held_out < 0.9, "held_out", "a share between 0 and 0.9", self.held_out)
        _require(1 <= self.members <= 32, "members", "from 1 to 32", self.members)
        _require(0 <= self.clusters <= 1_000, "clusters", "from 0 (none) to 1,000", self.clusters)
        _require(
            self.sample_rows == 0 or self.sample_rows >= 500, "sample_rows", "0 (all) or 500 and more", self.sample_rows
        )
        for name in ("steps", "batch", "held_out_rows"):
            _require(getattr(self, name) >= 1, name, "1 or more", getattr(self, name))
        _require(self.bottleneck is None or self.bottleneck >= 1, "bottleneck", "1 or more", self.bottleneck)
        widths = self.hidden or (1,)
        _require(all(1 <= width <= 4_096 for width in widths), "hidden", "widths from 1 to 4,096", self.hidden)
        _require(0 <= self.seed < 2**31, "seed", "from 0 to 2,147,483,647", self.seed)


def _require(holds: bool, name: str, wanted: str, received: object) -> None:
    if not holds:
        raise ConfigError(f"{name.replace('_', '-')} is {wanted}; received {received!r}")


DEFAULTS = TrainingConfig()
