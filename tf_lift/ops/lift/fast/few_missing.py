"""Shortlists of candidates where few landmarks are missing, compiled by XLA.

The rows of the missing landmarks are eliminated from the quadratic forms of all. Candidates half
a turn apart share the elimination: their landmarks differ by the sign of x, so it has two sides,
one for all x and one for all y.
"""

import tensorflow as tf

from tf_lift.ops import chunks
from tf_lift.ops.lift import component
from tf_lift.ops.lift.fast import costs as candidate_costs
from tf_lift.ops.lift.fast import missing_rows, visible_forms
from tf_lift.ops.lift.fast.xla import k_lowest, written_out

__all__ = ["shortlist"]

# Elements of one intermediate tensor, see `visible_search`; a turn costs more here.
_MAX_ELEMENTS = 1 << 21


def shortlist(landmarks, weights, tables, number, estimator, most_missing):
    """Returns the candidates of the lowest costs.

    Args:
        landmarks: `[B, L, 2]`, zero where missing; less the mean of the visible ones at a
            free scale.
        weights: `[B, L]`, 0 or 1.
        tables: `LiftTables`.
        number: Number of candidates.
        estimator: See `costs.quick_costs`.
        most_missing: Most landmarks of a pose that are missing.

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
    rows = missing_rows.find(weights, most_missing)
    batch = {"points": points, "weights": weights, "rows": rows}
    spec = tf.TensorSpec([None, number], tf.int32)
    size = max(1, _MAX_ELEMENTS // (2 * tables.num_joints * tables.num_candidates))
    return chunks.map_chunks(find, batch, spec, size)


def _eliminate(points, weights, rows, tables):
    """Returns the parts of the costs of all candidates.

    Args:
        points: `[B, 2L]`, landmarks, first all x, then all y; zero where missing.
        weights: `[B, L]`, 0 or 1.
        rows: `missing_rows.find` of them, `[B, R]`.
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
    form, linear = missing_rows.spare_form(tables, number)
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
    normaliser += log_determinant
    normaliser += missing_rows.log_determinant_of_others(weights, noise_stddev**2, tables)
    if not is_halved:
        return [(squares[0, 0], products[0])], constant, normaliser
    same, cross = squares[0, 0] + squares[1, 1], 2 * squares[0, 1]
    parts = [(same + sign * cross, products[1] + sign * products[0]) for sign in (1, -1)]
    return parts, constant, normaliser
