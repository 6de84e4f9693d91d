"""`tf_lift.lift`: landmarks and a prior in, poses out."""

import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.geometry import joint_maps
from tf_lift.ops.lift import lift as lifting
from tf_lift.prior import limbs
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
    *,
    temperature=3.0,
    refine=False,
    num_hypotheses=None,
    landmark_noise=None,
    bone_lengths=None,
    height=None,
    skeleton=None,
    approximate=False,
    jit_compile=False,
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
            as in eq. 2 of the paper. `None`: scale and position are free.
        num_rotations: Number of angles about the vertical that are searched.
        selection: "posterior": the most probable candidate; "energy": that of the lowest
            energy, as in eq. 2; "mean": the mean over all candidates, the lowest error.
        pitches: Camera pitches in radians, positive looking down, searched as well.
        temperature: Of the candidates' probabilities, for the mean, its deviation and the
            hypotheses; above 1, since people differ from those that a prior is learnt from.
        refine: Whether to refine the rotation between the angles of the search; not for
            the mean, which has them all.
        num_hypotheses: Number of distinct poses to return as well, or `None`.
        landmark_noise: Standard deviation of each coordinate of the landmarks, pixels,
            broadcast to `[..., L]`. What the landmarks show beyond the prior's bases and
            is not noise is then added to `joints_3d`: with 0.0 the joints lie where the
            landmarks are. `None`: the landmarks' noise is taken to be within the prior's.
        bone_lengths: Lengths of the person's bones, mm, `[..., L - 1]`: of each joint but
            the root, in order, to its parent. "prior": those of the prior's people. Sets
            size and depths, see `tf_lift.ops.lift.bone_lengths.apply`.
        height: Standing height of the person, mm, a number or `[...]`: bones as long as
            those of the prior's people, in proportion. Instead of `bone_lengths`.
        skeleton: Name of the skeleton of `landmarks` and `visibility` where it is not the
            prior's: what it has of the prior's joints is lifted, the rest is missing, and so
            are landmarks of NaN. All results have the prior's joints.
        approximate: Whether joints that are centimetres off may stand for those that
            `skeleton` lacks: see `tf_lift.skeletons.joint_map`.
        jit_compile: Whether XLA compiles the lift as one program: once for each number of
            poses, which takes seconds, and then several times faster for large batches.
            "caller": in a function that is compiled as a whole, and compiles this too.

    Returns:
        Dict of `joints_3d` `[..., L, 3]` (mm, camera frame, origin at joint 0),
        `landmarks` `[..., L, 2]` (the projected pose, pixels), `mixture_index` `[...]`,
        `rotation_angle` and `pitch` `[...]` (rad), `scale` `[...]` (px/mm), `energy`
        `[...]` (mm^2), `joints_3d_stddev` `[..., L]` (mm). With `num_hypotheses` also
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
    >>> lifted = tf_lift.lift(landmarks, prior, visibility=visible)
    >>> lifted["joints_3d"].shape, round(float(lifted["scale"]), 1)
    (TensorShape([17, 3]), 0.3)
    """
    landmarks = tf.convert_to_tensor(landmarks)
    if skeleton is not None:
        weights = skeletons.joint_map(skeleton, prior.skeleton, approximate=approximate)
        landmarks, visibility = joint_maps.convert(landmarks, weights, visibility)
    dtype = "float64" if landmarks.dtype == tf.float64 else "float32"
    tables = build_tables(
        prior, num_rotations, tuple(float(pitch) for pitch in pitches), scale is None, dtype
    )
    lengths = limbs.bone_lengths(prior, bone_lengths, height)
    return lifting.lift(
        landmarks,
        tables,
        visibility,
        scale,
        selection,
        temperature=temperature,
        refine=refine,
        num_hypotheses=num_hypotheses,
        landmark_noise=landmark_noise,
        bone_lengths=lengths,
        parents=None if lengths is None else skeletons.get(prior.skeleton).parents,
        jit_compile=jit_compile,
    )
