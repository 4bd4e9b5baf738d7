"""What a score is made of in the scoring graph, by its values."""

from typing import NamedTuple

from eddy.model.onnx_export.builder import Value


class Terms(NamedTuple):
    """What the score was made of: values [rows, d], None where there is none.

    Args:
        network, inputs, tail_scores: the parts of the score, weighted. That of clusters, pairs or squared errors stands
            under network.
        x: features. u: the networks' input; clipped: the same within its bounds; hidden: their last hidden layers;
            rebuilt: their reconstructions.
        missed: by network, what it missed, whitened, in any unit.
        center: of the cluster that explains the row best.
        lacking: what missing values add to the score.
        combined: what the three parts of the default score add to it [rows, 3]; compressed: features as prototypes
            have them. Then network and tail_scores are parts before they are weighted, until they are shared out; that
            of the distance stands under distance.
    """

    network: Value | None = None
    inputs: Value | None = None
    tail_scores: Value | None = None
    x: Value | None = None
    u: Value | None = None
    clipped: Value | None = None
    hidden: tuple[Value, ...] = ()
    rebuilt: tuple[Value, ...] = ()
    missed: tuple[Value, ...] = ()
    center: Value | None = None
    lacking: Value | None = None
    combined: Value | None = None
    compressed: Value | None = None
    distance: Value | None = None

    @property
    def parts(self) -> list[Value]:
        if self.combined is not None:
            return [self.combined]
        return [part for part in (self.inputs, self.network, self.tail_scores, self.lacking) if part is not None]
