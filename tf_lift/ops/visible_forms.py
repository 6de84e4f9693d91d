"""What candidates are compared by, y'My and p'My, where all landmarks are visible.

Poses come last, so that all that is done for each candidate runs along them.
"""

import numpy as np
import tensorflow as tf

__all__ = ["evaluate", "image_axes", "join", "part", "products"]


def evaluate(landmarks, tables):
    """Returns y'My and p'My of each part of the candidates, see `part`.

    Args:
        landmarks: `[B, L, 2]`, as `rotation_search.search` takes them.
        tables: `LiftTables`.

    Returns:
        List of pairs of `[H, B]`, one or two.

    References:
        docs/method.md, equation 13.
    """
    across, along = image_axes(landmarks, tables)
    same, mixed = products(across, along)
    if tables.encode_along is not None:
        same = tf.matmul(tables.encode_along, same)
    if tables.encode_across is not None:
        mixed = tf.matmul(tables.encode_across, mixed)
    same, mixed = tf.matmul(tables.decode_along, same), tf.matmul(tables.decode_across, mixed)
    product_same = tf.matmul(tables.linear_along, along)
    product_mixed = tf.matmul(tables.linear_across, across)
    signs = (1, -1)[: 1 + tables.is_halved]
    return [(same + sign * mixed, product_same + sign * product_mixed) for sign in signs]


def image_axes(landmarks, tables):
    """Returns the coordinates of `tables.axes`, horizontal and vertical ones, `[n, B]` each."""
    by_joint = tf.reshape(tf.transpose(landmarks, [1, 2, 0]), [tables.num_joints, -1])
    both = tf.matmul(tables.axes, by_joint, transpose_a=True)
    both = tf.reshape(both, [tables.axes.shape[1], 2, -1])
    return both[:, 0], both[:, 1]


def products(across, along):
    """Returns all that a quadratic form of landmarks can depend on, each pair once.

    Args:
        across: Horizontal coordinates, `[n, B]`.
        along: Vertical ones, `[n, B]`.

    Returns:
        The products of coordinates of the same axis `[n (n + 1), B]`, and of two different
        ones `[n^2, B]`.

    >>> same, mixed = products(tf.constant([[2.0]]), tf.constant([[3.0]]))
    >>> same.numpy().ravel(), mixed.numpy().ravel()
    (array([4., 9.], dtype=float32), array([6.], dtype=float32))
    """
    size = across.shape[0]
    rows, columns = np.triu_indices(size)
    same = [tf.gather(axis, rows) * tf.gather(axis, columns) for axis in (across, along)]
    mixed = tf.reshape(across[:, tf.newaxis] * along, [size * size, -1])
    return tf.concat(same, 0), mixed


def part(table, number, tables):
    """Returns a table `[M]` for the first or the second half of the angles, `[H, 1]`.

    Where the tables are not halved there is one part only, of all angles.
    """
    if tables.is_halved:
        table = tf.reshape(table, [-1, 2, tables.num_rotations // 2])[:, number]
    return tf.reshape(table, [-1, 1])


def join(parts, tables):
    """Returns `[M, B]` of what there is of each part, `[H, B]`."""
    if len(parts) == 1:
        return parts[0]
    half = tables.num_rotations // 2
    halves = [tf.reshape(part, [-1, 1, half, tf.shape(part)[1]]) for part in parts]
    return tf.reshape(tf.concat(halves, 1), [tables.num_candidates, -1])
