"""Shortlists of candidates for landmarks with weights, or with any number of them missing.

The landmarks' covariance is eliminated in two steps. Seen by a level camera, vertical
coordinates do not depend on the rotation angle: they are eliminated once per component.
What they leave of the horizontal ones has two harmonics of the angle. So each angle costs a
system of as many unknowns as landmarks are visible, at a few angles; the others follow by
interpolation, and the best are evaluated again.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import scale_estimation
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast import elimination, weighted_fit
from tf_lift.ops.lift.fast.interpolation import Forms, interpolate
from tf_lift.ops.lift.fast.observed import observe
from tf_lift.ops.lift.fast.xla import k_lowest

__all__ = ["shortlist"]

# Candidates that are evaluated again: among the lowest interpolated costs, the winner was at
# most the third for real poses with weights or joints missing.
_NUM_NEAR = 8

# Elements of one intermediate tensor where every candidate is fitted, 16 MB of float32.
_MAX_ELEMENTS = 1 << 22


class _Conditional(NamedTuple):
    """Horizontal coordinates given the vertical ones, for each component.

    At an angle with cosine c and sine s they are `c a - s b`, with world axes a and b.

    Attributes:
        aa, ab, bb: `[s, s, B, K]`; covariances of coordinates along the two axes, noise not
            included.
        landmarks: `[s, B, 1]`; the horizontal landmarks.
        expected_a, expected_b: `[s, B, K]`; what the vertical landmarks let expect.
        mean_a, mean_b: `[s, B, K]`; the mean pose less what its own vertical ones explain.
        square, product, constant: `[B, K]`; y'My, p'My and p'Mp of the vertical ones.
        log_determinant: `[B, K]`; of their covariance.
    """

    aa: tf.Tensor
    ab: tf.Tensor
    bb: tf.Tensor
    landmarks: tf.Tensor
    expected_a: tf.Tensor
    expected_b: tf.Tensor
    mean_a: tf.Tensor
    mean_b: tf.Tensor
    square: tf.Tensor
    product: tf.Tensor
    constant: tf.Tensor
    log_determinant: tf.Tensor


def shortlist(landmarks, weights, tables, number, estimator, compiled, size=None):
    """Returns the candidates of the lowest costs.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search, finite.
        weights: `[B, L]`, >= 0.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `component.cost`.
        compiled: Whether XLA compiles it.
        size: Most landmarks of a pose that may be visible, `None` for all.

    Returns:
        `[B, number]`, int32, the lowest cost first.

    References:
        docs/method.md, M14a to M14d.
    """
    number = min(number, tables.num_candidates)
    if not tables.uses_half_turn_symmetry:
        return _of_every_candidate(landmarks, weights, tables, number, estimator, compiled, size)
    observed = observe(landmarks, weights, tables.free_scale, size)
    conditional = _condition(observed, tables, compiled)
    angles = np.arange(tables.num_coarse) * np.pi / tables.num_coarse
    noise = tables.components.noise_variance
    coarse = _forms(conditional, np.cos(angles), np.sin(angles), noise[:, tf.newaxis], compiled)
    forms = interpolate(coarse, tables.num_rotations // 2)
    costs = candidate_costs.of_forms(forms, observed, tables, estimator, compiled)
    if tables.num_coarse == tables.num_rotations // 2:
        return k_lowest.find(costs, number, compiled)
    near = k_lowest.find(costs, max(number, _NUM_NEAR), compiled)
    if number >= _NUM_NEAR:
        return near
    # Evaluated again, where the interpolation is off by some tenths.
    kinds = near // tables.num_rotations
    near_angles = (
        2 * np.pi / tables.num_rotations * tf.cast(near % tables.num_rotations, noise.dtype)
    )
    chosen = _of_components(conditional, kinds)
    forms = _forms(
        chosen, tf.cos(near_angles), tf.sin(near_angles), tf.gather(noise, kinds), compiled
    )
    costs = candidate_costs.at(forms, near, observed, tables, estimator, compiled)
    return tf.gather(near, k_lowest.find(costs, number, compiled), batch_dims=1)


def _of_every_candidate(landmarks, weights, tables, number, estimator, compiled, size):
    """Returns the shortlist where tables have no symmetry: all candidates are fitted."""

    def find(batch):
        every = tf.range(tables.num_candidates) + tf.zeros_like(batch["places"])
        solved = weighted_fit.fit(
            batch["landmarks"], batch["weights"], tables, every, compiled, size
        )
        poses = weighted_fit.lift_pose(batch["landmarks"], solved, tables)
        costs = poses.energy
        if estimator != "min_energy":
            costs = scale_estimation.cost(
                costs,
                poses.inverse_scale,
                solved.noise_variance,
                solved.normaliser,
                solved.dimensions,
            )
        return k_lowest.find(costs, number, compiled)

    places = tf.zeros([tf.shape(landmarks)[0], 1], tf.int32)
    batch = {"landmarks": landmarks, "weights": weights, "places": places}
    most = max(1, _MAX_ELEMENTS // (tables.num_candidates * tables.num_joints**2))
    return chunks.map_chunks(find, batch, tf.TensorSpec([None, number], tf.int32), most)


def _condition(observed, tables, compiled):
    """Returns the `_Conditional` of all components."""
    size = observed.root.shape[0]
    covariance, mean = _of_joints(observed, tables)
    lanes = tf.shape(observed.root)[-1] * mean[0].shape[-1]

    def flat(values):
        return tf.reshape(values, [*values.shape[:-2], lanes])

    blocks = {axes: _centred(covariance[axes], observed) for axes in covariance}
    a, b, v = (_centred_mean(part, observed) for part in mean)
    noise = (
        tables.components.noise_variance * tf.eye(size, dtype=a.dtype)[..., tf.newaxis, tf.newaxis]
    )
    vertical = tf.broadcast_to(observed.landmarks[1][..., tf.newaxis], tf.shape(v))
    sides = tf.concat([blocks["va"], blocks["vb"], vertical[:, tf.newaxis], v[:, tf.newaxis]], 1)
    gram, log_determinant = elimination.eliminate(flat(blocks["vv"] + noise), flat(sides), compiled)
    gram = tf.reshape(gram, tf.concat([gram.shape[:2], tf.shape(a)[1:]], 0))
    of_a, of_b = slice(0, size), slice(size, 2 * size)
    return _Conditional(
        aa=blocks["aa"] - gram[of_a, of_a],
        ab=blocks["ab"] - gram[of_a, of_b],
        bb=blocks["bb"] - gram[of_b, of_b],
        landmarks=observed.landmarks[0][..., tf.newaxis],
        expected_a=gram[of_a, -2],
        expected_b=gram[of_b, -2],
        mean_a=a - gram[of_a, -1],
        mean_b=b - gram[of_b, -1],
        square=gram[-2, -2],
        product=gram[-2, -1],
        constant=gram[-1, -1],
        log_determinant=tf.reshape(log_determinant, tf.shape(a)[1:]),
    )


def _of_joints(observed, tables):
    """Returns covariances and means of world axes at the joints of the places.

    Returns:
        Dict of pairs of axes, `[s, s, B or 1, K]`, and three of `[s, B or 1, K]`.
    """
    pairs = {"vv": (2, 2), "va": (2, 0), "vb": (2, 1), "aa": (0, 0), "ab": (0, 1), "bb": (1, 1)}
    covariance, mean = tables.components.covariance, tables.components.mean
    if observed.joints is None:
        blocks = {name: covariance[p, :, q, :, tf.newaxis] for name, (p, q) in pairs.items()}
        return blocks, [mean[axis, :, tf.newaxis] for axis in range(3)]
    num_joints = mean.shape[1]
    places = observed.joints[:, tf.newaxis] * num_joints + observed.joints
    blocks = {
        name: tf.gather(tf.reshape(covariance[p, :, q], [num_joints**2, -1]), places)
        for name, (p, q) in pairs.items()
    }
    return blocks, [tf.gather(mean[axis], observed.joints) for axis in range(3)]


def _centred(block, observed):
    """Returns a covariance `[s, s, B, K]` of coordinates that are scaled and centred."""
    root, mean = observed.root[..., tf.newaxis], observed.mean[..., tf.newaxis]
    left = tf.reduce_sum(block * mean[tf.newaxis], 1)
    right = tf.reduce_sum(block * mean[:, tf.newaxis], 0)
    both = tf.reduce_sum(mean * left, 0)
    block = block - left[:, tf.newaxis] - right[tf.newaxis] + both
    return root[:, tf.newaxis] * root * block


def _centred_mean(values, observed):
    mean = observed.mean[..., tf.newaxis]
    return observed.root[..., tf.newaxis] * (values - tf.reduce_sum(mean * values, 0))


def _of_components(conditional, kinds):
    """Returns a `_Conditional` of the components `[B, N]` of some candidates."""
    size = conditional.square.shape[-1]
    one_hot = tf.one_hot(kinds, size, dtype=conditional.square.dtype)

    def choose(values):
        if values.shape[-1] == 1:
            return values
        return tf.add_n([values[..., k, tf.newaxis] * one_hot[..., k] for k in range(size)])

    return _Conditional(*map(choose, conditional))


def _forms(conditional, cos, sin, noise_variance, compiled):
    """Returns `Forms` `[B, K, T]` at angles `[T]`, or `[B, N]` at one angle of each candidate."""
    dtype = conditional.aa.dtype
    cos, sin = tf.convert_to_tensor(cos, dtype), tf.convert_to_tensor(sin, dtype)
    if cos.shape.rank == 1:
        conditional = _Conditional(*(part[..., tf.newaxis] for part in conditional))
    size = conditional.aa.shape[0]
    leading = tf.shape(cos * conditional.square)

    def flat(values):
        values = tf.broadcast_to(
            values, tf.concat([values.shape[: values.shape.rank - leading.shape[0]], leading], 0)
        )
        return tf.reshape(
            values, [*values.shape[: values.shape.rank - leading.shape[0]], tf.reduce_prod(leading)]
        )

    both = conditional.ab + tf.einsum("ij...->ji...", conditional.ab)
    block = cos**2 * conditional.aa - cos * sin * both + sin**2 * conditional.bb
    block += noise_variance * tf.reshape(
        tf.eye(size, dtype=dtype), [size, size] + [1] * leading.shape[0]
    )
    sides = [
        conditional.landmarks,
        cos * conditional.expected_a - sin * conditional.expected_b,
        cos * conditional.mean_a - sin * conditional.mean_b,
    ]
    sides = tf.stack([flat(side) for side in sides], 1)
    gram, log_determinant = elimination.eliminate(flat(block), sides, compiled)
    gram = tf.reshape(gram, tf.concat([[3, 3], leading], 0))
    log_determinant = tf.reshape(log_determinant, leading)
    # M is the inverse covariance times noise^2.
    return Forms(
        even=noise_variance * (conditional.square + gram[0, 0] + gram[1, 1]),
        odd=-2 * noise_variance * gram[0, 1],
        mean_even=noise_variance * (conditional.product - gram[1, 2]),
        mean_odd=noise_variance * gram[0, 2],
        constant=noise_variance * (conditional.constant + gram[2, 2]),
        log_determinant=conditional.log_determinant + log_determinant,
    )
