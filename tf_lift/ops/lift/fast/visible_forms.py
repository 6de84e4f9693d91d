"""Quadratic forms y'My and p'My of all candidates where all landmarks are visible.

Poses come last, so that each step for a candidate runs over contiguous numbers.
"""

import numpy as np
import tensorflow as tf

__all__ = [
    "coefficients",
    "coordinates",
    "evaluate",
    "indices_of_parts",
    "join",
    "part",
    "products",
    "same_and_cross",
]


def evaluate(landmarks, tables):
    """Returns y'My and p'My of each part of the candidates, see `part`.

    Args:
        landmarks: `[B, L, 2]`: less their mean and of size about 1 at a free scale, in mm
            at a given one.
        tables: `LiftTables`.

    Returns:
        List of pairs of `[H, B]`, one or two.

    References:
        docs/method.md, M13 and M13a.
    """
    same, cross, mean_same, mean_cross = same_and_cross(landmarks, tables)
    signs = (1, -1)[: 1 + tables.uses_half_turn_symmetry]
    return [(same + sign * cross, mean_same + sign * mean_cross) for sign in signs]


def same_and_cross(landmarks, tables):
    """Returns the parts of y'My and p'My, `[H, B]`, of the same and of both image axes.

    Args:
        landmarks: See `evaluate`.
        tables: `LiftTables`.

    Returns:
        The two parts of y'My, then those of p'My: of vertical and of horizontal landmarks.
        Half a turn later the second part of each has changed its sign.
    """
    search = tables.search
    by_axis = tf.matmul(tf.transpose(search.axes), tf.transpose(landmarks, [2, 1, 0]))
    horizontal, vertical = tf.unstack(by_axis)
    same, cross = products(horizontal, vertical)
    if search.encode_same_axis is not None:
        same = tf.matmul(search.encode_same_axis, same)
    if search.encode_cross_axis is not None:
        cross = tf.matmul(search.encode_cross_axis, cross)
    same = tf.matmul(search.decode_same_axis, same)
    cross = tf.matmul(search.decode_cross_axis, cross)
    mean_same = tf.matmul(search.linear_same_axis, vertical)
    mean_cross = tf.matmul(search.linear_cross_axis, horizontal)
    return same, cross, mean_same, mean_cross


def coordinates(landmarks, tables):
    """Returns landmarks `[B, L, 2]` in the coordinates of `search.axes`, `[B, 2n]`."""
    flat = tf.reshape(tf.transpose(landmarks, [0, 2, 1]), [-1, tables.num_joints])
    return tf.reshape(tf.matmul(flat, tables.search.axes), [-1, 2 * tables.num_axes])


def products(horizontal, vertical):
    """Returns all products that a quadratic form of landmarks depends on, each pair once.

    Args:
        horizontal: Horizontal coordinates, `[n, B]`.
        vertical: Vertical ones, `[n, B]`.

    Returns:
        Products of coordinates of the same axis, `[n (n + 1), B]`, and across, `[n^2, B]`.

    >>> same, cross = products(tf.constant([[2.0]]), tf.constant([[3.0]]))
    >>> same.numpy().ravel(), cross.numpy().ravel()
    (array([4., 9.], dtype=float32), array([6.], dtype=float32))
    """
    size = horizontal.shape[0]
    pairs = np.triu_indices(size)
    same = [
        tf.multiply(*(tf.gather(axis, index) for index in pairs)) for axis in (horizontal, vertical)
    ]
    cross = horizontal[:, tf.newaxis] * vertical[tf.newaxis]
    return tf.concat(same, 0), tf.reshape(cross, [size * size, -1])


def coefficients(forms):
    """Returns the coefficients of `products` in quadratic forms.

    Args:
        forms: `[..., 2n, 2n]`, symmetric.

    Returns:
        Of products of the same axis `[..., n (n + 1)]`, and of different ones `[..., n^2]`.

    >>> coefficients(tf.constant([[1.0, 5.0], [5.0, 2.0]]))[1].numpy()
    array([10.], dtype=float32)
    """
    size = forms.shape[-1] // 2
    rows, columns = np.triu_indices(size)
    twice = np.where(rows == columns, 1.0, 2.0)

    def flat(block, count):
        return tf.reshape(block, tf.concat([tf.shape(forms)[:-2], [count]], 0))

    halves = slice(None, size), slice(size, None)
    same = [
        tf.gather(flat(forms[..., half, half], size**2), rows * size + columns, axis=-1)
        * tf.constant(twice, forms.dtype)
        for half in halves
    ]
    return tf.concat(same, -1), 2 * flat(forms[..., :size, size:], size**2)


def part(table, number, tables):
    """Returns a table `[..., M]` for the first or the second half of the angles, `[..., H, 1]`.

    Where the tables are not halved there is one part only, of all angles.
    """
    leading = table.shape[:-1]
    if tables.uses_half_turn_symmetry:
        split = tf.reshape(table, [*leading, -1, 2, tables.num_rotations // 2])
        table = tf.gather(split, number, axis=-2)
    return tf.reshape(table, [*leading, -1, 1])


def join(parts, tables):
    """Returns `[M, B]` of what there is of each part, `[H, B]`."""
    if len(parts) == 1:
        return parts[0]
    half = tables.num_rotations // 2
    halves = [tf.reshape(part, [-1, 1, half, tf.shape(part)[1]]) for part in parts]
    return tf.reshape(tf.concat(halves, 1), [tables.num_candidates, -1])


def indices_of_parts(tables):
    """Returns the indices of candidates, `[H, 1]`, of each part of them."""
    indices = tf.range(tables.num_candidates)
    parts = range(1 + tables.uses_half_turn_symmetry)
    return [part(indices, index, tables) for index in parts]
