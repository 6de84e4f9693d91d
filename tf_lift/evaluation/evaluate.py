"""Errors of each stage of a lifting network on people whose true poses are known."""

import numpy as np
import tensorflow as tf

from tf_lift.data.pipeline import examples, targets
from tf_lift.models.lifting_cpm import describe
from tf_lift.ops import shapes
from tf_lift.ops.errors import pose_errors

__all__ = ["StagePoses", "evaluate_stages", "pose_error_means"]


class StagePoses:
    """Reads the pose off the belief maps of every stage.

    The network's own layers decode and lift the maps of every stage, as they do those of
    the last stage for the network's result. The first call traces a graph: keep the object.

    Args:
        model: Model that `tf_lift.build_lifting_cpm` built, also one read from a file.

    Raises:
        ValueError: If the model is not a lifting network.
    """

    def __init__(self, model: tf.keras.Model):
        self.model = model
        self.network = describe(model)
        self._decoder = model.get_layer("decoder")
        self._lift = model.get_layer("lift")
        size = self.network.image_size
        signature = [tf.TensorSpec([None, size, size, 3], tf.uint8, name="image")]
        self._predict = tf.function(self._poses, input_signature=signature)

    def __call__(self, images, batch_size: int = 32) -> dict[str, dict[str, np.ndarray]]:
        """Computes the poses of all stages.

        Args:
            images: Array of shape `[N, image_size, image_size, 3]`, uint8.
            batch_size: Number of images that the network takes at once.

        Returns:
            Dict by stage name of dicts of `landmarks` `[N, num_joints, 2]` (px) and `joints_3d`
            `[N, num_joints, 3]` (mm, camera frame, origin at joint 0).

        Raises:
            ValueError: If the images have another shape, or the array is empty.
        """
        size = self.network.image_size
        images = np.asarray(images)
        shapes.check_shape(images, "images", None, size, size, 3)
        shapes.check_not_empty(images, "images")
        batches = [
            self._predict(tf.constant(images[first : first + batch_size]))
            for first in range(0, len(images), batch_size)
        ]
        return {
            stage: {
                key: np.concatenate([batch[stage][key].numpy() for batch in batches])
                for key in ("landmarks", "joints_3d")
            }
            for stage in self.network.stages
        }

    def _poses(self, images):
        features = {"image": examples.normalise(images)}
        if self.network.centre_map:
            size = self.network.image_size
            middle = tf.fill([tf.shape(images)[0], 2], (size - 1) / 2)
            features["centre_map"] = targets.centre_maps(middle, size)
        outputs = self.model(features, training=False)
        poses = {}
        for stage in self.network.stages:
            landmarks = self._decoder(outputs[stage])
            poses[stage] = {
                "landmarks": landmarks,
                "joints_3d": self._lift(landmarks)["joints_3d"],
            }
        return poses


def evaluate_stages(poses: StagePoses, people: dict, batch_size: int = 32) -> list[dict]:
    """Measures the errors of each stage.

    Args:
        poses: `StagePoses` of the network.
        people: Dict of `image` `[N, size, size, 3]` uint8, `landmarks` `[N, L, 2]` px and
            `joints_3d` `[N, L, 3]` mm, as `data.synthetic.pool.render_pool` returns it.
        batch_size: Number of images that the network takes at once.

    Returns:
        One dict for each stage, in order: its name (`stage`) and its `pose_error_means`.
    """
    predicted = poses(people["image"], batch_size)
    return [
        {"stage": stage, **pose_error_means(**predicted[stage], people=people)}
        for stage in poses.network.stages
    ]


def pose_error_means(landmarks, joints_3d, people: dict) -> dict[str, float]:
    """Computes the mean 2D and 3D errors over people; hidden joints count as well.

    Args:
        landmarks: Array of shape `[N, L, 2]`, px.
        joints_3d: Array of shape `[N, L, 3]`, mm, camera frame, origin at joint 0.
        people: True poses: dict of `landmarks` and `joints_3d` of the same shapes.

    Returns:
        Dict of `landmark_error_px`, `mpjpe_mm`, `pa_mpjpe_mm` (after Procrustes
        alignment) and `n_mpjpe_mm` (after scaling).

    >>> truth = {"landmarks": np.zeros([2, 17, 2]), "joints_3d": np.ones([2, 17, 3])}
    >>> errors = pose_error_means(truth["landmarks"] + [3, 4], truth["joints_3d"], truth)
    >>> errors["landmark_error_px"], errors["mpjpe_mm"]
    (5.0, 0.0)
    """

    def mean(error, predicted, key):
        predicted = tf.cast(predicted, tf.float32)
        true = tf.cast(people[key], tf.float32)
        return float(tf.reduce_mean(error(predicted, true)))

    return {
        "landmark_error_px": mean(pose_errors.landmark_error, landmarks, "landmarks"),
        "mpjpe_mm": mean(pose_errors.mpjpe, joints_3d, "joints_3d"),
        "pa_mpjpe_mm": mean(pose_errors.pa_mpjpe, joints_3d, "joints_3d"),
        "n_mpjpe_mm": mean(pose_errors.n_mpjpe, joints_3d, "joints_3d"),
    }
