"""The networks, in Keras: they learn to reconstruct normal transactions from a few numbers, and fail at anomalous ones.

The only module that imports Keras and TensorFlow, and only when a network is built: that takes seconds and 600 MB.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from eddy.model.arrays import Floats32, Indices

REPORT_STEPS = 50
CHECKED_ROWS = 4_096
"""Held-out rows that decide when to stop: enough to tell, few enough to cost nothing."""


@dataclass(frozen=True)
class Layer:
    """One dense layer: activation(x weights + bias); the activation is "tanh" or "linear"."""

    weights: Floats32
    bias: Floats32
    activation: str


@dataclass(frozen=True)
class Step:
    """How far the training is: loss on training rows (mean of the last steps) and on held-out rows."""

    done: int
    of: int
    loss: float
    held_out_loss: float


class Autoencoder:
    """Dense autoencoders on features u [n, d]: m members that differ in their start and in their batches.

    Members may also differ in their features; then each is shaped, and trained, as it would be by itself, on rows
    [m, n, d] of its own. Together they take little longer than one: starting a step costs more than its arithmetic.

    Args:
        features: d; or that of each member, and d is the largest: behind a member's own features its rows are 0.
        members: m, where `features` does not say it.
        hidden: widths from input to bottleneck, mirrored behind it; by default 1.5 d and 0.75 d, at most 192 and 96.
        bottleneck: z, by default three tenths of d.
        seed: of everything random, here and in `fit`.
    """

    def __init__(
        self,
        features: int | Sequence[int],
        members: int = 1,
        hidden: Sequence[int] | None = None,
        bottleneck: int | None = None,
        seed: int = 0,
    ) -> None:
        each = [features] * members if isinstance(features, int) else features
        sizes = np.array([_sizes(own, hidden, bottleneck) for own in each])
        self._to_latent = sizes.shape[1] // 2
        half = (*("tanh" for _ in range(self._to_latent - 1)), "linear")
        self._acts = (*half, *half)
        self._sizes = tuple(sizes.max(axis=0).tolist())
        self._members, self._seed = len(each), seed
        self._model = self._build()
        rng = np.random.default_rng(seed)
        for layer, (inner, outer) in zip(self._dense, pairwise(sizes.T), strict=True):
            weights = _start(inner, outer, rng)
            layer.set_weights([weights, np.zeros(weights.shape[::2], np.float32)])

    def fit(
        self,
        rows: Floats32,
        held_out: Floats32,
        steps: int,
        batch: int = 512,
        loss: str = "huber",
        trim: float | Sequence[float] = 0.0,
        on_progress: Callable[[Step], None] = lambda _: None,
    ) -> tuple[Step, ...]:
        """Trains on rows [n, d] or [m, n, d], each member on batches of its own, drawn with replacement; gives the
        history.

        Adam with cosine decay of its rate; ends early when the loss on held-out rows has not become smaller for a
        fifth of the steps, and keeps the best weights. The same rows, seed and settings give the same weights.

        Args:
            trim: the share of each batch that gives no gradient: the rows with the largest loss; or that of each
                member.
        """
        keras = _keras()
        together = min(REPORT_STEPS, steps)
        rounds = max(1, round(steps / together))
        rate = keras.optimizers.schedules.CosineDecay(2e-3, rounds * together, alpha=0.02)
        self._model.compile(
            optimizer=keras.optimizers.Adam(rate, clipnorm=5.0),
            loss=_trimmed(loss, trim),
            steps_per_execution=together,
        )
        history: list[Step] = []

        def record(epoch: int, logs: dict[str, float]) -> None:
            done, losses = (epoch + 1) * together, (float(logs["loss"]), float(logs["val_loss"]))
            history.append(Step(done, rounds * together, *losses))
            on_progress(history[-1])

        checked = self._as_input(held_out[..., :CHECKED_ROWS, :])
        self._model.fit(
            _batches(rows, rounds * together, min(batch, rows.shape[-2]), self._members, self._seed),
            epochs=rounds,
            steps_per_epoch=together,
            validation_data=(checked, checked),
            validation_batch_size=CHECKED_ROWS,
            verbose=0,
            shuffle=False,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_end=record),
                keras.callbacks.EarlyStopping(patience=max(5, rounds // 5), restore_best_weights=True),
            ],
        )
        return tuple(history)

    def reconstruct(self, rows: Floats32) -> Floats32:
        """What each member makes of rows [n, d] or [m, n, d]: [m, n, d]."""
        return self._through(self._model, rows)

    def latent(self, rows: Floats32) -> Floats32:
        """What the bottlenecks say of rows [n, d]: [n, m z], member by member."""
        keras = _keras()
        inner = self._dense[self._to_latent - 1].output
        latent = self._through(keras.Model(self._model.inputs[0], inner), rows)
        return np.concatenate(list(latent), axis=1)

    def members(self) -> tuple[tuple[Layer, ...], ...]:
        """The trained layers of each member, first to last."""
        weights = [layer.get_weights() for layer in self._dense]
        return tuple(
            tuple(Layer(w[member], b[member], act) for (w, b), act in zip(weights, self._acts, strict=True))
            for member in range(self._members)
        )

    def to_bytes(self) -> bytes:
        """The network as a `.keras` file, which Keras loads by itself: input and output are [n, m, d]."""
        bare = self._build()
        bare.set_weights(self._model.get_weights())
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "autoencoder.keras"
            bare.save(path)
            return path.read_bytes()

    def _build(self) -> Any:
        keras = _keras()
        widths = zip(self._sizes[1:], self._acts, strict=True)
        dense = [
            keras.layers.EinsumDense("bmi,mio->bmo", (self._members, width), activation=act, bias_axes="mo")
            for width, act in widths
        ]
        return keras.Sequential([keras.layers.Input((self._members, self._sizes[0])), *dense], name="autoencoder")

    @property
    def _dense(self) -> list[Any]:
        return [layer for layer in self._model.layers if layer.weights]

    def _as_input(self, rows: Floats32) -> Floats32:
        """The same rows [n, d] for every member, or the rows [m, n, d] of each: [n, m, d]."""
        return rows.transpose(1, 0, 2) if rows.ndim == 3 else np.repeat(rows[:, None, :], self._members, axis=1)

    def _through(self, model: Any, rows: Floats32) -> Floats32:
        starts = range(0, max(rows.shape[-2], 1), 8_192)
        parts = [np.asarray(model(self._as_input(rows[..., start : start + 8_192, :]))) for start in starts]
        return np.ascontiguousarray(np.concatenate(parts).transpose(1, 0, 2))


def _sizes(features: int, hidden: Sequence[int] | None, bottleneck: int | None) -> list[int]:
    """Widths of an autoencoder, from its input to its output."""
    before = list(hidden) if hidden else [min(192, round(1.5 * features)), min(96, max(1, round(0.75 * features)))]
    narrow = bottleneck or max(1, round(0.3 * features))
    return [features, *before, narrow, *reversed(before), features]


def _start(inner: Indices, outer: Indices, rng: np.random.Generator) -> Floats32:
    """Weights of a layer to begin with, Glorot's for members with these widths [m].

    Beyond a member's own width they are 0, on both sides of a unit that it does not have: nothing comes out of it and
    no gradient gets there, so they stay 0.
    """
    bound = np.sqrt(6 / (inner + outer))[:, None, None]
    weights = rng.uniform(-bound, bound, (len(inner), inner.max(), outer.max()))
    own = [np.arange(widths.max()) < widths[:, None] for widths in (inner, outer)]
    return np.asarray(weights * (own[0][:, :, None] & own[1][:, None, :]), np.float32)


def _trimmed(loss: str, trim: float | Sequence[float]) -> Any:
    """The loss of each row and member [b, m], 0 for the rows that are trimmed away; the rest makes up for them."""
    import tensorflow as tf

    trims = np.atleast_1d(np.asarray(trim, np.float32))

    def of_rows(target: Any, reconstruction: Any) -> Any:
        missed = tf.abs(target - reconstruction)
        each = 0.5 * missed**2 if loss == "mse" else tf.where(missed < 1.0, 0.5 * missed**2, missed - 0.5)
        rows = tf.reduce_mean(each, axis=2)
        if not trims.any():
            return rows
        batch = tf.cast(tf.shape(rows)[0], tf.float32)
        counts = tf.cast(tf.math.ceil(trims * batch), tf.int32)
        most = tf.reduce_max(counts)
        largest = tf.math.top_k(tf.transpose(rows), most).values
        limit = tf.reduce_min(tf.where(tf.sequence_mask(counts, most), largest, np.inf), axis=1)
        kept = tf.stop_gradient(tf.cast(rows < limit, tf.float32))
        return rows * kept / tf.maximum(tf.reduce_mean(kept, axis=0), 1e-6)

    return of_rows


def _batches(rows: Floats32, steps: int, batch: int, members: int, seed: int) -> Any:
    """A dataset of `steps` random batches [b, m, d] as (input, target); a step costs one gather."""
    import tensorflow as tf

    count, width = rows.shape[-2:]
    table = tf.constant(rows.reshape(-1, width))
    first = np.arange(0, len(table), count)  # of each member, where each has rows of its own

    def draw(step: Any) -> Any:
        key = tf.stack([tf.constant(seed, tf.int64), step])
        indices = tf.random.stateless_uniform((batch, members), key, 0, count, tf.int32)
        chosen = tf.gather(table, indices + first)
        return chosen, chosen

    return tf.data.Dataset.range(steps).map(draw).prefetch(4)


@cache
def _keras() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with _no_stderr():
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        tf.zeros(1)  # the first use of a device says more
    return keras


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """TensorFlow writes about drivers and oneDNN to the descriptor itself, before any log level counts."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
