"""The layer that lifts landmarks to 3D with a pose prior."""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift import outputs
from tf_lift.ops.lift.options import LiftOptions, merge
from tf_lift.prior import PosePrior, build_tables
from tf_lift.prior import bone_lengths as prior_bone_lengths

__all__ = ["PPCALifting"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class PPCALifting(tf.keras.layers.Layer):
    """Lifts 2D landmarks to 3D: the mixture of PPCA models with its rotation search.

    The layer has no weights: its config holds the prior exactly, so a saved model is small
    and complete. The tables of the lift are built once per prior
    (`tf_lift.prior.build_tables`); all layers, including restored ones, and all traced
    functions share them. Computes in float32 under every precision policy.

    Args:
        prior: `PosePrior`, or its text (`PosePrior.to_text`), as in a config.
        scale: `None` for free scale and position, or the number of pixels per millimetre
            of landmarks that are relative to the prior's origin.
        lift_gradient: Whether a gradient flows through the lift; `False` is the training
            that the paper recommends.
        jit_compile: Whether XLA compiles the lift as one program; "auto" does where there
            is a GPU. Set the attribute to `False` before an export: TensorFlow Serving
            refuses compiled functions (`tf_lift.export_saved_model` does so itself).
        options: `tf_lift.LiftOptions`, or their dict, as in a config; `None` for the
            defaults.
        **kwargs: Fields of `tf_lift.LiftOptions` by name, in place of those of `options`,
            and arguments of `tf.keras.layers.Layer`.

    Call arguments:
        landmarks: Tensor of shape `[..., L, 2]`, (x right, y down), pixels.
        visibility: `[..., L]`, bool or weights >= 0; all are visible if left out.

    Returns:
        Dict as of `tf_lift.lift`: `joints_3d`, `landmarks`, `mixture_index`,
        `rotation_angle`, `pitch`, `scale`, `energy`, `misfit`, `joints_3d_stddev`, and `hypotheses`
        where there are any.

    Raises:
        ValueError: If an argument or a shape does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2 and its
        supplementary material, S8.

    >>> layer = PPCALifting(tf_lift.PosePrior.load(), num_rotations=20)
    >>> lifted = layer(tf.random.normal([4, 17, 2]), visibility=np.arange(17) != 3)
    >>> lifted["joints_3d"].shape, lifted["joints_3d_stddev"].shape
    (TensorShape([4, 17, 3]), TensorShape([4, 17]))
    """

    def __init__(
        self,
        prior: PosePrior | str,
        scale: float | None = None,
        lift_gradient: bool = True,
        jit_compile: bool | str = "auto",
        options: LiftOptions | dict | None = None,
        **kwargs,
    ):
        names = [field.name for field in dataclasses.fields(LiftOptions)]
        fields = {name: kwargs.pop(name) for name in names if name in kwargs}
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        if isinstance(options, dict):
            options = merge(None, options)
        self.options = merge(options, fields)
        if jit_compile not in (True, False, "auto"):
            raise ValueError(
                f'`jit_compile` must be True, False or "auto". Received: {jit_compile!r}'
            )
        if scale is not None and not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"`scale` must be positive or None. Received: {scale!r}")
        self.scale = scale
        self.lift_gradient = lift_gradient
        self.jit_compile = jit_compile
        self.prior = _share(prior)
        self._bone_lengths = prior_bone_lengths.resolve(
            self.prior, self.options.bone_lengths, self.options.height
        )
        self._find_tables()  # Reports bad arguments here, not at the first call.

    def _find_tables(self):
        options, free_scale = self.options, self.scale is None
        return build_tables(
            self.prior, options.num_rotations, options.pitches, free_scale, self.variable_dtype
        )

    def call(self, landmarks, visibility=None):
        if not self.lift_gradient:
            landmarks = tf.stop_gradient(landmarks)
        compiled = self.jit_compile
        if compiled == "auto":
            compiled = bool(tf.config.list_logical_devices("GPU"))
        return lifting.lift(
            landmarks,
            self._find_tables(),
            self.options,
            visibility=visibility,
            scale=self.scale,
            bone_lengths=self._bone_lengths,
            parents=skeletons.get(self.prior.skeleton).parents,
            jit_compile=compiled,
        )

    def _specs(self, landmarks_shape):
        return outputs.signature(
            self.prior.num_joints,
            self.compute_dtype,
            self.options.num_hypotheses,
            tuple(landmarks_shape)[:-2],
        )

    def compute_output_shape(self, landmarks_shape, visibility_shape=None):
        specs = self._specs(landmarks_shape)
        return tf.nest.map_structure(lambda spec: tuple(spec.shape.as_list()), specs)

    def compute_output_spec(self, landmarks, visibility=None):
        # Without this, Keras 3 gives every output the layer's floating type.
        return tf.nest.map_structure(
            lambda spec: tf.keras.KerasTensor(spec.shape.as_list(), spec.dtype.name),
            self._specs(landmarks.shape),
        )

    def get_config(self):
        config = {name: getattr(self, name) for name in ("scale", "lift_gradient", "jit_compile")}
        options = dataclasses.asdict(self.options)
        config |= {"prior": self.prior.to_text(), "options": options}
        return {**super().get_config(), **config}


def _share(prior):
    """Returns one object for a prior, its copies and its text."""
    try:
        return PosePrior.from_text(prior.to_text() if isinstance(prior, PosePrior) else prior)
    except ValueError as error:
        raise ValueError(f"`prior` must be a PosePrior or its text: {error}") from error
