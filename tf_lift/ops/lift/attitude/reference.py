"""The lift by a camera of unknown attitude as the equations have it, M27 to M29.

For tests, as `tf_lift.ops.lift.reference`, whose fits it compares over pitches and rolls.
"""

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import posterior, reference
from tf_lift.ops.lift.attitude.expectation import turn_landmarks

__all__ = ["lift"]


def lift(landmarks, prior, grid, expectation, options, number, weights=None, focal_length=None):
    """Lifts landmarks by brute force over the attitudes of a grid.

    Args:
        landmarks: `[B, L, 2]`, px, of any floating type; with a focal length relative to the
            optical axis of a camera that faces the person.
        prior: `PosePrior` whose components can turn, of `attitude_tables.turnable`.
        grid: Number of rotation angles, pitches and rolls, rad.
        expectation: `Expectation`.
        options: `LiftOptions`: `estimator` and `temperature`.
        number: Number of candidates to correct and average.
        weights: `[B, L]`, >= 0; `None` for all visible.
        focal_length: `[B]`, px, or `None`.

    Returns:
        Dict of `joints_3d`, `scale`, `energy`, and `costs` `[B, M, R]` of all candidates at
        all rolls; with a focal length also `root_depth` `[B]`, mm.

    References:
        docs/method.md, M27 to M29.
    """
    num_rotations, pitches, rolls = grid
    landmarks = tf.convert_to_tensor(landmarks)
    weights = tf.ones_like(landmarks[..., 0]) if weights is None else weights
    averaging = ppca.mean_weights(weights, True)

    def fit(points, candidates=None):
        """Fits all candidates, or one of each pose, to points less their mean."""
        points = points - tf.einsum("bl,blc->bc", averaging, points)[:, tf.newaxis]
        points = tf.where((weights > 0)[..., tf.newaxis], points, 0)
        fields = options.__class__(num_rotations=num_rotations, pitches=pitches)
        found = reference.fit_candidates(points, weights, prior, fields, True)
        if candidates is None:
            return found
        return tf.nest.map_structure(lambda each: tf.gather(each, candidates, batch_dims=1), found)

    # M28: every component, pitch and angle at every roll.
    attitude = tf.repeat(expectation.pitch_costs(pitches), num_rotations, 0)
    attitude = tf.transpose(tf.tile(attitude, [prior.mixture_size, 1]))
    roll_costs = tf.transpose(expectation.roll_costs(rolls))
    costs = []
    for index, roll in enumerate(rolls):
        found = fit(turn_landmarks(landmarks, -(expectation.roll + roll)))
        cost = found.costs + attitude + roll_costs[:, index : index + 1]
        costs.append(found.poses.energy if options.estimator == "min_energy" else cost)
    costs = tf.stack(costs, -1)
    best_roll = tf.argmin(costs, -1, tf.int32)
    chosen = tf.math.top_k(-tf.reduce_min(costs, -1), number).indices

    # M29: each of the best candidates with the perspective of its own depths.
    poses, chosen_costs, depths, visible = [], [], [], tf.cast(weights > 0, landmarks.dtype)
    for place in range(number):
        candidate = chosen[:, place]
        roll = tf.gather(best_roll, candidate, batch_dims=1)
        angle = expectation.roll + tf.gather(tf.constant(rolls, landmarks.dtype), roll)
        upright = turn_landmarks(landmarks, -angle)
        found, ratio = fit(upright, candidate), tf.ones_like(weights)
        for step in range(0 if focal_length is None else 2):
            joint_depths = found.poses.joints_3d[..., 2] - found.poses.joints_3d[:, :1, 2]
            depth = focal_length * found.poses.inverse_scale
            if step == 0:
                total = tf.reduce_sum(visible * joint_depths, -1)
                depth -= total / tf.reduce_sum(visible, -1)
            ratio = 1 + joint_depths / depth[:, tf.newaxis]
            found = fit(upright * ratio[..., tf.newaxis], candidate)
        cost = found.costs + tf.gather(attitude, candidate, batch_dims=1)
        cost += tf.gather(roll_costs, roll, batch_dims=1)
        cost -= 4 * tf.reduce_sum(visible * tf.math.log(ratio), -1)
        chosen_costs.append(found.poses.energy if options.estimator == "min_energy" else cost)
        joints = turn_landmarks(found.poses.joints_3d, angle)
        poses.append((joints - joints[:, :1], found.poses.inverse_scale, found.poses.energy))
        depths.append(found.poses.inverse_scale)
    joints, inverse_scale, energy = (tf.stack(part, 1) for part in zip(*poses, strict=True))
    final = tf.stack(chosen_costs, 1)
    best = tf.argmin(final, -1, tf.int32)
    probability = tf.one_hot(best, number, dtype=joints.dtype)
    if options.estimator == "mean":
        probability = posterior.probabilities(final, options.temperature)
    result = {
        "joints_3d": posterior.expectation(joints, probability),
        "scale": 1 / tf.gather(inverse_scale, best, batch_dims=1),
        "energy": tf.gather(energy, best, batch_dims=1),
        "costs": costs,
    }
    if focal_length is not None:
        mean_scale = posterior.expectation(tf.stack(depths, 1), probability)
        result["root_depth"] = focal_length * mean_scale
    return result
