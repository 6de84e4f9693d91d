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
from tf_lift.ops.lift.fast import candidates, elimination, visible_forms, weighted_fit
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast.interpolation import Forms, interpolate
from tf_lift.ops.lift.fast.observed import centre_covariances, observe
from tf_lift.ops.lift.fast.xla import k_lowest, written_out
from tf_lift.ops.lift.fast.xla.materialize import materialize

__all__ = ["NUM_NEAR", "condition", "interpolated_costs", "shortlist"]

# Candidates that are evaluated again: among the lowest interpolated costs, the winner was at
# most the 13th of 10,000 real and sampled poses with weights or joints missing.
NUM_NEAR = 16

# Elements of one intermediate tensor where every candidate is fitted, 16 MB of float32.
_MAX_ELEMENTS = 1 << 22


class _Conditional(NamedTuple):
    """Horizontal coordinates given the vertical ones, for each component.

    At an angle with cosine c and sine s they are `c a - s b`, with world axes a and b.

    Attributes:
        covariances: `[3, s (s + 1) / 2, K, B]`; covariances of coordinates along the two axes,
            see `elimination.pack`, noise not included: of a with a, of a with b and of b with
            a together, of b with b.
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
    conditional = condition(observed, tables, compiled)
    noise = tables.components.noise_variance
    if compiled and observed.root.shape[0] <= written_out.MAX_UNKNOWNS:
        costs = _all_costs(conditional, observed, tables, estimator)
        indices = [tf.transpose(part) for part in visible_forms.indices_of_parts(tables)]
        return tf.transpose(k_lowest.k_lowest(costs, indices, number, axis=-1, shared=True))
    count = tables.num_coarse
    costs = interpolated_costs(conditional, observed, tables, count, estimator, compiled)
    if count == tables.num_rotations // 2 or number >= NUM_NEAR:
        return tf.transpose(k_lowest.find(costs, number, compiled))
    # Evaluated again, because the interpolation is off by some tenths.
    near = materialize(k_lowest.find(costs, NUM_NEAR, compiled), compiled)
    kinds = near // tables.num_rotations
    angle = tf.cast(near % tables.num_rotations, noise.dtype) * (2 * np.pi / tables.num_rotations)
    cos, sin = (materialize(part, compiled) for part in (tf.cos(angle), tf.sin(angle)))
    chosen = _of_components(conditional, kinds)
    noise = tf.gather(noise, kinds)
    forms = _forms(chosen, cos, sin, noise, compiled)
    costs = candidate_costs.at(forms, near, observed, tables, estimator, compiled)
    places = tf.transpose(k_lowest.find(costs, number, compiled))
    return tf.gather(tf.transpose(near), places, batch_dims=1)


def interpolated_costs(conditional, observed, tables, count, estimator, compiled):
    """Returns the costs `[M, B]` of all candidates from those at `count` angles."""
    angles = np.arange(count)[:, np.newaxis] * np.pi / count
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


def condition(observed, tables, compiled):
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
        flat(elimination.pack(vertical + noise * identity)),
        flat(sides),
        compiled,
    )
    gram = tf.reshape(gram, tf.concat([gram.shape[:2], lanes], 0))
    of_a, of_b = slice(0, size), slice(size, 2 * size)
    both = blocks[4] - gram[of_a, of_b]
    both += tf.transpose(both, [1, 0, 2, 3])
    covariances = tf.stack([blocks[3] - gram[of_a, of_a], both, blocks[5] - gram[of_b, of_b]])
    means = [gram[of_a, -2], gram[of_b, -2], mean[0] - gram[of_a, -1], mean[1] - gram[of_b, -1]]
    return _Conditional(
        elimination.pack(covariances, 1),
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
    size = conditional.landmarks.shape[0]
    rows, columns = np.triu_indices(size)

    def angles_last(values):
        """Returns `[..., B, K, 1]` of `[..., K, B]`."""
        rank = values.shape.rank
        values = tf.transpose(values, [*range(rank - 2), rank - 1, rank - 2])
        return materialize(tf.expand_dims(values, -1))

    part = _Conditional(*map(angles_last, conditional))
    # In units of the noise every pivot is at least 1.
    aa, both, bb = tf.unstack(materialize(part.covariances / noise))
    turned = cos**2 * aa - cos * sin * both + sin**2 * bb
    turned = dict(zip(zip(rows, columns, strict=True), tf.unstack(turned), strict=True))
    block = [[turned[j, i] + (i == j) for j in range(i + 1)] for i in range(size)]
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
    # Whole rows of the table, which a processor copies faster than single numbers.
    table = tf.reshape(tf.transpose(blocks, [1, 2, 0, 3]), [num_joints**2, -1])
    size = [*places.shape[:2], tf.shape(places)[2]]
    blocks = tf.reshape(tf.gather(table, places), [*size, *blocks.shape[::3]])
    table = tf.reshape(tf.transpose(mean, [1, 0, 2]), [num_joints, -1])
    mean = tf.reshape(tf.gather(table, observed.joints), [*size[1:], 3, mean.shape[2]])
    return tf.transpose(blocks, [3, 0, 1, 4, 2]), tf.transpose(mean, [2, 0, 3, 1])


def _of_components(conditional, kinds):
    """Returns a `_Conditional` of the components `[N, B]` of some candidates."""
    size, count = conditional.log_determinant.shape[0], tf.shape(kinds)[1]
    places = kinds * count + tf.range(count)

    def choose(values):
        rows = values.shape[:-2]
        return tf.gather(tf.reshape(values, [*rows, size * count]), places, axis=-1)

    # All components share the landmarks.
    parts = conditional._asdict()
    landmarks = parts.pop("landmarks")
    return _Conditional(landmarks=landmarks, **{name: choose(part) for name, part in parts.items()})


def _turn(means, cos, sin):
    """Returns what vertical landmarks predict at an angle, and the mean pose less that."""
    expected_a, expected_b, mean_a, mean_b = tf.unstack(means)
    return cos * expected_a - sin * expected_b, cos * mean_a - sin * mean_b


def _forms(conditional, cos, sin, noise_variance, compiled):
    """Returns `Forms` of angles whose cosines and sines broadcast with the lanes."""
    size = conditional.landmarks.shape[0]
    lanes = tf.shape(cos * conditional.log_determinant)
    rank = conditional.log_determinant.shape.rank

    def flat(values):
        rows = values.shape[: values.shape.rank - rank]
        values = tf.broadcast_to(values, tf.concat([rows, lanes], 0))
        return tf.reshape(values, [*rows, tf.reduce_prod(lanes)])

    aa, both, bb = tf.unstack(conditional.covariances)
    is_diagonal = np.equal(*np.triu_indices(size)).reshape([-1] + [1] * rank)
    identity = tf.constant(is_diagonal, cos.dtype)
    block = cos**2 * aa - cos * sin * both + sin**2 * bb + noise_variance * identity
    sides = [conditional.landmarks, *_turn(conditional.means, cos, sin)]
    sides = tf.stack([flat(side) for side in sides], 1)
    gram, log_determinant = elimination.eliminate(flat(block), sides, compiled)
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
