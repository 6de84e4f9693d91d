"""Keras callbacks of a run: learning rate and time, validation, checkpoints. Internal."""

import pathlib
import time
from collections.abc import Callable

import h5py
import numpy as np
import tensorflow as tf

from tf_lift.io import atomic
from tf_lift.training import optimizers
from tf_lift.training.checkpoints import RunCheckpoint
from tf_lift.training.config import TrainConfig

__all__ = ["Checkpoints", "Progress", "Validation"]


class Progress(tf.keras.callbacks.Callback):
    """Sets the learning rate, counts steps and seconds, and ends the run in time.

    Progress is the larger of two fractions, of the steps and of the time limit, so that the
    learning rate reaches its end when either runs out.

    Args:
        config: Settings of the run.
        checkpoint: Holds the counts, so that a resumed run continues where it stopped.
        seconds: Time limit of training, `None` for no limit.
    """

    def __init__(self, config: TrainConfig, checkpoint: RunCheckpoint, seconds: float | None):
        super().__init__()
        self.config = config
        self.checkpoint = checkpoint
        self.limit = seconds
        self._begin: float | None = None
        self._before = float(checkpoint.seconds)

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, 0 to 1."""
        return self._fraction(int(self.checkpoint.step))

    def _fraction(self, step):
        fraction = step / self.config.steps
        if self.limit is not None:
            fraction = max(fraction, self._seconds() / max(self.limit, 1e-6))
        return min(fraction, 1.0)

    def on_train_batch_begin(self, batch, logs=None):
        # The rate at the middle of the step: at its beginning, the rate of the first step,
        # which may be the only one, would be 0.
        middle = self._fraction(int(self.checkpoint.step) + 0.5)
        rate = optimizers.learning_rate(self.config, middle)
        self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch, logs=None):
        if self._begin is None:
            # The first step also traces the graph, which is no measure of the other steps.
            # The limit counts from here; the caller has set time aside for tracing.
            self._begin = time.perf_counter()
        self.checkpoint.step.assign_add(1)
        self.checkpoint.seconds.assign(self._seconds())
        if self.fraction >= 1.0:
            self.model.stop_training = True

    def _seconds(self):
        since = 0.0 if self._begin is None else time.perf_counter() - self._begin
        return self._before + since


class Validation(tf.keras.callbacks.Callback):
    """Measures errors after every epoch and keeps the best weights.

    Adds the errors to the epoch's logs, with `val_` before each name.

    Args:
        measure: Function from the model to a dict of errors.
        monitor: Name of the error that decides which weights are best.
        checkpoint: Holds the lowest value of this error so far.
        path: File for the weights with the lowest value, `....weights.h5`.
    """

    def __init__(self, measure: Callable[[tf.keras.Model], dict], monitor: str, checkpoint, path):
        super().__init__()
        self.measure = measure
        self.monitor = monitor
        self.checkpoint = checkpoint
        self.path = pathlib.Path(path)

    def on_epoch_end(self, epoch, logs=None):
        errors = self.measure(self.model)
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in errors.items()})
        # NaN compares as no improvement, so that diverged weights are never the best.
        if errors[self.monitor] < float(self.checkpoint.best_error):
            self.checkpoint.best_error.assign(errors[self.monitor])
            with atomic.replacing(self.path, read_back=_read_arrays) as temporary:
                self.model.save_weights(temporary)


def _read_arrays(path):
    """Reads all arrays of an HDF5 file, which fails where the file is short."""

    def read(_, item):
        if isinstance(item, h5py.Dataset):
            item.read_direct(np.empty(item.shape, item.dtype))

    with h5py.File(path) as file:
        file.visititems(read)


class Checkpoints(tf.keras.callbacks.Callback):
    """Saves a checkpoint after every epoch; list it after `Validation`.

    Args:
        checkpoint: Checkpoint to save.
    """

    def __init__(self, checkpoint: RunCheckpoint):
        super().__init__()
        self.checkpoint = checkpoint

    def on_epoch_end(self, epoch, logs=None):
        self.checkpoint.save()
