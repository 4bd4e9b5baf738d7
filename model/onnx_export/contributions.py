"""The part of the scoring graph that says what each field adds to the score; the same as `ScoreModel.contributions`."""

import numpy as np

from eddy.model.components.attribution import traced
from eddy.model.components.score_model import TINY, ScoreModel
from eddy.model.onnx_export.builder import Value, total
from eddy.model.onnx_export.combination import shared
from eddy.model.onnx_export.terms import Terms
from eddy.model.schema.schema import TransactionSchema


def contributions(schema: TransactionSchema, model: ScoreModel, terms: Terms, score: Value) -> Value:
    """Contributions [rows, fields] in float64; they add up to the score [rows, 1]."""
    belongs = model.encoder.field_of_feature[:, None] == np.arange(len(schema.scored))
    features = total(terms.parts) if model.pairs is not None else _by_feature(model, terms)
    fields: Value = (features @ belongs.astype(np.float32)).cast(np.float64)
    # float32 leaves a millionth; what adds up to the score is to add up to it.
    return fields * (score / fields.row_sums().op("Max", TINY))


def _by_feature(model: ScoreModel, terms: Terms) -> Value:
    if model.combination is not None:
        terms = shared(model.combination, terms)
    whitened = model.clusters is not None or model.network_input == "whitened"
    of_network = _of_network(model, terms)
    of_white = [*([terms.inputs] if terms.inputs else []), *(of_network if whitened else [])]
    parts = [] if whitened else of_network
    if of_white:
        assert terms.x is not None
        parts.append(traced(total(of_white), terms.x - model.inputs.center, model.inputs.matrix))
    return total([*parts, *(part for part in (terms.tail_scores, terms.lacking, terms.distance) if part)])


def _of_network(model: ScoreModel, terms: Terms) -> list[Value]:
    """What the networks' part owes to each feature of u, by network."""
    if terms.network is None or not terms.missed:
        return [terms.network] if terms.network else []
    assert model.residuals is not None
    assert terms.u is not None
    of_one = terms.network / total(terms.missed).op("Max", TINY)
    u, each = terms.u, zip(terms.missed, terms.rebuilt, model.residuals, strict=True)
    return [traced(of_one * missed, u - rebuilt - w.center, w.matrix) for missed, rebuilt, w in each]
