"""Checkpoints from which an interrupted run continues. Internal."""

import pathlib

import tensorflow as tf

__all__ = ["RunCheckpoint"]


class RunCheckpoint:
    """Saves and restores weights, optimizer, steps and seconds of a run.

    TensorFlow first writes a checkpoint to new files and then replaces the file that names
    the latest one: a run killed at any moment leaves the previous checkpoint.

    Args:
        model: Compiled Keras model.
        folder: Folder of the checkpoints; the last two are kept.

    Attributes:
        step: `tf.Variable`, number of optimizer steps done.
        seconds: `tf.Variable`, seconds spent in training.
        best_error: `tf.Variable`, lowest validation error so far.
    """

    def __init__(self, model: tf.keras.Model, folder):
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.best_error = tf.Variable(float("inf"), dtype=tf.float64, trainable=False)
        # The optimizer's slots must exist before they can be restored.
        model.optimizer.build(model.trainable_variables)
        checkpoint = tf.train.Checkpoint(
            model=model,
            optimizer=model.optimizer,
            step=self.step,
            seconds=self.seconds,
            best_error=self.best_error,
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(pathlib.Path(folder)), max_to_keep=2
        )
        self._checkpoint = checkpoint

    @property
    def exists(self) -> bool:
        """Whether there is a checkpoint to restore."""
        return self._manager.latest_checkpoint is not None

    def save(self) -> None:
        """Writes a checkpoint."""
        self._manager.save(checkpoint_number=int(self.step))

    def restore(self) -> None:
        """Reads the latest checkpoint.

        Raises:
            ValueError: If there is no checkpoint, or it is of another network.
        """
        latest = self._manager.latest_checkpoint
        if latest is None:
            raise ValueError(
                f"`resume` must name a run with a checkpoint. Received: {self._manager.directory}"
            )
        try:
            self._checkpoint.restore(latest).assert_existing_objects_matched()
        except (AssertionError, tf.errors.OpError, ValueError) as error:
            raise ValueError(
                f"`resume` must name a run of the same network. Received: {latest} ({error})"
            ) from error
