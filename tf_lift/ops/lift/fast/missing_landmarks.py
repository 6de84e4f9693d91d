"""The search with some landmarks missing: the tables of all, less the missing rows."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift.fast import completion, visible_forms
from tf_lift.ops.lift.fast.xla.quick_log import quick_log

__all__ = [
    "MAX_MISSING",
    "MAX_WRITTEN_OUT",
    "eliminate",
    "log_determinant_of_others",
    "solver",
]

# Landmarks of a pose that may be missing here; with more, the normal equations of those that
# are left are the smaller problem.
MAX_MISSING = 8

# And as many as XLA compiles an elimination of within seconds.
MAX_WRITTEN_OUT = 6

# Pivots are at most 1: their product starts here, so that a float32 holds it.
_START = 2.0**100


def solver(tables):
    """Returns the function that gives the search what it needs of every candidate.

    It minimises over what the missing landmarks might have been: with the rows of M split
    into observed (o) and missing (m),

        y'My  ->  y_o' (M_oo - M_om M_mm^-1 M_mo) y_o,

    and likewise p'My and p'My. Only M_mm, of twice the number of missing landmarks, is
    factored for each candidate, where the normal equations take the number of bases.

    Args:
        tables: `LiftTables`.

    Returns:
        Function of `landmarks` `[B, L, 2]`, zero where missing and, at a free scale, less
        the mean of the visible ones, and `weights` `[B, L]`, 0 or 1, at most `MAX_MISSING`
        of a pose 0. It returns y'My, p'My, p'Mp and the log-determinant of the visible
        landmarks' covariance, each `[B, M]`.

    References:
        docs/method.md, equation 14a.

    >>> tables = tf_lift.prior.build_tables(tf_lift.PosePrior.load("cmu"), num_rotations=8)
    >>> square, product, constant, log_determinant = solver(tables)(
    ...     tf.random.normal([5, 17, 2]), tf.ones([5, 17]))
    >>> square.shape
    TensorShape([5, 24])
    """
    num_joints, num_candidates = tables.num_joints, tables.num_candidates
    num_rows = 2 * num_joints
    form, linear = _of_all_candidates(tables)
    form_rows = tf.reshape(form, [num_rows, num_rows * num_candidates])
    form_pairs = tf.reshape(form, [num_rows * num_rows, num_candidates])
    count = min(MAX_MISSING, num_joints)

    def solve(landmarks, weights):
        missing, joints = tf.math.top_k(tf.cast(weights <= 0, tables.dtype), count)
        # [B, 2 count]: the missing coordinates; places left over take part as ones.
        missing = tf.repeat(missing, 2, axis=-1)
        index = tf.reshape(joints[..., tf.newaxis] + [0, num_joints], [-1, 2 * count])

        both = (missing[:, :, tf.newaxis] * missing[:, tf.newaxis])[..., tf.newaxis]
        pair = index[:, :, tf.newaxis] * num_rows + index[:, tf.newaxis]
        block = tf.gather(form_pairs, pair) * both
        block = tf.transpose(block, [0, 3, 1, 2]) + tf.linalg.diag(1 - missing)[:, tf.newaxis]

        flat = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, num_rows])
        product_rows = tf.reshape(tf.matmul(flat, form_rows), [-1, num_rows, num_candidates])
        landmark_side = tf.gather(product_rows, index, batch_dims=1)
        mean_side = tf.gather(linear, index)
        sides = tf.stack([landmark_side, mean_side], -1) * missing[..., tf.newaxis, tf.newaxis]
        factor = tf.linalg.cholesky(block)
        whitened = tf.linalg.triangular_solve(factor, tf.transpose(sides, [0, 2, 1, 3]))
        landmark_part, mean_part = whitened[..., 0], whitened[..., 1]

        square = tf.einsum("br,brm->bm", flat, product_rows)
        product = tf.matmul(flat, linear)
        log_determinant = 2 * tf.reduce_sum(tf.math.log(tf.linalg.diag_part(factor)), -1)
        return (
            square - tf.reduce_sum(landmark_part**2, -1),
            product - tf.reduce_sum(landmark_part * mean_part, -1),
            tables.constant - tf.reduce_sum(mean_part**2, -1),
            log_determinant
            + tables.normaliser
            - tables.mixture_cost
            + log_determinant_of_others(weights, tables.noise_stddev**2, tables),
        )

    return solve


def _of_all_candidates(tables):
    """Returns M `[2L, 2L, M]` and p'M `[2L, M]` of all candidates."""
    halves, signs = tables.find_half(tf.range(tables.num_candidates))
    form = tf.gather(tf.transpose(tables.form, [2, 0, 1]), halves)
    linear = tf.gather(tf.transpose(tables.linear), halves)
    of_rows = None if signs is None else signs[:, tf.newaxis]
    for _ in range(2):
        form = tables.turn_landmarks(tf.linalg.matrix_transpose(form), of_rows)
    linear = tables.turn_landmarks(linear, signs)
    return tf.transpose(form, [1, 2, 0]), tf.transpose(linear)


def log_determinant_of_others(weights, noise_variance, tables):
    """Returns what turns the log-determinants of all landmarks and the missing rows of M.

    The rows are those of noise^2 times the inverse covariance. Where the position is free,
    coordinates are those that no translation changes, and each axis of the missing rows
    has seen / all landmarks of its volume there.

    Args:
        weights: `[B, L]`, 0 or 1.
        noise_variance: `[..., B]`, or `[M]` for `[B, M]`.
        tables: `LiftTables`.

    Returns:
        To be added to both: the sum is the log-determinant of the visible landmarks'
        covariance.
    """
    dropped = ppca.dimensions(tf.ones_like(weights), tables.free_scale)
    dropped -= ppca.dimensions(weights, tables.free_scale)
    others = tf.zeros_like(dropped)
    if tables.free_scale:
        seen = tf.reduce_sum(tf.cast(weights > 0, tables.dtype), -1)
        others -= 2 * tf.math.log(tf.maximum(seen, 1) / tables.num_joints)
    if noise_variance.shape.rank == 1:
        dropped, others = dropped[:, tf.newaxis], others[:, tf.newaxis]
    return others - dropped * tf.math.log(noise_variance)


def eliminate(points, weights, rows, tables):
    """Returns what the costs of all candidates are made of, as XLA is fast at it.

    Few missing rows are eliminated by a program that is written out: XLA makes one loop of
    it, and no matrix is ever stored. More of them are swept from stored ones. Candidates
    half a turn apart share the elimination: theirs are landmarks with one sign of x and the
    other, so it has two sides, one for all x and one for all y.

    Args:
        points: `[B, 2L]`, landmarks, first all x, then all y; zero where missing.
        weights: `[B, L]`, 0 or 1.
        rows: `completion.missing_rows` of them, `[B, R]`.
        tables: `LiftTables`.

    Returns:
        Pairs of y'My and p'My, of one part of the candidates or two, see
        `visible_forms.part`; p'Mp and the normaliser of the visible landmarks, which both
        parts share. All are `[B, H]`.

    References:
        docs/method.md, equation 14a.
    """
    number, size = rows.shape[1], points.shape[1]
    middle = size // 2 if tables.is_halved else size
    spans = [range(middle), range(middle, size)][: 1 + tables.is_halved]
    images, products = [], []
    for span in spans:
        within = slice(span.start, span.stop)
        part = points[:, within]
        image = tf.matmul(part, tf.reshape(tables.form[within], [len(span), -1]))
        images.append(tf.reshape(image, [-1, size, tables.linear.shape[1]]))
        products.append(tf.matmul(part, tables.linear[within]))
    squares = {
        (i, k): tf.add_n([points[:, row : row + 1] * images[k][:, row] for row in spans[i]])
        for k in range(len(spans))
        for i in range(k + 1)
    }
    constant, normaliser, noise_stddev = (
        visible_forms.part(table, 0, tables)[:, 0]
        for table in (tables.constant, tables.normaliser, tables.noise_stddev)
    )

    missing = tf.cast(rows < size, points.dtype)
    clipped = tf.minimum(rows, size - 1)
    if number <= 2 * MAX_WRITTEN_OUT:
        form, linear = completion.spare_form(tables, number)
        pairs = tf.reshape(form, [(size + number) ** 2, -1])
        starts = [rows[:, i] * (size + number) for i in range(number)]
        block = [
            [tf.gather(pairs, starts[i] + rows[:, j]) for j in range(i + 1)] for i in range(number)
        ]
        sides = [
            [
                tf.gather(image, clipped[:, i], batch_dims=1) * missing[:, i : i + 1]
                for i in range(number)
            ]
            for image in images
        ]
        means = [tf.gather(linear, rows[:, i]) for i in range(number)]
        reduce = _reduce_written_out
    else:
        block, means = completion.missing_forms(tables, rows)
        sides = [
            tf.transpose(
                tf.gather(image, clipped, batch_dims=1) * missing[..., tf.newaxis], [1, 0, 2]
            )
            for image in images
        ]
        reduce = _reduce_stored
    squares, products, constant, log_determinant = reduce(
        squares, products, constant, block, sides, means
    )
    others = log_determinant_of_others(weights, noise_stddev**2, tables)
    normaliser += log_determinant + others
    if not tables.is_halved:
        return [(squares[0, 0], products[0])], constant, normaliser
    same, mixed = squares[0, 0] + squares[1, 1], 2 * squares[0, 1]
    parts = [(same + sign * mixed, products[1] + sign * products[0]) for sign in (1, -1)]
    return parts, constant, normaliser


def _reduce_written_out(squares, products, constant, block, sides, means):
    """Subtracts what missing rows explain; returns also their log-determinant.

    Args:
        squares: Dict of y'My of each pair of sides, by their numbers; `[B, H]`, as all else.
        products: p'My of each side.
        constant: p'Mp.
        block: Rows of M, each up to its diagonal; only those and columns that are missing.
        sides: Of each side the missing rows of M y.
        means: Those of M p.
    """
    volume = _START
    for j in range(len(block)):
        pivot = 1 / block[j][j]
        volume *= block[j][j]
        scaled, scaled_mean = [side[j] * pivot for side in sides], means[j] * pivot
        squares = {(i, k): squares[i, k] - sides[i][j] * scaled[k] for i, k in squares}
        products = [
            product - side[j] * scaled_mean for product, side in zip(products, sides, strict=True)
        ]
        constant -= means[j] * scaled_mean
        for i in range(j + 1, len(block)):
            for side, value in zip(sides, scaled, strict=True):
                side[i] -= block[i][j] * value
            means[i] -= block[i][j] * scaled_mean
            factor = block[i][j] * pivot
            for k in range(j + 1, i + 1):
                block[i][k] -= factor * block[k][j]
    return squares, products, constant, quick_log(volume) - np.log(_START)


def _reduce_stored(squares, products, constant, block, sides, means):
    """The same by stored matrices `[R, R, B, H]` and sides `[R, B, H]`, for any R."""
    _, solved, log_determinant = completion.sweep(block, tf.stack([*sides, means], 1))
    squares = {
        (i, k): squares[i, k] - tf.reduce_sum(sides[i] * solved[:, k], 0) for i, k in squares
    }
    products = [
        product - tf.reduce_sum(side * solved[:, -1], 0)
        for product, side in zip(products, sides, strict=True)
    ]
    constant -= tf.reduce_sum(means * solved[:, -1], 0)
    return squares, products, constant, log_determinant
