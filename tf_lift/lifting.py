"""`tf_lift.lift`: landmarks and a prior in, poses out."""

import tensorflow as tf

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.camera.lifting import lift_seen
from tf_lift.ops.geometry import joint_maps
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift.options import merge
from tf_lift.prior import bone_lengths as prior_bone_lengths
from tf_lift.prior.narrowing import narrow
from tf_lift.prior.tables import build_tables

__all__ = ["lift"]


def lift(
    landmarks,
    prior,
    visibility=None,
    *,
    scale=None,
    camera=None,
    skeleton=None,
    approximate=False,
    options=None,
    jit_compile=False,
    **option_fields,
):
    """Lifts 2D landmarks to 3D with a pose prior.

    Works eagerly, in a `tf.function` and under `jit_compile=True`. The tables of the
    prior are built at the first call and kept. Float64 landmarks are lifted in float64,
    all others in float32. `tf_lift.ops.lift.lift.lift` describes gradient and degenerate
    input.

    Args:
        landmarks: `[..., L, 2]`, (x right, y down), pixels; L joints of the prior, or of
            `skeleton`.
        prior: `PosePrior` of L joints.
        visibility: `[..., L]`, bool or weights >= 0; `None` for all visible.
        scale: Pixels per millimetre, a number or `[...]`: the landmarks are then relative
            to the projection of the prior's origin, and with `scale=1.0` already in mm,
            as in P2. `None`: scale and position are free.
        camera: `None`: nothing is known of it; pitch and roll are estimated for each pose.
            "level": it has neither, as in the paper, and as with a given `scale` in any case.
            A `tf_lift.Camera`: what it knows; with a focal length, perspective and lens are
            removed.
        skeleton: Name of the skeleton of `landmarks` and `visibility` where it differs from
            the prior's. The lift infers joints that this skeleton lacks, and landmarks that
            are NaN. All results have the prior's joints, at the marks of this skeleton where
            it has `proportions`: the prior is narrowed to them (`tf_lift.prior.narrow`).
        approximate: Whether joints that are centimetres off may stand for those that
            `skeleton` lacks: see `tf_lift.skeletons.joint_map`.
        options: `tf_lift.LiftOptions`: estimator, searched rotations, noise of the
            landmarks, known bone lengths and the like. `None` for the defaults.
        jit_compile: Whether XLA compiles the lift as one program: once for each number of
            poses, which takes seconds, and then several times faster for large batches.
            Inside a function that XLA compiles as a whole the lift is compiled anyway.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels), `mixture_index` `[...]`,
        `rotation_angle`, `pitch` and `roll` `[...]` (rad), `scale` `[...]` (px/mm), `energy`
        `[...]` (mm^2), `misfit` `[...]` (how badly the landmarks fit the prior: above 1 something
        is likely wrong with them), `joints_3d_stddev` `[..., L]` (mm). With `num_hypotheses` also
        `hypotheses`, a dict of `joints_3d` `[..., n, L, 3]` and `probability` `[..., n]`,
        most probable first.

    Raises:
        ValueError: If a shape or option does not fit.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017.

    >>> prior = tf_lift.PosePrior.load()
    >>> pose = prior.sample(1, seed=0)[0]
    >>> landmarks = 0.3 * pose[:, [0, 2]] * [1, -1] + [320, 240]
    >>> visible = np.arange(17) != 16  # The right wrist is hidden.
    >>> lifted = tf_lift.lift(landmarks, prior, visible, estimator="map")
    >>> lifted["joints_3d"].shape, round(float(lifted["scale"]), 1)
    (TensorShape([17, 3]), 0.3)
    """
    options = merge(options, option_fields)
    landmarks = tf.convert_to_tensor(landmarks)
    if skeleton is not None:
        prior = narrow(prior, skeleton)
        weights = skeletons.joint_map(skeleton, prior.skeleton, approximate=approximate)
        landmarks, visibility = joint_maps.convert(landmarks, weights, visibility)
    if camera is not None and camera != "level" and not isinstance(camera, Camera):
        raise ValueError(
            f'`camera` must be None, "level" or a tf_lift.Camera. Received: {camera!r}'
        )
    if scale is None and camera != "level":
        return lift_seen(landmarks, prior, camera, visibility, options, jit_compile)
    if isinstance(camera, Camera):
        raise ValueError(
            "`scale` must be None where `camera` is a Camera, whose focal length and the "
            f"person's depth give it. Received: {scale}"
        )
    dtype = "float64" if landmarks.dtype == tf.float64 else "float32"
    lengths = prior_bone_lengths.resolve(prior, options.bone_lengths, options.height)
    return lifting.lift(
        landmarks,
        build_tables(prior, options.num_rotations, options.pitches, scale is None, dtype),
        options,
        visibility=visibility,
        scale=scale,
        bone_lengths=lengths,
        parents=None if lengths is None else skeletons.get(prior.skeleton).parents,
        jit_compile=jit_compile,
    )
