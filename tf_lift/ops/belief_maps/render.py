"""Belief maps from landmarks, with the paper's gradient; cells and pixels.

Conventions: `tf_lift.ops.belief_maps`.
"""

import math

import tensorflow as tf

from tf_lift.ops import dtypes, shapes
from tf_lift.ops.belief_maps import separable

__all__ = ["cells_to_pixels", "from_landmarks", "pixels_to_cells"]


def from_landmarks(landmarks, height: int, width: int, stddev: float = 1.0) -> tf.Tensor:
    """Draws a Gaussian of peak 1 around each landmark, and the background.

    `maps[i, j, l] = exp(-((j - x_l)**2 + (i - y_l)**2) / (2 stddev**2))`, at subpixel
    positions; the last channel is `background = 1 - max_l maps`. A landmark that is not
    finite is absent: its map is 0 everywhere, and it gets no gradient.

    The gradient is the paper's difference of Gaussians, not the analytic derivative:
    `d maps / dx = (maps(x + 1) - maps(x - 1)) / 2`, one cell to either side, and the same
    for y. The gradient of a background cell goes to the landmark that is the maximum there.

    Args:
        landmarks: Tensor of shape `[..., L, 2]`, (x, y) in cells; may lie outside.
        height: Number of rows, H.
        width: Number of columns, W.
        stddev: Standard deviation of the Gaussians in cells.

    Returns:
        Tensor of shape `[..., H, W, L + 1]`, float32 (float64 for float64 landmarks).

    Raises:
        ValueError: If `landmarks` has another shape or is empty, or a size or `stddev` is
            not positive.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017, supplementary material, S9;
        docs/method.md, M17.

    >>> maps = from_landmarks([[[1.0, 0.0]]], height=2, width=3)
    >>> maps[0, :, :, 0].numpy().round(2)
    array([[0.61, 1.  , 0.61],
           [0.37, 0.61, 0.37]], dtype=float32)
    >>> float(maps[0, 0, 1, -1])
    0.0
    """
    for name, size in (("height", height), ("width", width), ("stddev", stddev)):
        if not tf.is_tensor(size) and not 0 < size < math.inf:
            raise ValueError(f"`{name}` must be positive. Received: {name}={size!r}")
    with tf.name_scope("from_landmarks"):
        landmarks = dtypes.to_float(landmarks)
        shapes.check_shape(landmarks, "landmarks", None, 2)
        shapes.check_not_empty(landmarks, "landmarks")
        gaussians = _gaussians(landmarks, height, width, stddev)
        # No Gaussian exceeds 1, so the definition's max(0, .) is not needed.
        background = 1.0 - tf.reduce_max(gaussians, axis=-1, keepdims=True)
        return tf.concat([gaussians, background], axis=-1)


def _gaussians(landmarks, height, width, stddev):
    present = tf.reduce_all(tf.math.is_finite(landmarks), axis=-1, keepdims=True)
    present = tf.cast(present, landmarks.dtype)[..., tf.newaxis, :, 0]
    landmarks = tf.where(tf.math.is_finite(landmarks), landmarks, tf.zeros_like(landmarks))
    columns = tf.range(tf.cast(width, landmarks.dtype))[:, tf.newaxis]
    rows = tf.range(tf.cast(height, landmarks.dtype))[:, tf.newaxis]

    # The Gaussian is a product of one in x and one in y, so no tensor here or in the
    # gradient is larger than the maps.
    def profile(cells, positions, shift=0.0):  # [..., cells, L]
        distance = (cells - positions[..., tf.newaxis, :] - shift) / stddev
        return present * tf.exp(-0.5 * distance**2)

    @tf.custom_gradient
    def draw(landmarks):
        x, y = landmarks[..., 0], landmarks[..., 1]
        profile_x, profile_y = profile(columns, x), profile(rows, y)
        maps = separable.outer(profile_x, profile_y)

        # S9 with a delta of one cell: db/dx = [b(x + 1) - b(x - 1)] / 2, which leaves the
        # factor in y unchanged; likewise for y.
        def grad(upstream):
            difference_x = (profile(columns, x, 1.0) - profile(columns, x, -1.0)) / 2.0
            difference_y = (profile(rows, y, 1.0) - profile(rows, y, -1.0)) / 2.0
            over_rows = tf.reduce_sum(upstream * profile_y[..., :, tf.newaxis, :], axis=-3)
            over_columns = tf.reduce_sum(upstream * profile_x[..., tf.newaxis, :, :], axis=-2)
            grad_x = tf.reduce_sum(over_rows * difference_x, axis=-2)
            grad_y = tf.reduce_sum(over_columns * difference_y, axis=-2)
            return tf.stack([grad_x, grad_y], axis=-1)

        return maps, grad

    return draw(landmarks)


def cells_to_pixels(cells, stride: float) -> tf.Tensor:
    """Converts positions from cells of a map to pixels of the image.

    `pixels = (cells + 0.5) * stride - 0.5` for x and y: pixel 0 has its centre at 0, and a
    cell covers `stride` pixels.

    Args:
        cells: Tensor of shape `[..., 2]`.
        stride: Pixels per cell.

    Returns:
        Tensor of the shape of `cells`.

    Raises:
        ValueError: If the last dimension is not 2 or `stride` is not positive.

    >>> cells_to_pixels([[0.0, 1.0]], stride=8).numpy()
    array([[ 3.5, 11.5]], dtype=float32)
    """
    return (_positions(cells, "cells", stride) + 0.5) * stride - 0.5


def pixels_to_cells(pixels, stride: float) -> tf.Tensor:
    """Converts positions from pixels of the image to cells: the inverse of `cells_to_pixels`.

    Args:
        pixels: Tensor of shape `[..., 2]`.
        stride: Pixels per cell.

    Returns:
        Tensor of the shape of `pixels`.

    Raises:
        ValueError: If the last dimension is not 2 or `stride` is not positive.

    >>> pixels_to_cells([[3.5, 11.5]], stride=8).numpy()
    array([[0., 1.]], dtype=float32)
    """
    return (_positions(pixels, "pixels", stride) + 0.5) / stride - 0.5


def _positions(positions, name, stride):
    if not 0 < stride < math.inf:
        raise ValueError(f"`stride` must be positive. Received: stride={stride!r}")
    positions = dtypes.to_float(positions)
    shapes.check_shape(positions, name, 2)
    return positions
