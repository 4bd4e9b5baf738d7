"""Models of the same rows that differ in their settings, trained side by side: quick, and never stored.

Each is learned as in `model.training.fit.learn`, but for what only a stored model needs: the scoring graph,
calibration, probe. Their networks are members of one `Autoencoder`: what TensorFlow needs to get going for a network
takes longer than a quick training, and is so paid once.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from eddy.model.components import gaussian_clusters
from eddy.model.components.autoencoder import Autoencoder
from eddy.model.components.score_model import ScoreModel
from eddy.model.config import TrainingConfig
from eddy.model.schema.columns import Columns
from eddy.model.schema.schema import TransactionSchema
from eddy.model.training.preprocessing import Groundwork, lay

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Scoring = Callable[[Columns], Floats]
"""From n transactions to their scores [n]."""
Told = Callable[[float], None]
"""Called with the share that is done."""


def side_by_side(
    learned: Columns,
    held_out: Columns,
    schema: TransactionSchema,
    configs: Sequence[TrainingConfig],
    times: int,
    told: Told,
) -> list[list[Scoring]]:
    """Learns models of one network each, for each of the settings so many times, and gives what each scores by.

    Of the settings, those may differ that are no matter of how networks are trained: features, hinge, contamination,
    parts, network input, score. What is random differs each time, by the seed of the first settings.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    grounds = []
    for place, config in enumerate(configs):
        grounds.append(lay(learned, held_out, schema, config))
        told(0.1 * (place + 1) / len(configs))
    every = [each for each in grounds for _ in range(times)]
    found = _with_clusters(every, told) if configs[0].clusters else _with_networks(every, told)
    return [found[start : start + times] for start in range(0, len(found), times)]


def _with_clusters(grounds: Sequence[Groundwork], told: Told) -> list[Scoring]:
    found = []
    for place, each in enumerate(grounds):
        grouped = gaussian_clusters.fit(each.white, each.config.clusters, (each.config.seed + place) % 2**31)
        found.append(_scoring(each.model(clusters=grouped), np.asarray))
        told(0.1 + 0.9 * (place + 1) / len(grounds))
    return found


def _with_networks(grounds: Sequence[Groundwork], told: Told) -> list[Scoring]:
    config = grounds[0].config
    features = [each.u.shape[1] for each in grounds]
    network = Autoencoder(features, hidden=config.hidden, bottleneck=config.bottleneck, seed=config.seed)
    network.fit(
        _padded([each.u for each in grounds]),
        _padded([each.u_held_out for each in grounds]),
        config.steps,
        config.batch,
        config.loss,
        trim=[5 * each.config.contamination for each in grounds],
        progress=lambda step: told(0.1 + 0.8 * step.done / step.of),
    )
    answers = network.reconstruct(_padded([each.shown for each in grounds]))
    found = []
    for place, (each, answer) in enumerate(zip(grounds, answers, strict=True)):
        # What is scored by `reconstruct` needs no layers.
        model = each.model(residuals=each.residuals([answer[:, : features[place]]]))
        found.append(_scoring(model, _alone(network, place, features)))
    told(1.0)
    return found


def _padded(rows: Sequence[Floats32]) -> Floats32:
    """Rows [n, d] of each member, with zeros behind those that are narrower: [m, n, widest d]."""
    widest = max(each.shape[1] for each in rows)
    return np.array([np.pad(each, ((0, 0), (0, widest - each.shape[1]))) for each in rows])


def _alone(network: Autoencoder, member: int, features: Sequence[int]) -> Callable[[Floats32], Floats32]:
    """What one member makes of rows u [n, d] of its own: [1, n, d]."""

    def reconstruct(u: Floats32) -> Floats32:
        rows = np.zeros((len(features), len(u), max(features)), np.float32)
        rows[member, :, : features[member]] = u
        return network.reconstruct(rows)[member : member + 1, :, : features[member]]

    return reconstruct


def _scoring(model: ScoreModel, reconstruct: Callable[[Floats32], Floats32]) -> Scoring:
    return lambda columns: model.score(columns, reconstruct)
