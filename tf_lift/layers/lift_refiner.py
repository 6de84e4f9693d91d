"""A small residual network that corrects lifted poses."""

import tensorflow as tf

__all__ = ["LiftRefiner"]

# Scales that bring the inputs to order 1: joints lie within about 1000 mm of the origin, and
# standard deviations are about 100 mm.
_POSE_MM, _STDDEV_MM = 300.0, 100.0


@tf.keras.utils.register_keras_serializable(package="tf_lift")
class LiftRefiner(tf.keras.layers.Layer):
    """Corrects a lifted pose by a residual network: `joints_3d + stddev * network(...)`.

    For paired 2D and 3D data of the same people or cameras: the lift gives the pose that
    motion capture implies, and this layer learns the remaining error. Its inputs are the
    landmarks in millimetres, the lifted joints, their standard deviations and the
    visibility. It moves each joint in units of the joint's standard deviation, so it
    corrects little where the lift is certain. Its last layer starts at zero, so an untrained
    refiner changes nothing.

    Trained on the motion capture of the shipped prior, it gained nothing on held-out people
    (docs/prior.md); therefore no weights ship.

    Args:
        width: Units of the hidden layers.
        num_blocks: Residual blocks of two hidden layers.
        dropout: Share of hidden units dropped in training.
        **kwargs: Arguments of `tf.keras.layers.Layer`.

    Call arguments:
        lifted: Dict of `PPCALifting` or `tf_lift.lift`: `joints_3d` `[B, L, 3]` (mm),
            `joints_3d_stddev` `[B, L]` (mm), `scale` `[B]` (px/mm) and `landmarks`
            `[B, L, 2]` (px) are used, the rest is ignored.
        landmarks: `[B, L, 2]`, px: the landmarks that were lifted; invisible ones may hold
            any value.
        visibility: `[B, L]`, bool or weights; `None`: all are visible.

    Returns:
        Tensor of shape `[B, L, 3]`, mm, camera frame, origin at joint 0.

    Raises:
        ValueError: If an argument does not fit.

    >>> landmarks = tf.random.normal([4, 17, 2])
    >>> lifted = tf_lift.lift(landmarks, tf_lift.PosePrior.load("cmu"))
    >>> refined = LiftRefiner(width=64)(lifted, landmarks)
    >>> bool(tf.reduce_all(refined == lifted["joints_3d"]))
    True
    """

    def __init__(self, width: int = 512, num_blocks: int = 1, dropout: float = 0.1, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        for name, value in (("width", width), ("num_blocks", num_blocks)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {value}")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout}")
        self.width = width
        self.num_blocks = num_blocks
        self.dropout = dropout
        self._hidden = []
        for index in range(1 + 2 * num_blocks):
            names = (f"{kind}_{index}" for kind in ("dense", "norm", "dropout"))
            dense, norm, drop = names
            self._hidden.append(
                (
                    tf.keras.layers.Dense(width, name=dense, dtype="float32"),
                    tf.keras.layers.BatchNormalization(name=norm, dtype="float32"),
                    tf.keras.layers.Dropout(dropout, name=drop, dtype="float32"),
                )
            )
        self._parts = [part for parts in self._hidden for part in parts]
        self._correction = None

    def build(self, lifted_shape=None, *unused, **also_unused):
        num_joints = tuple(lifted_shape["joints_3d"])[-2]
        num_inputs = 7 * num_joints
        for dense, norm, _ in self._hidden:
            dense.build((None, num_inputs))
            norm.build((None, self.width))
            num_inputs = self.width
        self._correction = tf.keras.layers.Dense(
            3 * num_joints, kernel_initializer="zeros", name="correction", dtype="float32"
        )
        self._correction.build((None, self.width))
        self.built = True

    def call(self, lifted, landmarks, visibility=None, training=None):
        joints_3d = tf.cast(lifted["joints_3d"], tf.float32)
        stddev = tf.cast(lifted["joints_3d_stddev"], tf.float32)
        landmarks = tf.cast(landmarks, tf.float32)
        if visibility is None:
            visibility = tf.ones_like(stddev)
        visibility = tf.broadcast_to(tf.cast(visibility, tf.float32), tf.shape(stddev))
        # Distance in mm from the projected joints to the landmarks, 0 where invisible.
        scale = tf.cast(lifted["scale"], tf.float32)[:, tf.newaxis, tf.newaxis]
        residual = tf.where(
            visibility[..., tf.newaxis] > 0,
            tf.math.divide_no_nan(landmarks - tf.cast(lifted["landmarks"], tf.float32), scale),
            0,
        )
        num_joints = joints_3d.shape[-2]
        hidden = tf.concat(
            [
                tf.reshape(joints_3d, [-1, 3 * num_joints]) / _POSE_MM,
                tf.reshape(residual, [-1, 2 * num_joints]) / _STDDEV_MM,
                stddev / _STDDEV_MM,
                visibility,
            ],
            -1,
        )
        hidden = self._apply(0, hidden, training)
        for block in range(self.num_blocks):
            inner = self._apply(1 + 2 * block, hidden, training)
            hidden += self._apply(2 + 2 * block, inner, training)
        correction = tf.reshape(self._correction(hidden), [-1, num_joints, 3])
        return joints_3d + stddev[..., tf.newaxis] * correction

    def _apply(self, index, inputs, training):
        dense, norm, dropout = self._hidden[index]
        return dropout(tf.nn.relu(norm(dense(inputs), training=training)), training=training)

    def compute_output_shape(self, lifted_shape, *unused, **also_unused):
        return tuple(lifted_shape["joints_3d"])

    def get_config(self):
        names = ("width", "num_blocks", "dropout")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
