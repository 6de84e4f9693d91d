"""What candidates are compared by, y'My and p'My, where all landmarks are visible.

Poses come last, so that all that is done for each candidate runs along them.
"""

import numpy as np
import tensorflow as tf

__all__ = ["coefficients", "evaluate", "image_axes", "join", "part", "products"]


def evaluate(landmarks, tables):
    """Returns y'My and p'My of each part of the candidates, see `part`.

    Args:
        landmarks: `[..., B, L, 2]`, as `rotation_search.search` takes them.
        tables: `LiftTables`, or with the leading dimensions of `landmarks` all it takes of them.

    Returns:
        List of pairs of `[..., H, B]`, one or two.

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
    """Returns horizontal and vertical coordinates of `tables.axes`, `[..., n, B]` each."""
    rank = len(landmarks.shape)
    order = [*range(rank - 3), rank - 1, rank - 2, rank - 3]
    by_axis = tf.matmul(tf.transpose(tables.axes), tf.transpose(landmarks, order))
    return by_axis[..., 0, :, :], by_axis[..., 1, :, :]


def products(across, along):
    """Returns all that a quadratic form of landmarks can depend on, each pair once.

    Args:
        across: Horizontal coordinates, `[..., n, B]`.
        along: Vertical ones, `[..., n, B]`.

    Returns:
        The products of coordinates of the same axis `[..., n (n + 1), B]`, and of two
        different ones `[..., n^2, B]`.

    >>> same, mixed = products(tf.constant([[2.0]]), tf.constant([[3.0]]))
    >>> same.numpy().ravel(), mixed.numpy().ravel()
    (array([4., 9.], dtype=float32), array([6.], dtype=float32))
    """
    size = across.shape[-2]
    pairs = np.triu_indices(size)
    same = [
        tf.multiply(*(tf.gather(axis, index, axis=-2) for index in pairs))
        for axis in (across, along)
    ]
    mixed = across[..., tf.newaxis, :] * along[..., tf.newaxis, :, :]
    shape = tf.concat([tf.shape(across)[:-2], [size * size, tf.shape(across)[-1]]], 0)
    return tf.concat(same, -2), tf.reshape(mixed, shape)


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
    leading = tf.shape(table)[:-1]
    if tables.is_halved:
        split = tf.concat([leading, [-1, 2, tables.num_rotations // 2]], 0)
        table = tf.reshape(table, split)[..., number, :]
    return tf.reshape(table, tf.concat([leading, [-1, 1]], 0))


def join(parts, tables):
    """Returns `[M, B]` of what there is of each part, `[H, B]`."""
    if len(parts) == 1:
        return parts[0]
    half = tables.num_rotations // 2
    halves = [tf.reshape(part, [-1, 1, half, tf.shape(part)[1]]) for part in parts]
    return tf.reshape(tf.concat(halves, 1), [tables.num_candidates, -1])
