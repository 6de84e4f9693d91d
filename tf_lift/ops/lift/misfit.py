"""How badly landmarks fit the prior: a number whose limit is the same for every lift."""

import tensorflow as tf

from tf_lift.ops.lift import component as ppca
from tf_lift.ops.lift import inputs, size

__all__ = ["LIMIT", "CAUSES", "from_fit", "measure", "num_coordinates"]

# Landmarks that fit have a misfit below this.
LIMIT = 1.0

# What usually makes the misfit of landmarks exceed the limit.
CAUSES = (
    "the order of the joints, left and right exchanged, x and y exchanged, units or aspect, zeros "
    "for missing joints, a person upside down, or a pose that the prior does not know"
)

# Quantile 0.99 of the standard normal distribution.
_QUANTILE = 2.326

# The largest 99 % quantile, over 0 to 12 missing landmarks, two sets of held-out people and two
# kinds of prior, of the distance of poses that fit, relative to that of the chi-squared
# distribution: 1.2 to 2.6. Poses of real people have heavier tails than a Gaussian.
_HEAVY_TAILS = 2.5

# Log of the ratio of squared sizes below which a person is too small. The sizes of 95 % of the
# poses of held-out people are above 0.3 to 0.5 less than those of the prior's mean.
_SIZE_TOLERANCE = 0.5


def measure(result, batch, tables):
    """Computes the misfit of lifted poses, differentiable where `energy` is.

    Args:
        result: Dict of `energy`, `scale` and `mixture_index`, `[B]` each.
        batch: Dict of `landmarks` and perhaps `weights`, see `inputs.without_invalid`.
        tables: `LiftTables`.

    Returns:
        `[B]`; infinite or NaN where `energy` is.

    References:
        docs/method.md, M30 to M32.
    """
    landmarks, weights, _ = inputs.without_invalid(batch)
    seen = tf.ones_like(landmarks[:1, :, 0]) if weights is None else weights
    component = tf.maximum(result["mixture_index"], 0) * tables.per_component
    noise_variance = tf.gather(tables.noise_stddev, component) ** 2
    relative_size = None
    if tables.free_scale:
        frame = inputs.find_frame(landmarks, weights)
        scale = tf.where(result["scale"] > 0, result["scale"], 1)
        fitted = size.spread(frame.landmarks, seen) * (frame.unit / scale) ** 2
        expected = size.expected_spread(
            seen, tables.second_moments, tf.reduce_mean(tables.noise_stddev**2)
        )
        relative_size = tf.math.divide_no_nan(fitted, expected)
    dimensions = num_coordinates(batch, tables)
    return from_fit(result["energy"], noise_variance, dimensions, relative_size)


def num_coordinates(batch, tables):
    """Returns the number of free coordinates of the landmarks, `[B]`, or `[1]` if all are seen.

    Args:
        batch: Dict of `landmarks` and perhaps `weights`, see `inputs.without_invalid`.
        tables: `LiftTables`.
    """
    landmarks, weights, _ = inputs.without_invalid(batch)
    seen = tf.ones_like(landmarks[:1, :, 0]) if weights is None else weights
    return ppca.dimensions(seen, tables.free_scale)


def from_fit(energy, noise_variance, dimensions, relative_size=None):
    """Computes the misfit of fitted poses.

    Args:
        energy: mm^2, `[B]`; infinite where the landmarks determine no pose.
        noise_variance: Of the fitted component, mm^2.
        dimensions: Number of free coordinates of the landmarks.
        relative_size: Squared size of the fitted landmarks over that expected, at a free scale.

    Returns:
        `[B]`; 0 where there are no coordinates to fit, infinite or NaN where `energy` is.

    References:
        docs/method.md, M30 to M32.

    >>> float(from_fit(tf.constant(400.0), 16.0, tf.constant(8.0)).numpy().round(2))
    0.5
    """
    distance = energy / noise_variance
    if relative_size is not None:
        too_small = tf.where(relative_size > 0, relative_size, 1)
        too_small = tf.minimum(tf.math.log(too_small) + _SIZE_TOLERANCE, 0)
        distance -= dimensions * too_small
    # Wilson and Hilferty: the cube root of a chi-squared variable is nearly normal.
    width = 2 / (9 * tf.maximum(dimensions, 1))
    quantile = dimensions * (1 - width + _QUANTILE * tf.sqrt(width)) ** 3
    determined = dimensions > 0
    misfit = distance / (_HEAVY_TAILS * tf.where(determined, quantile, 1))
    return tf.where(determined | ~tf.math.is_finite(energy), misfit, 0)
