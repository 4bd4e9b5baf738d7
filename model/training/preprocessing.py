"""What is learned of the rows before there is a network, and what a model is put together from afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from eddy.model.arrays import Bools, Floats, Floats32
from eddy.model.components import tail_scores, whitening
from eddy.model.components.autoencoder import Layer
from eddy.model.components.category_pairs import Pairs, countable
from eddy.model.components.gaussian_clusters import Clusters
from eddy.model.components.score_model import ScoreModel, to_network_input
from eddy.model.components.whitening import Whitening
from eddy.model.config import TrainingConfig
from eddy.model.features import fit
from eddy.model.features.encoder import Encoder
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import TransactionSchema

OUTER_SHARE = 0.005
"""Of the rows, on either side, in which networks have not learned enough: their input is clipped there."""


@dataclass(frozen=True, eq=False)
class Preprocessed:
    """Features of the rows to learn from, x [n, d], whitened, and the networks' input u [n, d].

    Args:
        learned, held_out: rows to learn from, and rows held out.
        u_held_out: the networks' input for the rows held out [h, d].
        lowest, highest: bounds of u [d] between which the networks learn much.
    """

    config: TrainingConfig
    learned: Columns
    held_out: Columns
    encoder: Encoder
    inputs: Whitening
    x: Floats
    white: Floats
    u: Floats32
    u_held_out: Floats32
    lowest: Floats32
    highest: Floats32

    @property
    def clipped_held_out(self) -> Floats32:
        """The networks' input of the rows held out [h, d], within the bounds."""
        return np.clip(self.u_held_out, self.lowest, self.highest)

    def residuals(
        self, reconstructions: Iterable[Floats32], rows: Bools | slice = slice(None)
    ) -> tuple[Whitening, ...] | None:
        """The whitening of what each network misses of the rows held out; none for the textbook's squared error.

        Args:
            reconstructions: what each network makes of `clipped_held_out`, [h, d].
            rows: those held out that it is learned from.
        """
        if self.config.score == "mse":
            return None
        spread = self.u.std(axis=0, dtype=np.float64)
        unit = np.where(spread > 1e-9, spread, 1.0)
        share, steady = excluded_share(self.config), whitening.steady(self.x)
        missed = ((self.u_held_out - each)[rows].astype(np.float64) for each in reconstructions)
        return tuple(whitening.fit(each, unit, share, steady) for each in missed)

    def model(
        self,
        members: tuple[tuple[Layer, ...], ...] = (),
        residuals: tuple[Whitening, ...] | None = None,
        clusters: Clusters | None = None,
        pairs: Pairs | None = None,
    ) -> ScoreModel:
        """All that was learned, with the networks' layers and what they miss, or clusters, or pairs."""
        return ScoreModel(
            encoder=self.encoder,
            inputs=self.inputs,
            tail_scores=tail_scores.fit(self.x, self.encoder.upper),
            members=members,
            residuals=residuals,
            clusters=clusters,
            pairs=pairs,
            lowest=self.lowest,
            highest=self.highest,
            parts=self.config.parts,
            network_input=self.config.network_input,
        )


def suits_pairs(encoder: Encoder, config: TrainingConfig) -> bool:
    """Whether pairs of categories replace the networks: all features are categories, and no other score was chosen."""
    chosen = config.parts not in ("combined", "balanced") or config.score != "whitened" or config.clusters
    return not chosen and countable(len(encoder.categories.indices), len(encoder.field_of_feature))


def excluded_share(config: TrainingConfig) -> float:
    """The share of rows that whitening leaves out."""
    return max(0.01, 2 * config.contamination)


def fit_preprocessing(
    learned: Columns, held_out: Columns, schema: TransactionSchema, config: TrainingConfig
) -> Preprocessed:
    """Learns the features and their whitening.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    encoder = fit.fit(learned, schema, config.features, config.hinge)
    x, x_held_out = encoder.encode(learned), encoder.encode(held_out)
    inputs = whitening.fit(x, np.ones(x.shape[1]), excluded_share(config), whitening.steady(x))
    white = inputs.apply(x)
    u = to_network_input(x, white, config.network_input)
    outer = 0.0 if config.score == "mse" else OUTER_SHARE  # the textbook's network gets all that it has seen
    lowest, highest = np.quantile(u, (outer, 1.0 - outer), axis=0).astype(np.float32)
    return Preprocessed(
        config=config,
        learned=learned,
        held_out=held_out,
        encoder=encoder,
        inputs=inputs,
        x=x,
        white=white,
        u=u,
        u_held_out=to_network_input(x_held_out, inputs.apply(x_held_out), config.network_input),
        lowest=lowest,
        highest=highest,
    )
