"""Compares an export with the Keras model it was made of."""

import numpy as np
import tensorflow as tf

from tf_lift.evaluation.evaluate import StagePoses

__all__ = ["max_abs_difference"]


def max_abs_difference(path, poses: StagePoses, images) -> float:
    """Loads an export and runs both on the same images.

    Args:
        path: Folder of the export.
        poses: Runs the model that it was made of.
        images: Array of shape `[N, image_size, image_size, 3]`, 0 to 255.

    Returns:
        Largest absolute difference of landmarks (px) and joints_3d (mm).
    """
    exported = tf.saved_model.load(str(path)).signatures["serving_default"]
    served = exported(image=tf.constant(images, tf.float32))
    expected = poses(images)[poses.network.stages[-1]]
    return max(
        float(np.abs(served[key].numpy() - expected[key]).max())
        for key in ("landmarks", "joints_3d")
    )
