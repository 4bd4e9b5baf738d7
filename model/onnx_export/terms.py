"""What a score is made of in the scoring graph, by the names of its values."""

from typing import NamedTuple


class Terms(NamedTuple):
    """What the score was made of: names of values [rows, d], empty where there is none.

    Args:
        x: features. u: what the networks see; within: what they are shown of it; hidden: their last hidden layers;
            rebuilt: what they made of it.
        inputs, network, tail_scores: the parts of the score, weighted. That of clusters, pairs or squared errors stands
            under network.
        strange: by network, what it missed, whitened, in any unit.
        center: of the cluster that explains the row best.
        lacking: what missing numbers add to the score.
        combined: what the three parts of the default score add to it [rows, 3]; compressed: features as prototypes
            have them. Then network and tail_scores are parts before they are weighted, until they are shared out; that
            of the distance stands under distance.
    """

    network: str = ""
    inputs: str = ""
    tail_scores: str = ""
    x: str = ""
    u: str = ""
    within: str = ""
    hidden: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    center: str = ""
    lacking: str = ""
    combined: str = ""
    compressed: str = ""
    distance: str = ""

    @property
    def parts(self) -> list[str]:
        if self.combined:
            return [self.combined]
        return [part for part in (self.inputs, self.network, self.tail_scores, self.lacking) if part]
