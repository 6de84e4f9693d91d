"""The layer that lifts landmarks with a trainable pose prior."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import soft_lifting
from tf_lift.prior import PosePrior

__all__ = ["TrainablePPCALifting"]

_SIZES = ("mixture_size", "num_bases", "num_joints")
# Poses are kept in decimetres: a step of 1e-3 by Adam then moves a joint by 0.1 mm, and
# the learning rates that suit other layers suit this one.
_MM = 100.0


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class TrainablePPCALifting(tf.keras.layers.Layer):
    """Lifts 2D landmarks to 3D with a pose prior whose parameters are trainable.

    Mean poses, bases and their standard deviations (together: loadings), noise and
    mixture weights are weights of the layer. The lift is the mean over all components
    and rotations, weighted by their probability, so gradients reach every parameter:
    the prior can be trained to lift, alone or at the end of a network. `prior()` returns the
    trained prior for `tf_lift.lift` and `PPCALifting`, which also accept missing landmarks;
    this layer needs all of them visible.

    Args:
        prior: `PosePrior` to start from. `None` only for a saved layer that is being restored:
            its sizes are then keyword arguments, and its values are in the saved weights.
        num_rotations: Number of angles about the vertical. A mean over angles needs fewer
            than the choice of one.
        temperature: Divides the log-probabilities of components and rotations, as in
            `tf_lift.LiftOptions`.
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        landmarks: Tensor of shape `[B, L, 2]`, (x right, y down), any unit.

    Returns:
        Tensor of shape `[B, L, 3]`, mm, camera frame, origin at joint 0.

    Raises:
        ValueError: If an argument does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2.
        docs/method.md, section 11.

    >>> layer = TrainablePPCALifting(tf_lift.PosePrior.load("cmu"), num_rotations=8)
    >>> layer(tf.random.normal([4, 17, 2])).shape, len(layer.trainable_variables)
    (TensorShape([4, 17, 3]), 4)
    """

    def __init__(
        self,
        prior: PosePrior | None = None,
        num_rotations: int = 32,
        temperature: float = 3.0,
        **kwargs,
    ):
        sizes = {name: kwargs.pop(name, None) for name in _SIZES}
        self.skeleton = kwargs.pop("skeleton", None)
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if num_rotations < 1:
            raise ValueError(f"`num_rotations` must be at least 1. Received: {num_rotations}")
        if not temperature > 0:
            raise ValueError(f"`temperature` must be positive. Received: {temperature}")
        if prior is not None:
            sizes = {name: getattr(prior, name) for name in _SIZES}
            self.skeleton = prior.skeleton
        elif None in sizes.values():
            raise ValueError("`prior` must be a PosePrior. Received: None")
        self.num_rotations = num_rotations
        self.temperature = temperature
        self.mixture_size = sizes["mixture_size"]
        self.num_bases = sizes["num_bases"]
        self.num_joints = sizes["num_joints"]
        size, joints = self.mixture_size, self.num_joints
        values = dict.fromkeys(("mean_pose", "loadings", "log_noise", "mixture_logits"), "zeros")
        if prior is not None:
            loadings = prior.basis * prior.stddev[..., np.newaxis, np.newaxis]
            values = {
                "mean_pose": _constant(prior.mean_pose / _MM),
                "loadings": _constant(loadings / _MM),
                "log_noise": _constant(np.log(prior.noise_stddev / _MM)),
                "mixture_logits": _constant(np.log(prior.mixture_weights)),
            }
        for name, shape in (
            ("mean_pose", (size, joints, 3)),
            ("loadings", (size, self.num_bases, joints, 3)),
            ("log_noise", (size,)),
            ("mixture_logits", (size,)),
        ):
            weight = self.add_weight(name=name, shape=shape, initializer=values[name])
            setattr(self, f"_{name}", weight)

    def call(self, landmarks):
        tables = soft_lifting.tables(
            tf.convert_to_tensor(self._mean_pose),
            tf.convert_to_tensor(self._loadings),
            tf.exp(self._log_noise),
            tf.nn.log_softmax(self._mixture_logits),
            self.num_rotations,
        )
        return _MM * soft_lifting.lift(landmarks, tables, self.temperature)[0]

    def prior(self, credit: str = "") -> PosePrior:
        """Returns the prior with the present values of the weights.

        Args:
            credit: Text to keep with the prior.

        Returns:
            A `PosePrior` with the same covariances; its bases are the principal axes of the
            loadings.
        """
        mean_pose, loadings, log_noise, logits = (
            np.asarray(tf.convert_to_tensor(weight), np.float64)
            for weight in (self._mean_pose, self._loadings, self._log_noise, self._mixture_logits)
        )
        flat = loadings.reshape(self.mixture_size, self.num_bases, -1)
        _, stddev, basis = np.linalg.svd(flat, full_matrices=False)
        weights = np.exp(logits - logits.max())
        return PosePrior(
            mean_pose=_MM * mean_pose,
            basis=basis.reshape(loadings.shape),
            stddev=_MM * np.maximum(stddev, _SMALLEST),
            noise_stddev=_MM * np.exp(log_noise),
            mixture_weights=weights / weights.sum(),
            skeleton=self.skeleton,
            credit=credit,
        )

    def compute_output_shape(self, landmarks_shape):
        return (*landmarks_shape[:-1], 3)

    def get_config(self):
        names = ("num_rotations", "temperature", "skeleton", *_SIZES)
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


# The standard deviations of a prior must be positive, so a direction that has vanished gets this.
_SMALLEST = 1e-9


def _constant(array):
    return lambda shape, dtype=None, **kwargs: tf.constant(array, dtype)
