"""Shortlists of candidates where few landmarks are missing, compiled by XLA.

The rows of the missing landmarks are eliminated from the quadratic forms of all. Candidates half
a turn apart share the elimination: their landmarks differ by the sign of x, so it has two sides,
one for all x and one for all y.
"""

import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import completion, visible_forms
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast.xla import k_lowest, written_out

__all__ = ["MAX_MISSING", "log_determinant_of_others", "missing_rows", "shortlist"]

# Largest number of missing landmarks, of two unknowns each.
MAX_MISSING = written_out.MAX_UNKNOWNS // 2

# Elements of one intermediate tensor, see `visible_search`; a turn costs more here.
_MAX_ELEMENTS = 1 << 21


def shortlist(landmarks, weights, tables, number, estimator):
    """Returns the candidates of the lowest costs.

    Args:
        landmarks: `[B, L, 2]`, zero where missing; less the mean of the visible ones at a
            free scale.
        weights: `[B, L]`, 0 or 1, at most `MAX_MISSING` of a pose 0.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.

    Returns:
        `[B, number]`, int32, the lowest cost first.

    References:
        docs/method.md, M14a.
    """
    number = min(number, tables.num_candidates)

    def find(batch):
        points, weights = batch["points"], batch["weights"]
        parts, constant, normaliser = _eliminate(points, weights, batch["rows"], tables)
        dimensions = component.dimensions(weights, tables.free_scale)[:, tf.newaxis]
        rest = constant, noise_stddev**2, normaliser, dimensions, tables.free_scale, estimator
        costs = [candidate_costs.quick_costs(*part, *rest, compiled=True) for part in parts]
        return tf.transpose(k_lowest.k_lowest(costs, indices, number, axis=-1, shared=True))

    noise_stddev = visible_forms.part(tables.noise_stddev, 0, tables)[:, 0]
    indices = [tf.transpose(part) for part in visible_forms.indices_of_parts(tables)]
    points = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, 2 * tables.num_joints])
    count = min(MAX_MISSING, tables.num_joints)
    batch = {"points": points, "weights": weights, "rows": missing_rows(weights, count)}
    spec = tf.TensorSpec([None, number], tf.int32)
    size = max(1, _MAX_ELEMENTS // (2 * tables.num_joints * tables.num_candidates))
    return chunks.map_chunks(find, batch, spec, size)


def missing_rows(weights, number):
    """Returns the coordinates of missing landmarks.

    Args:
        weights: `[B, L]`, 0 or 1, at most `number` of a pose 0.
        number: R / 2.

    Returns:
        `[B, R]`, int32: l and L + l for a missing landmark l; where fewer are missing,
        different numbers from 2L on.

    >>> missing_rows(tf.constant([[1.0, 0.0, 1.0]]), 2).numpy()
    array([[1, 7, 4, 9]], dtype=int32)
    """
    num_joints = weights.shape[1]
    missing, joints = tf.math.top_k(tf.cast(weights <= 0, weights.dtype), number)
    rows = tf.concat([joints, num_joints + joints], 1)
    spare = 2 * num_joints + tf.range(2 * number)
    return tf.where(tf.tile(missing, [1, 2]) > 0, rows, spare)


def _eliminate(points, weights, rows, tables):
    """Returns the parts of the costs of all candidates.

    Args:
        points: `[B, 2L]`, landmarks, first all x, then all y; zero where missing.
        weights: `[B, L]`, 0 or 1.
        rows: `missing_rows` of them, `[B, R]`.
        tables: `LiftTables`.

    Returns:
        Pairs of y'My and p'My, one for each part of the candidates, see
        `visible_forms.part`; p'Mp and the normaliser of the visible landmarks, which both
        parts share. All are `[B, H]`.
    """
    number, size = rows.shape[1], points.shape[1]
    is_halved = tables.uses_half_turn_symmetry
    middle = size // 2 if is_halved else size
    spans = [range(middle), range(middle, size)][: 1 + is_halved]
    images, products = [], []
    for span in spans:
        within = slice(span.start, span.stop)
        part = points[:, within]
        image = tf.matmul(part, tf.reshape(tables.form[within], [len(span), -1]))
        images.append(tf.reshape(image, [-1, size, tables.linear.shape[1]]))
        products.append(tf.matmul(part, tables.linear[within]))
    # Sums of rows: XLA is slower at a sum over an axis in the middle.
    columns = tf.unstack(points[..., tf.newaxis], axis=1)
    images_of_rows = [tf.unstack(image, axis=1) for image in images]
    squares = {
        (i, k): tf.add_n([columns[row] * images_of_rows[k][row] for row in spans[i]])
        for k in range(len(spans))
        for i in range(k + 1)
    }
    constant, normaliser, noise_stddev = (
        visible_forms.part(table, 0, tables)[:, 0]
        for table in (tables.search.constant, tables.search.normaliser, tables.noise_stddev)
    )

    missing = tf.unstack(tf.cast(rows < size, points.dtype)[..., tf.newaxis], axis=1)
    clipped = tf.unstack(tf.minimum(rows, size - 1), axis=1)
    first = tf.range(tf.shape(points)[0]) * size
    images_of_poses = [tf.reshape(image, [-1, image.shape[2]]) for image in images]
    form, linear = completion.spare_form(tables, number)
    pairs = tf.reshape(form, [(size + number) ** 2, -1])
    places = tf.unstack(rows, axis=1)
    starts = tf.unstack(rows * (size + number), axis=1)
    block = [[tf.gather(pairs, starts[i] + places[j]) for j in range(i + 1)] for i in range(number)]
    sides = [
        [tf.gather(image, first + clipped[i]) * missing[i] for i in range(number)]
        for image in images_of_poses
    ]
    means = [tf.gather(linear, place) for place in places]
    gram, log_determinant = written_out.eliminate(block, [*sides, means], start=2.0**100)
    of_mean = len(sides)
    squares = {key: value - gram[key] for key, value in squares.items()}
    products = [product - gram[i, of_mean] for i, product in enumerate(products)]
    constant -= gram[of_mean, of_mean]
    normaliser += log_determinant + log_determinant_of_others(weights, noise_stddev**2, tables)
    if not is_halved:
        return [(squares[0, 0], products[0])], constant, normaliser
    same, cross = squares[0, 0] + squares[1, 1], 2 * squares[0, 1]
    parts = [(same + sign * cross, products[1] + sign * products[0]) for sign in (1, -1)]
    return parts, constant, normaliser


def log_determinant_of_others(weights, noise_variance, tables):
    """Returns what turns the log-determinants of all landmarks and the missing rows of M.

    The rows are those of noise^2 times the inverse covariance. Where the position is free,
    coordinates are those that no translation changes, and each axis of the missing rows
    has visible / all landmarks of its volume there.

    Args:
        weights: `[B, L]`, 0 or 1.
        noise_variance: `[..., B]`, or `[H]` for `[B, H]`, mm^2.
        tables: `LiftTables`.

    Returns:
        Shape of both together, to be added to both: the sum is the log-determinant of the visible
        landmarks' covariance.
    """
    dropped = component.dimensions(tf.ones_like(weights), tables.free_scale)
    dropped -= component.dimensions(weights, tables.free_scale)
    others = tf.zeros_like(dropped)
    if tables.free_scale:
        visible = tf.reduce_sum(tf.cast(weights > 0, tables.dtype), -1)
        others -= 2 * tf.math.log(tf.maximum(visible, 1) / tables.num_joints)
    if noise_variance.shape.rank == 1:
        dropped, others = dropped[:, tf.newaxis], others[:, tf.newaxis]
    return others - dropped * tf.math.log(noise_variance)
