"""Errors of poses and landmarks as Keras metrics.

Each metric is the mean over poses of an error of `tf_lift.ops.errors`. Joints with a NaN target do
not count, nor do joints of weight 0 in a `sample_weight` of shape `[B, L]` (bool or weights >= 0,
passed on by `weighted_metrics` in `compile`). A `sample_weight` of shape `[B]` or `[B, 1]` weights
the poses. A pose without a visible joint has weight 0; if no pose is left, the result is 0.
"""

import tensorflow as tf

from tf_lift.ops import errors

__all__ = ["MPJPE", "NMPJPE", "PAMPJPE", "PCK3D", "LandmarkError"]


class _PoseMetric(tf.keras.metrics.Mean):
    """Averages over poses the error that `_error` computes."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        visibility, pose_weight = _split_weight(sample_weight, y_true)
        error = self._error(y_pred, y_true, visibility)
        visible = errors.num_visible(y_true, visibility) > 0
        weight = tf.cast(visible, error.dtype)
        if pose_weight is not None:
            weight *= tf.cast(pose_weight, error.dtype)
        return super().update_state(error, sample_weight=weight)

    def _error(self, predicted, true, visibility):
        raise NotImplementedError


def _split_weight(sample_weight, y_true):
    """Returns the weights of joints `[B, L]` and of poses `[B]`; at most one is not `None`."""
    if sample_weight is None:
        return None, None
    sample_weight = tf.convert_to_tensor(sample_weight)
    shape, num_joints = sample_weight.shape, y_true.shape[-2]
    if shape.rank == 2 and shape[-1] == num_joints:
        return sample_weight, None
    if shape.rank == 2 and shape[-1] == 1:
        return None, sample_weight[:, 0]
    if shape.rank == 1:
        return None, sample_weight
    raise ValueError(
        f"`sample_weight` must have shape [batch], [batch, 1] or [batch, {num_joints}]. "
        f"Received: sample_weight.shape={tuple(shape)}"
    )


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class MPJPE(_PoseMetric):
    """Computes the mean per-joint position error in mm; poses have their origin at joint 0.

    Args:
        name: Name of the metric.
        **kwargs: Arguments of `tf.keras.metrics.Metric`.

    >>> metric = MPJPE()
    >>> metric.update_state(tf.zeros([1, 17, 3]), tf.fill([1, 17, 3], 100.0))
    >>> round(float(metric.result()), 1)
    173.2
    """

    def __init__(self, name: str = "mpjpe", **kwargs):
        super().__init__(name=name, **kwargs)

    def _error(self, predicted, true, visibility):
        return errors.mpjpe(predicted, true, visibility)


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class PAMPJPE(_PoseMetric):
    """Computes the mean error in mm after Procrustes alignment of the visible joints.

    Args:
        name: Name of the metric.
        **kwargs: Arguments of `tf.keras.metrics.Metric`.

    >>> metric = PAMPJPE()
    >>> metric.update_state(tf.eye(3)[tf.newaxis], 2.0 * tf.eye(3)[tf.newaxis] + 5.0)
    >>> round(float(metric.result()), 3)
    0.0
    """

    def __init__(self, name: str = "pa_mpjpe", **kwargs):
        super().__init__(name=name, **kwargs)

    def _error(self, predicted, true, visibility):
        return errors.pa_mpjpe(predicted, true, visibility)


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class NMPJPE(_PoseMetric):
    """Computes the mean error in mm at the best scale about joint 0.

    Args:
        name: Name of the metric.
        **kwargs: Arguments of `tf.keras.metrics.Metric`.

    >>> metric = NMPJPE()
    >>> metric.update_state(tf.eye(3)[tf.newaxis], 2.0 * tf.eye(3)[tf.newaxis])
    >>> float(metric.result())
    0.0
    """

    def __init__(self, name: str = "n_mpjpe", **kwargs):
        super().__init__(name=name, **kwargs)

    def _error(self, predicted, true, visibility):
        return errors.n_mpjpe(predicted, true, visibility)


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class PCK3D(_PoseMetric):
    """Computes the fraction of joints closer to the truth than a threshold.

    Args:
        threshold: Distance in mm.
        name: Name of the metric.
        **kwargs: Arguments of `tf.keras.metrics.Metric`.

    >>> metric = PCK3D(threshold=150.0)
    >>> metric.update_state(tf.zeros([1, 2, 3]), [[[0.0, 0.0, 100.0], [0.0, 0.0, 200.0]]])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, threshold: float = 150.0, name: str = "pck_3d", **kwargs):
        super().__init__(name=name, **kwargs)
        if not threshold > 0:
            raise ValueError(f"`threshold` must be positive. Received: threshold={threshold!r}")
        self.threshold = threshold

    def _error(self, predicted, true, visibility):
        return errors.pck3d(predicted, true, visibility, self.threshold)

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class LandmarkError(_PoseMetric):
    """Computes the mean distance of 2D landmarks in px.

    Args:
        name: Name of the metric.
        **kwargs: Arguments of `tf.keras.metrics.Metric`.

    >>> metric = LandmarkError()
    >>> metric.update_state([[[0.0, 0.0], [np.nan, 0.0]]], [[[3.0, 4.0], [9.0, 9.0]]])
    >>> float(metric.result())
    5.0
    """

    def __init__(self, name: str = "landmark_error", **kwargs):
        super().__init__(name=name, **kwargs)

    def _error(self, predicted, true, visibility):
        return errors.landmark_error(predicted, true, visibility)
