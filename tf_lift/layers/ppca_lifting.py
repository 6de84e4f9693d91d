"""The layer that lifts landmarks to 3D with a pose prior."""

import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.prior import PosePrior, build_tables, limbs

__all__ = ["PPCALifting"]


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class PPCALifting(tf.keras.layers.Layer):
    """Lifts 2D landmarks to 3D: the mixture of PPCA models with its rotation search.

    It has no weights: its config carries the prior itself, exactly, so that a saved model
    is small and whole. The tables of the lift are built once per prior
    (`tf_lift.prior.build_tables`): all layers, restored ones too, and all traced functions
    share them. Computes in float32 under every precision policy.

    Args:
        prior: `PosePrior`, or the text of one (`PosePrior.to_text`), as configs have it.
        num_rotations: Number of angles about the vertical that are searched.
        pitches: Camera pitches in radians, positive looking down, searched as well.
        selection: "posterior", "energy" or "mean", see `tf_lift.lift`.
        scale: `None` for free scale and position, or the number of pixels per millimetre
            of landmarks that are relative to the prior's origin.
        lift_gradient: Whether a gradient flows through the lift; `False` is the training
            that the paper recommends.
        jit_compile: Whether XLA compiles the lift as one program; "auto" does where there
            is a GPU. Set the attribute to `False` before an export: TensorFlow Serving
            refuses compiled functions (`tf_lift.export_saved_model` does so itself).
        temperature: See `tf_lift.lift`, as are the following.
        refine: Whether to refine the rotation between the angles of the search.
        num_hypotheses: Number of distinct poses to return as well, or `None`.
        landmark_noise: Standard deviation of the landmarks, pixels, or `None`.
        bone_lengths: Lengths of L - 1 bones, mm, "prior" or `None`.
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        landmarks: Tensor of shape `[..., L, 2]`, (x right, y down), pixels.
        visibility: `[..., L]`, bool or weights >= 0; left out: all are visible.

    Returns:
        Dict as of `tf_lift.lift`: `joints_3d`, `landmarks`, `mixture_index`,
        `rotation_angle`, `pitch`, `scale`, `energy`, `joints_3d_stddev`, and `hypotheses`
        where there are any.

    Raises:
        ValueError: If an argument or a shape does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, eq. 2 and 8.

    >>> layer = PPCALifting(tf_lift.PosePrior.load(), num_rotations=20)
    >>> lifted = layer(tf.random.normal([4, 17, 2]), visibility=np.arange(17) != 3)
    >>> lifted["joints_3d"].shape, lifted["joints_3d_stddev"].shape
    (TensorShape([4, 17, 3]), TensorShape([4, 17]))
    """

    def __init__(
        self,
        prior: PosePrior | str,
        num_rotations: int = 80,
        pitches: tuple[float, ...] = (0.0,),
        selection: str = "posterior",
        scale: float | None = None,
        lift_gradient: bool = True,
        jit_compile: bool | str = "auto",
        temperature: float = 3.0,
        refine: bool = False,
        num_hypotheses: int | None = None,
        landmark_noise: float | None = None,
        bone_lengths=None,
        **kwargs,
    ):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        LiftOptions(selection, temperature, refine, num_hypotheses)
        if jit_compile not in (True, False, "auto"):
            raise ValueError(
                f'`jit_compile` must be True, False or "auto". Received: {jit_compile!r}'
            )
        if scale is not None and not scale > 0:
            raise ValueError(f"`scale` must be positive or None. Received: {scale!r}")
        if landmark_noise is not None and not landmark_noise >= 0:
            raise ValueError(
                f"`landmark_noise` must not be negative, or None. Received: {landmark_noise!r}"
            )
        self.num_rotations = num_rotations
        self.pitches = tuple(float(pitch) for pitch in pitches)
        self.selection = selection
        self.scale = scale
        self.lift_gradient = lift_gradient
        self.jit_compile = jit_compile
        self.temperature = temperature
        self.refine = refine
        self.num_hypotheses = num_hypotheses
        self.landmark_noise = landmark_noise
        self.prior = _share(prior)
        lengths = limbs.bone_lengths(self.prior, bone_lengths)
        self.bone_lengths = None if lengths is None else [float(length) for length in lengths]
        self._find_tables()  # Names what is wrong with its arguments here, not at the first call.

    def _find_tables(self):
        return build_tables(
            self.prior, self.num_rotations, self.pitches, self.scale is None, self.variable_dtype
        )

    def call(self, landmarks, visibility=None):
        if not self.lift_gradient:
            landmarks = tf.stop_gradient(landmarks)
        compiled = self.jit_compile
        if compiled == "auto":
            compiled = bool(tf.config.list_logical_devices("GPU"))
        known = self.bone_lengths is not None
        return lifting.lift(
            landmarks,
            self._find_tables(),
            visibility,
            self.scale,
            self.selection,
            temperature=self.temperature,
            refine=self.refine,
            num_hypotheses=self.num_hypotheses,
            landmark_noise=self.landmark_noise,
            bone_lengths=self.bone_lengths,
            parents=skeletons.get(self.prior.skeleton).parents if known else None,
            jit_compile=compiled,
        )

    def compute_output_shape(self, landmarks_shape, visibility_shape=None):
        leading = tuple(landmarks_shape)[:-2]
        joints = self.prior.num_joints
        shapes = {name: leading for name in ("rotation_angle", "pitch", "scale", "energy")}
        shapes |= {"joints_3d": (*leading, joints, 3), "landmarks": (*leading, joints, 2)}
        shapes |= {"joints_3d_stddev": (*leading, joints), "mixture_index": leading}
        if self.num_hypotheses is not None:
            number = self.num_hypotheses
            shapes["hypotheses"] = {
                "joints_3d": (*leading, number, joints, 3),
                "probability": (*leading, number),
            }
        return shapes

    def compute_output_spec(self, landmarks, visibility=None):
        # Keras 3 would take every output to have the layer's floating type.
        def spec(name, shape):
            if isinstance(shape, dict):
                return {key: spec(key, value) for key, value in shape.items()}
            dtype = "int32" if name == "mixture_index" else self.compute_dtype
            return tf.keras.KerasTensor(shape, dtype)

        shapes = self.compute_output_shape(landmarks.shape)
        return {name: spec(name, shape) for name, shape in shapes.items()}

    def get_config(self):
        names = (
            "num_rotations",
            "selection",
            "scale",
            "lift_gradient",
            "jit_compile",
            "temperature",
            "refine",
            "num_hypotheses",
            "landmark_noise",
            "bone_lengths",
        )
        config = {name: getattr(self, name) for name in names}
        config |= {"prior": self.prior.to_text(), "pitches": list(self.pitches)}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        if "prior" not in config:
            raise ValueError(
                "`prior` must be in the config of a PPCALifting layer. Earlier versions of tf_lift "
                "kept tables in its place: build their model again, from its prior, and let "
                f"load_weights read their file. Received: {sorted(config)}"
            )
        return super().from_config(config)

    def load_own_variables(self, store):
        # Tables, where an earlier version wrote the file.
        del store


def _share(prior):
    """Returns the one object that stands for a prior, its copies and its text."""
    try:
        return PosePrior.from_text(prior.to_text() if isinstance(prior, PosePrior) else prior)
    except ValueError as error:
        raise ValueError(f"`prior` must be a PosePrior or its text: {error}") from error
