"""The network, in Keras: it learns to reconstruct normal transactions from a few numbers, and fails at strange ones.

The only module that imports Keras and TensorFlow, and only when a network is built: that takes seconds and 600 MB.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]
Progress = Callable[[int, int, float], None]
"""Called with steps done, steps in all, mean loss of the last ones."""

REPORT_STEPS = 50


@dataclass(frozen=True)
class Layer:
    """One dense layer: activation(x weights + bias); the activation is "elu" or "linear"."""

    weights: Floats32
    bias: Floats32
    activation: str


class Autoencoder:
    """A dense autoencoder d - 2d - d - z - d - 2d - d on features u [n, d].

    Args:
        features: d.
        bottleneck: z, by default three tenths of d.
        seed: of everything random, here and in `fit`.
    """

    def __init__(self, features: int, bottleneck: int | None = None, seed: int = 0) -> None:
        keras = _keras()
        keras.utils.set_random_seed(seed)
        narrow = bottleneck or max(1, round(0.3 * features))
        wide, middle = min(256, 2 * features), min(128, features)
        sizes = [(wide, "elu"), (middle, "elu"), (narrow, "linear"), (middle, "elu"), (wide, "elu")]
        dense = [keras.layers.Dense(size, activation=activation) for size, activation in sizes]
        last = keras.layers.Dense(features, activation="linear")
        self._model = keras.Sequential([keras.layers.Input((features,)), *dense, last], name="autoencoder")
        self._seed = seed

    def fit(self, rows: Floats32, steps: int, batch: int = 512, progress: Progress | None = None) -> float:
        """Trains on rows [n, d] for so many steps, each on a batch drawn with replacement; gives the last loss.

        Huber loss, Adam with cosine decay of its rate. The same rows, seed and steps give the same weights.
        """
        keras = _keras()
        together = min(REPORT_STEPS, steps)
        epochs = max(1, round(steps / together))
        rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * together, alpha=0.02)
        self._model.compile(
            optimizer=keras.optimizers.Adam(rate, clipnorm=5.0),
            loss=keras.losses.Huber(delta=1.0),
            steps_per_execution=together,
        )
        batches = _batches(rows, epochs * together, min(batch, len(rows)), self._seed)
        report = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: (
                progress and progress((epoch + 1) * together, epochs * together, logs["loss"])
            )
        )
        history = self._model.fit(
            batches, epochs=epochs, steps_per_epoch=together, verbose=0, shuffle=False, callbacks=[report]
        )
        return float(history.history["loss"][-1])

    def reconstruct(self, rows: Floats32) -> Floats32:
        """What the network makes of rows [n, d]."""
        parts = [np.asarray(self._model(rows[start : start + 8_192])) for start in range(0, len(rows), 8_192)]
        return np.concatenate(parts) if parts else rows

    def layers(self) -> tuple[Layer, ...]:
        """The trained layers, first to last."""
        dense = [layer for layer in self._model.layers if layer.weights]
        return tuple(_layer(layer) for layer in dense)

    def to_bytes(self) -> bytes:
        """The network as a `.keras` file."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "autoencoder.keras"
            self._model.save(path)
            return path.read_bytes()


def _batches(rows: Floats32, steps: int, batch: int, seed: int) -> Any:
    """A dataset of `steps` random batches as (input, target); drawn in one go, so that a step costs one gather."""
    import tensorflow as tf

    places = tf.constant(np.random.default_rng(seed).integers(len(rows), size=(steps, batch), dtype=np.int32))
    table = tf.constant(rows)

    def draw(step: Any) -> Any:
        chosen = tf.gather(table, places[step])
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


def _layer(dense: Any) -> Layer:
    weights, bias = dense.get_weights()
    return Layer(weights, bias, dense.activation.__name__)
