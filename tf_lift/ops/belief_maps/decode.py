"""Landmarks from belief maps: the argmax with the paper's gradient, and subpixel decoders.

Conventions: `tf_lift.ops.belief_maps`.
"""

import math

import tensorflow as tf

from tf_lift.ops import dtypes, shapes
from tf_lift.ops.belief_maps import separable

__all__ = ["peak_values", "refine_peaks", "soft_argmax", "to_landmarks"]


def to_landmarks(belief_maps, step: float = 1.0) -> tf.Tensor:
    """Finds the cell of the maximum of each channel, with a gradient through the argmax.

    The first of equal maxima in row-major order wins, so a flat map gives (0, 0). A channel
    that holds a NaN gives (NaN, NaN). Every channel is decoded, so leave out the background.

    The gradient points where the maximum should move. For the upstream gradient g of a
    landmark Y and m = step |g|, it is +m at the peak and -m N(z; Y, 1), the normal density
    of standard deviation one cell, at the other cells z of the quadrant on the side of -g.
    A descent step thus lowers the peak and raises its neighbours in the wanted direction.
    The gradient is 0 where g = 0.

    The quadrant includes the peak's own row and column on its side: a landmark two cells too
    far to the left must raise cells of its own row whatever the sign of a vanishing g_y,
    and the nearest cells, where N is largest, lie there. Where g is exactly 0 along one
    axis, both quadrants on the side of -g count, but not the line through the peak along
    that axis, on which the landmark would gain nothing. A peak on the border with no cell
    on the side of -g is only lowered.

    Args:
        belief_maps: Tensor of shape `[..., H, W, C]`.
        step: Factor k of the gradient, positive.

    Returns:
        Tensor of shape `[..., C, 2]`: (x, y) in cells, float32 (float64 for float64 maps).

    Raises:
        ValueError: If `belief_maps` has another shape or is empty, or `step` is not
            positive.

    References:
        Tome et al. Lifting from the Deep. CVPR 2017, supplementary material, section 1.2;
        docs/method.md, M18.

    >>> maps = tf_lift.ops.belief_maps.from_landmarks([[[2.2, 0.9]]], height=4, width=5)
    >>> to_landmarks(maps[..., :-1]).numpy()
    array([[[2., 1.]]], dtype=float32)
    """
    if not 0 < step < math.inf:
        raise ValueError(f"`step` must be positive. Received: step={step!r}")
    with tf.name_scope("to_landmarks"):
        belief_maps, known = _checked(belief_maps)
        return _where_known(known, _argmax(belief_maps, step))


def _checked(belief_maps):
    """Converts maps; also returns which channels hold no NaN, `[..., C]`."""
    belief_maps = dtypes.to_float(belief_maps)
    shapes.check_shape(belief_maps, "belief_maps", None, None, None)
    shapes.check_not_empty(belief_maps, "belief_maps")
    # Sum numbers: a reduction of booleans takes three times as long on a CPU.
    num_unknown = tf.reduce_sum(tf.cast(tf.math.is_nan(belief_maps), tf.float32), axis=[-3, -2])
    return belief_maps, tf.equal(num_unknown, 0.0)


def _where_known(known, landmarks):
    unknown = tf.constant(math.nan, landmarks.dtype)
    return tf.where(known[..., tf.newaxis], landmarks, unknown)


def _emptied(belief_maps, known):
    """Sets channels that hold a NaN to 0, so that their derivatives are 0 and not NaN."""
    return tf.where(known[..., tf.newaxis, tf.newaxis, :], belief_maps, tf.zeros_like(belief_maps))


def _flatten(belief_maps):
    shape = tf.shape(belief_maps)
    return tf.reshape(belief_maps, tf.concat([shape[:-3], [-1], shape[-1:]], axis=0))


def _cells(belief_maps):
    """Returns the column of each column `[W, 1]` and the row of each row `[H, 1]`."""
    shape = tf.cast(tf.shape(belief_maps)[-3:-1], belief_maps.dtype)
    return tf.range(shape[1])[:, tf.newaxis], tf.range(shape[0])[:, tf.newaxis]


def _argmax(belief_maps, step):
    columns, rows = _cells(belief_maps)

    @tf.custom_gradient
    def decode(belief_maps):
        width = tf.shape(belief_maps)[-2]
        # A channel with a NaN yields an arbitrary cell, which the caller ignores.
        index = tf.argmax(_flatten(belief_maps), axis=-2, output_type=tf.int32)
        landmarks = tf.cast(tf.stack([index % width, index // width], axis=-1), belief_maps.dtype)

        def grad(upstream):
            magnitude = step * tf.norm(upstream, axis=-1)[..., tf.newaxis, :]
            # Each term is a product of a profile over columns and one over rows,
            # [..., cells, C], so only sums of such products are as large as the maps.
            peak, density = [], []
            for axis, cells in enumerate((columns, rows)):
                along = cells - landmarks[..., tf.newaxis, :, axis]
                g, other = (upstream[..., tf.newaxis, :, i] for i in (axis, 1 - axis))
                at_peak = tf.equal(along, 0.0)
                # Leave out the line through the peak where the other axis has no gradient.
                wanted = (-along * tf.sign(g) >= 0) & ~(at_peak & tf.equal(other, 0.0))
                density.append(tf.where(wanted, tf.exp(-0.5 * along**2), 0.0))
                peak.append(tf.cast(at_peak, upstream.dtype))
            scale = magnitude / (2.0 * math.pi)
            # Where the quadrant includes the peak's cell, cancel the density there.
            inside = tf.cast(tf.reduce_all(tf.not_equal(upstream, 0.0), axis=-1), upstream.dtype)
            peak_value = magnitude + scale * inside[..., tf.newaxis, :]
            lowered = separable.outer(peak[0], peak[1] * peak_value)
            return lowered - separable.outer(density[0], density[1] * scale)

        return landmarks, grad

    return decode(belief_maps)


def refine_peaks(belief_maps, step: float = 1.0) -> tf.Tensor:
    """Finds the maximum of each channel to a fraction of a cell.

    Fits a parabola to the logarithm of the peak and of its two neighbours along each
    axis, which is exact for a Gaussian of any width and height. A neighbour outside the
    map, or a peak that is not positive, leaves the centre of the cell. On 46 x 46 maps of a
    Gaussian of 0.875 cells the error is 0.00 cells without noise, 0.03 with noise of 2 %
    of the peak and 0.16 with 10 %; against 0.06, 0.07 and 0.18 for a parabola through the
    values themselves and 0.42, 0.42 and 0.45 for the plain argmax.

    The gradient is that of `to_landmarks`; the shift within the cell adds nothing to it.

    Args:
        belief_maps: Tensor of shape `[..., H, W, C]`.
        step: Factor of the gradient, as in `to_landmarks`.

    Returns:
        Tensor of shape `[..., C, 2]`: (x, y) in cells, within half a cell of the argmax
        along each axis; (NaN, NaN) for a channel that holds a NaN.

    Raises:
        ValueError: If `belief_maps` has another shape or is empty, or `step` is not
            positive.

    >>> maps = tf_lift.ops.belief_maps.from_landmarks([[[2.2, 0.9]]], height=4, width=5)
    >>> refine_peaks(maps[..., :-1]).numpy().round(3)
    array([[[2.2, 0.9]]], dtype=float32)
    """
    if not 0 < step < math.inf:
        raise ValueError(f"`step` must be positive. Received: step={step!r}")
    with tf.name_scope("refine_peaks"):
        belief_maps, known = _checked(belief_maps)
        cells = _argmax(belief_maps, step)
        shift = tf.stop_gradient(_peak_shift(belief_maps, tf.stop_gradient(cells)))
        return _where_known(known, cells + shift)


# Lower bound, relative to the peak, of a value whose logarithm is taken. The subpixel error is
# the same for bounds from 1e-3 to 5e-2, since a Gaussian's neighbours are far above either.
_LOG_FLOOR = 1e-2


def _peak_shift(belief_maps, cells):
    shape = tf.shape(belief_maps)
    width, height = shape[-2], shape[-3]
    x, y = tf.unstack(tf.cast(cells, tf.int32), axis=-1)
    # A neighbour outside the map is clamped to any cell; its value is not used.
    left, right = tf.maximum(x - 1, 0), tf.minimum(x + 1, width - 1)
    above, below = tf.maximum(y - 1, 0), tf.minimum(y + 1, height - 1)
    places = [(x, y), (left, y), (right, y), (x, above), (x, below)]
    values = _values_at(belief_maps, [row * width + column for column, row in places])
    # The ratio of infinite beliefs is undefined.
    peak, *neighbours = tf.unstack(tf.clip_by_value(values, -1e30, 1e30), axis=-2)
    shifts = [
        _parabola_shift(before, peak, after, (position > 0) & (position < size - 1) & (peak > 0))
        for before, after, position, size in (
            (*neighbours[:2], x, width),
            (*neighbours[2:], y, height),
        )
    ]
    return tf.stack(shifts, axis=-1)


def _values_at(belief_maps, cells):
    """Reads each channel at its own cells: N of `[..., C]` in row-major order; `[..., N, C]`."""
    shape = tf.shape(belief_maps)
    num_channels = shape[-1]
    index = tf.stack(cells, axis=-2) * num_channels + tf.range(num_channels)
    flat = tf.reshape(belief_maps, tf.concat([shape[:-3], [-1]], axis=0))
    leading = belief_maps.shape.rank - 3
    rows = tf.reshape(index, tf.concat([shape[:-3], [-1]], axis=0))
    values = tf.gather(flat, rows, axis=leading, batch_dims=leading)
    return tf.reshape(values, tf.shape(index))


def _parabola_shift(before, peak, after, usable):
    """Returns the vertex, relative to the peak, of the parabola in log values; 0 if unusable."""
    peak = tf.where(usable, peak, tf.ones_like(peak))
    log_before = tf.math.log(tf.clip_by_value(before / peak, _LOG_FLOOR, 1.0))
    log_after = tf.math.log(tf.clip_by_value(after / peak, _LOG_FLOOR, 1.0))
    # Both logarithms are <= 0 = log(peak / peak); a plateau of three has no vertex.
    shift = 0.5 * tf.math.divide_no_nan(log_after - log_before, -log_before - log_after)
    return tf.where(usable, shift, tf.zeros_like(shift))


# Lower bound of a belief in `soft_argmax`: its sixth power is negligible against any real peak's.
_SOFT_FLOOR = 1e-3


def soft_argmax(belief_maps, power: float = 6.0) -> tf.Tensor:
    """Computes the mean position of each channel, weighted by a power of the belief.

    `sum_z z b(z)**power / sum_z b(z)**power`, a softmax of `power * log b` with b at least
    0.001. Unlike a softmax of the beliefs, it ignores their scale, and the many empty cells
    do not pull it to the centre of the map. Low powers are exact for clean Gaussians; high
    powers resist noise: on 46 x 46 maps of a Gaussian of 0.875 cells the error at power 4, 6
    and 8 is 0.06, 0.13 and 0.19 cells without noise, 0.28, 0.16 and 0.21 with noise of 5 % of
    the peak, and 3.4, 0.43 and 0.25 with 10 %. The best softmax of the beliefs has an error
    of 0.27 without noise.

    The gradient is the true derivative for every cell above 0.001. A map with no such cell
    gives its own centre.

    Args:
        belief_maps: Tensor of shape `[..., H, W, C]`.
        power: Sharpness, positive.

    Returns:
        Tensor of shape `[..., C, 2]`: (x, y) in cells; (NaN, NaN) for a channel that holds
        a NaN.

    Raises:
        ValueError: If `belief_maps` has another shape or is empty, or `power` is not
            positive.

    >>> maps = tf_lift.ops.belief_maps.from_landmarks([[[2.2, 0.9]]], height=4, width=5)
    >>> soft_argmax(maps[..., :-1]).numpy().round(1)
    array([[[2.1, 0.9]]], dtype=float32)
    """
    if not 0 < power < math.inf:
        raise ValueError(f"`power` must be positive. Received: power={power!r}")
    with tf.name_scope("soft_argmax"):
        belief_maps, known = _checked(belief_maps)
        belief_maps = _emptied(belief_maps, known)
        columns, rows = _cells(belief_maps)
        log_beliefs = power * tf.math.log(tf.clip_by_value(belief_maps, _SOFT_FLOOR, 1e30))
        weights = tf.nn.softmax(_flatten(log_beliefs), axis=-2)
        weights = tf.reshape(weights, tf.shape(belief_maps))
        x = tf.reduce_sum(tf.reduce_sum(weights, axis=-3) * columns, axis=-2)
        y = tf.reduce_sum(tf.reduce_sum(weights, axis=-2) * rows, axis=-2)
        return _where_known(known, tf.stack([x, y], axis=-1))


def peak_values(belief_maps) -> tf.Tensor:
    """Returns the maximum of each channel: the score of its landmark.

    Args:
        belief_maps: Tensor of shape `[..., H, W, C]`.

    Returns:
        Tensor of shape `[..., C]`; NaN for a channel that holds a NaN.

    Raises:
        ValueError: If `belief_maps` has another shape or is empty.

    >>> peak_values(tf_lift.ops.belief_maps.from_landmarks([[[1.0, 1.0]]], 3, 3)).numpy().round(2)
    array([[1.  , 0.63]], dtype=float32)
    """
    with tf.name_scope("peak_values"):
        belief_maps, known = _checked(belief_maps)
        peaks = tf.reduce_max(_emptied(belief_maps, known), axis=[-3, -2])
        return _where_known(known, peaks[..., tf.newaxis])[..., 0]
