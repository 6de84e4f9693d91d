"""`tf_lift.lift`: landmarks and a prior in, poses out."""

import tensorflow as tf

from tf_lift.ops import lifting
from tf_lift.prior.tables import build_tables

__all__ = ["lift"]


def lift(
    landmarks,
    prior,
    visibility=None,
    scale=None,
    num_rotations=80,
    selection="posterior",
    pitches=(0.0,),
):
    """Lifts 2D landmarks to 3D with a pose prior.

    Works eagerly, in a `tf.function` and under `jit_compile=True`. The tables of the
    prior are built at the first call and kept. Float64 landmarks are lifted in float64,
    all others in float32. `tf_lift.ops.lifting.lift` describes gradient and degenerate
    input.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels.
        prior: `PosePrior` of L joints.
        visibility: `[..., L]`, bool or weights >= 0; `None` for all visible.
        scale: Pixels per millimetre, a number or `[...]`: the landmarks are then relative
            to the projection of the prior's origin, and with `scale=1.0` already in mm,
            as in eq. 2 of the paper. `None`: scale and position are free.
        num_rotations: Number of angles about the vertical that are searched.
        selection: "posterior": the most probable candidate; "energy": that of the lowest
            energy, as in eq. 2.
        pitches: Camera pitches in radians, positive looking down, searched as well.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels), `mixture_index` `[...]`,
        `rotation_angle` and `pitch` `[...]` (rad), `scale` `[...]` (px/mm), `energy`
        `[...]` (mm^2), `joints_3d_stddev` `[..., L]` (mm).

    Raises:
        ValueError: If a shape or option does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017.

    >>> prior = tf_lift.PosePrior.load()
    >>> pose = prior.sample(1, seed=0)[0]
    >>> landmarks = 0.3 * pose[:, [0, 2]] * [1, -1] + [320, 240]
    >>> visible = np.arange(17) != 16  # The right wrist is hidden.
    >>> lifted = tf_lift.lift(landmarks, prior, visibility=visible)
    >>> lifted["joints_3d"].shape, round(float(lifted["scale"]), 1)
    (TensorShape([17, 3]), 0.3)
    """
    landmarks = tf.convert_to_tensor(landmarks)
    dtype = "float64" if landmarks.dtype == tf.float64 else "float32"
    tables = build_tables(
        prior, num_rotations, tuple(float(pitch) for pitch in pitches), scale is None, dtype
    )
    return lifting.lift(landmarks, tables, visibility, scale, selection)
