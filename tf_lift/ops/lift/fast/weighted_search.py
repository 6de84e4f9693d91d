"""Shortlists of candidates for landmarks with weights, or with any number of them missing.

The landmarks' covariance is eliminated in two steps. Seen by a level camera, vertical
coordinates do not depend on the rotation angle: they are eliminated once per component.
What they leave of the horizontal ones has two harmonics of the angle. So each angle costs a
system of as many unknowns as landmarks are visible, at a few angles; the others follow by
interpolation, and the best are evaluated again. Where few unknowns are left and XLA compiles the
search, all angles are evaluated.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import posterior
from tf_lift.ops.lift.fast import candidates, elimination, visible_forms, weighted_fit
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast.interpolation import Forms, interpolate
from tf_lift.ops.lift.fast.observed import centre_covariances, observe
from tf_lift.ops.lift.fast.xla import k_lowest, written_out
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["representatives", "shortlist"]

# Candidates that are evaluated again: among the lowest interpolated costs, the winner was at
# most the third for real poses with weights or joints missing.
_NUM_NEAR = 8

# Neighbouring angles that one candidate may stand for in a mean: 18 degrees of 80 angles; and
# the probability of single candidates that needs no such groups.
_GROUP = 4
_ENOUGH = 0.97

# Elements of one intermediate tensor where every candidate is fitted, 16 MB of float32.
_MAX_ELEMENTS = 1 << 22


class _Conditional(NamedTuple):
    """Horizontal coordinates given the vertical ones, for each component.

    At an angle with cosine c and sine s they are `c a - s b`, with world axes a and b.

    Attributes:
        covariances: `[3, s, s, K, B]`; covariances of coordinates along the two axes, noise
            not included: of a with a, of a with b and of b with a together, of b with b.
        landmarks: `[s, 1, B]`; the horizontal landmarks.
        means: `[4, s, K, B]`; along a and b, the parts that the vertical landmarks predict,
            then the mean pose less the parts that its own vertical coordinates predict.
        forms: `[3, K, B]`; y'My, p'My and p'Mp of the vertical landmarks.
        log_determinant: `[K, B]`; of their covariance.
    """

    covariances: tf.Tensor
    landmarks: tf.Tensor
    means: tf.Tensor
    forms: tf.Tensor
    log_determinant: tf.Tensor


def shortlist(landmarks, weights, tables, number, estimator, compiled, size=None):
    """Returns the candidates of the lowest costs.

    Args:
        landmarks: `[B, L, 2]`, in the unit of the search, finite.
        weights: `[B, L]`, >= 0.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.
        size: Most landmarks of a pose that may be visible, `None` for all.

    Returns:
        `[B, number]`, int32, the lowest cost first.

    References:
        docs/method.md, M14c and M14d.
    """
    number = min(number, tables.num_candidates)
    if not tables.uses_half_turn_symmetry:
        return _of_every_candidate(landmarks, weights, tables, number, estimator, compiled, size)
    observed = observe(landmarks, weights, tables.free_scale, size)
    conditional = _condition(observed, tables, compiled)
    noise = tables.components.noise_variance
    if compiled and observed.root.shape[0] <= written_out.MAX_UNKNOWNS:
        costs = _all_costs(conditional, observed, tables, estimator)
        indices = [tf.transpose(part) for part in visible_forms.indices_of_parts(tables)]
        return tf.transpose(k_lowest.k_lowest(costs, indices, number, axis=-1, shared=True))
    costs = _interpolated_costs(conditional, observed, tables, estimator, compiled)
    if tables.num_coarse == tables.num_rotations // 2 or number >= _NUM_NEAR:
        return tf.transpose(k_lowest.find(costs, number, compiled))
    # Evaluated again, because the interpolation is off by some tenths.
    near = materialize(k_lowest.find(costs, _NUM_NEAR, compiled), compiled)
    kinds = near // tables.num_rotations
    angle = tf.cast(near % tables.num_rotations, noise.dtype) * (2 * np.pi / tables.num_rotations)
    cos, sin = (materialize(part, compiled) for part in (tf.cos(angle), tf.sin(angle)))
    chosen = _of_components(conditional, kinds, compiled)
    noise = tf.gather(noise, kinds)
    forms = _forms(chosen, cos, sin, noise, compiled, in_loop=compiled)
    costs = candidate_costs.at(forms, near, observed, tables, estimator, compiled)
    places = tf.transpose(k_lowest.find(costs, number, compiled))
    return tf.gather(tf.transpose(near), places, batch_dims=1)


def representatives(landmarks, weights, tables, number, estimator, compiled, temperature):
    """Returns candidates that stand for all, each for a few neighbouring angles.

    Where the most probable ones have nearly all of the probability, they stand for
    themselves. Where many are about as probable, with few landmarks visible, the most
    probable of a few neighbouring angles stands for these, with their probabilities together.

    Args:
        landmarks: See `shortlist`, as for the next five.
        weights: `[B, L]`.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        compiled: Whether XLA compiles it.
        temperature: See `posterior.probabilities`.

    Returns:
        `[B, N]`, int32, the most probable group first, and what to add to the costs of these
        candidates so that their probabilities are those of their groups, `[B, N]`.

    References:
        docs/method.md, section 10.
    """
    if not tables.uses_half_turn_symmetry:
        indices = shortlist(landmarks, weights, tables, number, estimator, compiled)
        return indices, tf.zeros(tf.shape(indices), tables.dtype)
    observed = observe(landmarks, weights, tables.free_scale)
    conditional = _condition(observed, tables, compiled)
    costs = _interpolated_costs(conditional, observed, tables, estimator, compiled)
    number = min(number, tables.num_candidates)
    single, changes, probability = _groups(costs, number, 1, temperature, compiled)
    size = next(size for size in (_GROUP, 2, 1) if tables.num_rotations % size == 0)
    if tables.num_candidates // size < number:
        return tf.transpose(single), tf.transpose(changes)
    grouped, group_changes, _ = _groups(costs, number, size, temperature, compiled)
    suffices = tf.reduce_sum(probability, 0) > _ENOUGH
    return (
        tf.transpose(tf.where(suffices, single, grouped)),
        tf.transpose(tf.where(suffices, changes, group_changes)),
    )


def _groups(costs, number, size, temperature, compiled):
    """Returns the most probable groups of `size` neighbours of candidates.

    Returns:
        Their most probable members `[N, B]`, what to add to the costs of these, and the
        probabilities of the groups.
    """
    grouped = tf.reshape(costs, [costs.shape[0] // size, size, -1])
    lowest = tf.reduce_min(grouped, 1)
    ratios = tf.exp((lowest[:, tf.newaxis] - grouped) / (2 * temperature))
    change = -2 * temperature * tf.math.log(tf.reduce_sum(ratios, 1))
    probability = posterior.probabilities(lowest + change, temperature, axis=0)
    groups = materialize(k_lowest.find(lowest + change, number, compiled), compiled)
    members = tf.argmin(grouped, 1, output_type=tf.int32)

    def of_groups(values):
        return tf.transpose(tf.gather(tf.transpose(values), tf.transpose(groups), batch_dims=1))

    return groups * size + of_groups(members), of_groups(change), of_groups(probability)


def _interpolated_costs(conditional, observed, tables, estimator, compiled):
    """Returns the costs `[M, B]` of all candidates from those at the coarse angles."""
    angles = np.arange(tables.num_coarse)[:, np.newaxis] * np.pi / tables.num_coarse
    every = _Conditional(*(tf.expand_dims(part, -2) for part in conditional))
    coarse = _forms(
        every,
        tf.constant(np.cos(angles), tables.dtype),
        tf.constant(np.sin(angles), tables.dtype),
        tf.reshape(tables.components.noise_variance, [-1, 1, 1]),
        compiled,
    )
    forms = interpolate(coarse, tables.num_rotations // 2)
    return candidate_costs.of_forms(forms, observed, tables, estimator, compiled)


def _of_every_candidate(landmarks, weights, tables, number, estimator, compiled, size):
    """Returns the shortlist where tables have no symmetry: all candidates are fitted."""

    def find(batch):
        every = tf.range(tables.num_candidates)[:, tf.newaxis] + batch["places"]
        solved = weighted_fit.fit(
            batch["landmarks"], batch["weights"], tables, every, compiled, size
        )
        costs = candidates.chosen(batch["landmarks"], tables, solved, None, estimator).costs
        return tf.transpose(k_lowest.find(tf.transpose(costs), number, compiled))

    places = tf.zeros([tf.shape(landmarks)[0]], tf.int32)
    batch = {"landmarks": landmarks, "weights": weights, "places": places}
    most = max(1, _MAX_ELEMENTS // (tables.num_candidates * tables.num_joints**2))
    return chunks.map_chunks(find, batch, tf.TensorSpec([None, number], tf.int32), most)


def _condition(observed, tables, compiled):
    """Returns the `_Conditional` of all components."""
    size = observed.root.shape[0]
    blocks, mean = _of_joints(observed, tables)
    root, weights = (part[:, tf.newaxis] for part in (observed.root, observed.mean))
    blocks = centre_covariances(blocks, root, weights, compiled)
    vertical, to_a, to_b = tf.unstack(blocks[:3])
    mean = root * (mean - tf.reduce_sum(weights * mean, 1, keepdims=True))
    lanes = tf.shape(mean)[2:]

    def flat(values):
        return tf.reshape(values, [*values.shape[:-2], tf.reduce_prod(lanes)])

    identity = tf.constant(np.eye(size)[..., np.newaxis, np.newaxis], mean.dtype)
    noise = tf.reshape(tables.components.noise_variance, [-1, 1])
    landmarks = tf.broadcast_to(observed.landmarks[1][:, tf.newaxis], tf.shape(mean[2]))
    sides = tf.concat([to_a, to_b, landmarks[:, tf.newaxis], mean[2][:, tf.newaxis]], 1)
    gram, log_determinant = elimination.eliminate(
        flat(vertical + noise * identity), flat(sides), compiled, in_loop=compiled
    )
    gram = tf.reshape(gram, tf.concat([gram.shape[:2], lanes], 0))
    of_a, of_b = slice(0, size), slice(size, 2 * size)
    both = blocks[4] - gram[of_a, of_b]
    both += tf.transpose(both, [1, 0, 2, 3])
    covariances = tf.stack([blocks[3] - gram[of_a, of_a], both, blocks[5] - gram[of_b, of_b]])
    means = [gram[of_a, -2], gram[of_b, -2], mean[0] - gram[of_a, -1], mean[1] - gram[of_b, -1]]
    return _Conditional(
        covariances,
        observed.landmarks[0][:, tf.newaxis],
        tf.stack(means),
        tf.stack([gram[-2, -2], gram[-2, -1], gram[-1, -1]]),
        tf.reshape(log_determinant, lanes),
    )


def _all_costs(conditional, observed, tables, estimator):
    """Returns the costs `[B, H]` of all candidates, of each half-turn, where XLA compiles it."""
    num_angles = tables.num_rotations // 2
    angles = np.arange(num_angles) * np.pi / num_angles
    cos, sin = (tf.constant(part, tables.dtype) for part in (np.cos(angles), np.sin(angles)))
    noise = tables.components.noise_variance[:, tf.newaxis]
    size = conditional.covariances.shape[1]

    def angles_last(values):
        """Returns `[..., B, K, 1]` of `[..., K, B]`."""
        rank = values.shape.rank
        values = tf.transpose(values, [*range(rank - 2), rank - 1, rank - 2])
        return materialize(tf.expand_dims(values, -1))

    part = _Conditional(*map(angles_last, conditional))
    # In units of the noise every pivot is at least 1.
    aa, both, bb = tf.unstack(materialize(part.covariances / noise))
    turned = cos**2 * aa - cos * sin * both + sin**2 * bb
    block = [tf.unstack(row) for row in tf.unstack(turned)]
    for i in range(size):
        block[i][i] += 1
    sides = [part.landmarks + tf.zeros_like(cos), *_turn(part.means, cos, sin)]
    sides = [tf.unstack(side) for side in sides]
    gram, log_determinant = written_out.eliminate(block, sides, start=2.0**-100)
    # M is the inverse covariance times noise^2.
    forms = Forms(
        even=noise * part.forms[0] + gram[0, 0] + gram[1, 1],
        odd=-2 * gram[0, 1],
        mean_even=noise * part.forms[1] - gram[1, 2],
        mean_odd=gram[0, 2],
        constant=noise * part.forms[2] + gram[2, 2],
        log_determinant=part.log_determinant + log_determinant + size * tf.math.log(noise),
    )
    halves = candidate_costs.of_halves(
        forms,
        noise,
        tables.components.mixture_cost[:, tf.newaxis],
        observed._replace(
            dimensions=observed.dimensions[:, tf.newaxis, tf.newaxis],
            unused=observed.unused[:, tf.newaxis, tf.newaxis],
        ),
        tables.free_scale,
        estimator,
        compiled=True,
    )
    return [tf.reshape(costs, [-1, tables.num_components * num_angles]) for costs in halves]


def _of_joints(observed, tables):
    """Returns covariances and means of world axes at the joints of the places.

    Returns:
        `[6, s, s, K, B or 1]` of vertical coordinates, of these with a and with b, of a, of a
        with b and of b; and `[3, s, K, B or 1]`, along a, b and the vertical.
    """
    covariance, mean = tables.components.covariance, tables.components.mean
    num_joints = mean.shape[1]
    pairs = [(2, 2), (2, 0), (2, 1), (0, 0), (0, 1), (1, 1)]
    blocks = tf.stack([covariance[first, :, second] for first, second in pairs])
    if observed.joints is None:
        return blocks[..., tf.newaxis], mean[..., tf.newaxis]
    places = observed.joints[:, tf.newaxis] * num_joints + observed.joints
    table = tf.transpose(tf.reshape(blocks, [6, num_joints**2, -1]), [0, 2, 1])
    blocks = tf.transpose(tf.gather(table, places, axis=2), [0, 2, 3, 1, 4])
    mean = tf.gather(tf.transpose(mean, [0, 2, 1]), observed.joints, axis=2)
    return blocks, tf.transpose(mean, [0, 2, 1, 3])


def _of_components(conditional, kinds, compiled):
    """Returns a `_Conditional` of the components `[N, B]` of some candidates."""
    size = conditional.log_determinant.shape[0]
    is_kind = tf.one_hot(kinds, size, axis=0, dtype=conditional.log_determinant.dtype)
    is_kind = tf.unstack(materialize(is_kind, compiled))

    def choose(values):
        if values.shape[-2] == 1:
            return values
        parts = [values[..., k : k + 1, :] * is_kind[k] for k in range(size)]
        return materialize(tf.add_n(parts), compiled)

    return _Conditional(*map(choose, conditional))


def _turn(means, cos, sin):
    """Returns what vertical landmarks predict at an angle, and the mean pose less that."""
    expected_a, expected_b, mean_a, mean_b = tf.unstack(means)
    return cos * expected_a - sin * expected_b, cos * mean_a - sin * mean_b


def _forms(conditional, cos, sin, noise_variance, compiled, in_loop=False):
    """Returns `Forms` of angles whose cosines and sines broadcast with the lanes."""
    dtype, size = cos.dtype, conditional.covariances.shape[1]
    lanes = tf.shape(cos * conditional.log_determinant)
    rank = conditional.log_determinant.shape.rank

    def flat(values):
        rows = values.shape[: values.shape.rank - rank]
        values = tf.broadcast_to(values, tf.concat([rows, lanes], 0))
        return tf.reshape(values, [*rows, tf.reduce_prod(lanes)])

    aa, both, bb = tf.unstack(conditional.covariances)
    identity = tf.constant(np.eye(size).reshape([size, size] + [1] * rank), dtype)
    block = cos**2 * aa - cos * sin * both + sin**2 * bb + noise_variance * identity
    sides = [conditional.landmarks, *_turn(conditional.means, cos, sin)]
    sides = tf.stack([flat(side) for side in sides], 1)
    gram, log_determinant = elimination.eliminate(flat(block), sides, compiled, in_loop)
    gram = tf.reshape(gram, tf.concat([[3, 3], lanes], 0))
    log_determinant = tf.reshape(log_determinant, lanes)
    square, product, constant = tf.unstack(conditional.forms)
    # M is the inverse covariance times noise^2.
    return Forms(
        even=noise_variance * (square + gram[0, 0] + gram[1, 1]),
        odd=-2 * noise_variance * gram[0, 1],
        mean_even=noise_variance * (product - gram[1, 2]),
        mean_odd=noise_variance * gram[0, 2],
        constant=noise_variance * (constant + gram[2, 2]),
        log_determinant=conditional.log_determinant + log_determinant,
    )
