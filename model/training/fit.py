"""From the columns of normal transactions to a model, as one readable sequence."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as installed_version

import numpy as np

from eddy.model.arrays import Indices
from eddy.model.components import category_pairs, gaussian_clusters
from eddy.model.components.autoencoder import Autoencoder, Step
from eddy.model.components.score_model import ScoreModel, to_network_input
from eddy.model.config import DEFAULTS, TrainingConfig
from eddy.model.data import sentinels
from eddy.model.features.encoder import SetAside
from eddy.model.onnx_export import graph
from eddy.model.progress import ProgressCallback
from eddy.model.schema.schema import NUMBER_MAX, Columns, Kind, TransactionSchema
from eddy.model.serving.artifact import GRAPH, NETWORK, REPORT, ArtifactStore, Manifest, Probe
from eddy.model.serving.calibration import Calibration
from eddy.model.serving.detector import Detector
from eddy.model.serving.scorer import Scorer
from eddy.model.training import preprocessing
from eddy.model.training.assemble import assemble
from eddy.model.training.diagnostics import TrainingDiagnostics, evenly_sampled, unseen_levels
from eddy.model.training.fit_calibration import calibrate
from eddy.model.training.split import split

PROBE_ROWS = 32
FEWEST_PER_FEATURE = 10
DIAGNOSTIC_ROWS = 5_000
LIBRARIES = ("eddy-stream", "numpy", "scikit-learn", "scipy", "keras", "tensorflow", "onnx", "onnxruntime")


@dataclass(frozen=True, eq=False)
class Learned:
    """A model before it is stored: what goes into the artifact, and what reports are drawn from.

    `learned` and `held_out` are indices of the columns that it was learned from; `notes` are sentences on how.
    """

    schema: TransactionSchema
    config: TrainingConfig
    graph: bytes
    keras: bytes | None
    calibration: Calibration
    probe: Probe
    diagnostics: TrainingDiagnostics
    learned: Indices
    held_out: Indices
    notes: tuple[str, ...] = ()

    @property
    def loss(self) -> float | None:
        """On held-out rows, the least that was reached; None where there is no network."""
        return min((held_out for _, _, held_out in self.diagnostics.history), default=None)

    def detector(self, version: str = "not stored") -> Detector:
        """This model under the threshold of its own alert rate."""
        scorer = Scorer(self.graph, self.schema.scored)
        threshold = self.calibration.threshold(self.config.alert_rate)
        return Detector(version, self.schema, scorer, self.calibration, threshold)


def learn(
    columns: Columns,
    schema: TransactionSchema,
    config: TrainingConfig = DEFAULTS,
    on_progress: ProgressCallback = lambda *_: None,
    anomalies: Columns | None = None,
) -> Learned:
    """Learns a model from the columns of n normal transactions (`model.training.prepare.prepare`).

    Args:
        anomalies: labelled ones, for the diagnostics; nothing is learned from them.

    Raises:
        ConfigError: the settings make nothing of these columns.
    """
    rows = split(len(columns), config)
    learned, held_out = columns[rows.learned], columns[rows.held_out]

    on_progress("learning the features", 0.02)
    prepared = preprocessing.fit_preprocessing(learned, held_out, schema, config)

    network, cross_fitted = None, None
    history: tuple[Step, ...] = ()
    if preprocessing.suits_pairs(prepared.encoder, config):
        on_progress("counting pairs of categories", 0.1)
        model = prepared.model(pairs=category_pairs.fit(learned.categorical, prepared.encoder.categories))
    elif config.clusters:
        on_progress("looking for clusters", 0.1)
        model = prepared.model(clusters=gaussian_clusters.fit(prepared.white, config.clusters, config.seed))
    else:
        on_progress("starting TensorFlow", 0.05)
        network = Autoencoder(prepared.u.shape[1], config.members, config.hidden, config.bottleneck, config.seed)
        history = network.fit(
            prepared.u,
            prepared.u_held_out,
            config.steps,
            config.batch,
            config.loss,
            trim=5 * config.contamination,
            on_progress=lambda step: on_progress(f"training, loss {step.loss:.4f}", 0.2 + 0.7 * step.done / step.of),
        )
        on_progress("learning what the networks miss", 0.9)
        model, cross_fitted = assemble(prepared, network.reconstruct, network.members())

    on_progress("calibrating", 0.93)
    scoring = graph.build(schema, model)
    scorer = Scorer(scoring, schema.scored)
    scores = scorer.score(columns[rows.calibration], explain=False).score
    if cross_fitted is not None:
        scores[: len(cross_fitted)] = cross_fitted
    calibration = calibrate(scores)

    on_progress("checking the scoring graph", 0.97)
    probe = _probe_rows(held_out)
    probe_score = scorer.score(probe).score
    graph.check_parity(model.score(probe, network.reconstruct if network else np.asarray), probe_score)
    return Learned(
        schema=schema,
        config=config,
        graph=scoring,
        keras=network.to_bytes() if network else None,
        calibration=calibration,
        probe=Probe.of(probe, probe_score),
        diagnostics=_diagnose(
            model, scorer, network, held_out, anomalies, [(s.done, s.loss, s.held_out_loss) for s in history]
        ),
        learned=rows.learned,
        held_out=rows.held_out,
        notes=(
            *_notes_on_sentinels(columns, schema, prepared.encoder.aside),
            *(_notes_on_pairs(model.pairs, schema) if model.pairs else _notes_on_rows(*prepared.u_held_out.shape)),
        ),
    )


def save(model: Learned, store: ArtifactStore, created_at: datetime, report: str | None = None) -> str:
    """Stores a model as an artifact, with a report (HTML) if there is one; gives its version.

    Raises:
        ArtifactError: the store cannot be written to.
    """
    draft = Manifest(
        created_at=created_at,
        fields=model.schema.fields,
        threshold=model.calibration.threshold(model.config.alert_rate),
        calibration=model.calibration,
        probe=model.probe,
        training={
            **asdict(model.config),
            "rows": len(model.learned),
            "rows_held_out": len(model.held_out),
            "held_out_loss": model.loss,
        },
        libraries={name: installed_version(name) for name in LIBRARIES},
    )
    files = {GRAPH: model.graph}
    files |= {NETWORK: model.keras} if model.keras is not None else {}
    files |= {REPORT: report.encode()} if report is not None else {}
    return store.add(draft, files)


def _diagnose(
    model: ScoreModel,
    scorer: Scorer,
    network: Autoencoder | None,
    held_out: Columns,
    anomalies: Columns | None,
    history: Sequence[tuple[int, float, float]],
) -> TrainingDiagnostics:
    """A look at the model from outside: some held-out rows and some anomalies, as it sees them."""
    normal = evenly_sampled(held_out, DIAGNOSTIC_ROWS)
    anomalous = held_out[:0] if anomalies is None else evenly_sampled(anomalies, DIAGNOSTIC_ROWS)
    latents = []
    for rows in (normal, anomalous):
        x = model.encoder.encode(rows)
        u = to_network_input(x, model.inputs.apply(x), model.network_input)
        latents.append(network.latent(u) if network else np.empty((len(rows), 0), np.float32))
    unseen = unseen_levels(model.encoder.categories, held_out)
    return TrainingDiagnostics(
        normal, scorer.score(normal), latents[0], anomalous, scorer.score(anomalous), latents[1], tuple(history), unseen
    )


def _notes_on_pairs(paired: category_pairs.Pairs, schema: TransactionSchema) -> tuple[str, ...]:
    """What the user should know of a model without networks that nobody has asked for."""
    how = (
        "All fields are categories: each counts by how unusual its level is beside those of the others, and no network "
        "was trained. With --parts both, network or inputs it is."
    )
    shared = ", ".join(f"{count:,} of {schema.categorical[index]}" for index, count in paired.together.items())
    rare = f"There are too many levels to count each beside all others: the rarest count as one there ({shared})."
    return (how, rare) if shared else (how,)


def _notes_on_sentinels(columns: Columns, schema: TransactionSchema, aside: SetAside) -> Iterator[str]:
    for index, values in aside.items():
        numbers, field = columns.numeric[:, index], schema.of_kind(Kind.NUMERIC)[index]
        for value in values:
            seen = sentinels.Sentinel(value, int((numbers == value).sum()), len(numbers))
            yield f"Column {sentinels.described(field.name, seen)}. It counts by how often it comes, not by its size."
        yield sentinels.remedy(field, values)


def _notes_on_rows(held_out: int, features: int) -> tuple[str, ...]:
    if held_out >= FEWEST_PER_FEATURE * features:
        return ()
    return (
        f"{held_out:,} held-out rows are few for {features:,} features: thresholds are uncertain. Train on more rows, "
        f"or on fewer columns; {FEWEST_PER_FEATURE * features:,} held-out rows would do.",
    )


def _probe_rows(columns: Columns) -> Columns:
    """Some rows, and some that no table has: missing values, zero, negative, extreme, a level never seen."""
    some = columns[np.arange(PROBE_ROWS) % len(columns)]
    numeric, categorical = some.numeric.copy(), some.categorical.copy()
    for row, value in enumerate((np.nan, 0.0, -1.0, -NUMBER_MAX, NUMBER_MAX)):
        numeric[row] = value
    categorical[5], categorical[6] = "\N{SNOWMAN} never seen", ""
    return Columns(numeric, categorical, some.timestamp)
