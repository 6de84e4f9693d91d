"""Costs of candidates from their quadratic forms, good enough for a shortlist."""

import numpy as np
import tensorflow as tf

from tf_lift.ops.lift.fast.xla.quick_log import quick_log

__all__ = ["at", "of_forms", "of_halves", "quick_costs"]


def of_forms(forms, observed, tables, estimator, compiled=False):
    """Returns the costs `[M, B]` of all candidates of a level camera.

    Args:
        forms: `Forms` of `[K, T, B]`, T angles over half a turn.
        observed: `Observed`.
        tables: `LiftTables`.
        estimator: See `quick_costs`.
        compiled: Whether XLA compiles it.
    """
    noise_variance, mixture_cost = (
        tf.reshape(table, [-1, 1, 1])
        for table in (tables.components.noise_variance, tables.components.mixture_cost)
    )
    halves = of_halves(
        forms, noise_variance, mixture_cost, observed, tables.free_scale, estimator, compiled
    )
    return tf.reshape(tf.stack(halves, 1), [tables.num_candidates, -1])


def of_halves(forms, noise_variance, mixture_cost, observed, free_scale, estimator, compiled=False):
    """Returns the costs of candidates in the first and in the second half of a turn.

    Args:
        forms: `Forms`; all arguments broadcast with them.
        noise_variance: mm^2.
        mixture_cost: -2 log of the mixture weight.
        observed: `Observed`; its `dimensions` and `unused` are read.
        free_scale: Whether scale and position are free.
        estimator: See `quick_costs`.
        compiled: Whether XLA compiles it.
    """
    constants = _constants(forms.log_determinant, noise_variance, mixture_cost, observed)
    return [
        quick_costs(
            forms.even + sign * forms.odd,
            forms.mean_even + sign * forms.mean_odd,
            forms.constant,
            *constants,
            free_scale,
            estimator,
            compiled,
        )
        for sign in (1, -1)
    ]


def at(forms, indices, observed, tables, estimator, compiled=False):
    """Returns the costs `[N, B]` of `Forms` of candidates `indices`, each at its own angle."""
    constants = _constants(
        forms.log_determinant,
        tf.gather(tables.noise_stddev, indices) ** 2,
        tf.gather(tables.mixture_cost, indices),
        observed,
    )
    return quick_costs(
        forms.even + forms.odd,
        forms.mean_even + forms.mean_odd,
        forms.constant,
        *constants,
        tables.free_scale,
        estimator,
        compiled,
    )


def _constants(log_determinant, noise_variance, mixture_cost, observed):
    # Coordinates that take part with noise alone do not count.
    normaliser = log_determinant - observed.unused * tf.math.log(noise_variance) + mixture_cost
    return noise_variance, normaliser, observed.dimensions


def quick_costs(
    square,
    product,
    constant,
    noise_variance,
    normaliser,
    dimensions,
    free_scale,
    estimator,
    compiled=False,
):
    """Returns the costs M12 of candidates; all arguments broadcast.

    The fast form of `component.cost` with the most likely scale: of the scale it takes the
    form of the root that is exact where p'My > 0, as for every good candidate.

    Args:
        square: y'My.
        product: p'My.
        constant: p'Mp, mm^2.
        noise_variance: mm^2.
        normaliser: Log-determinant less twice the log of the mixture weight.
        dimensions: Number of free coordinates of the landmarks.
        free_scale: Whether scale and position are free.
        estimator: "min_energy" for the energy alone, P2; others for M12.
        compiled: Whether XLA compiles it.

    References:
        docs/method.md, M8, M10 and M12.
    """
    if free_scale:
        limits = np.finfo(square.dtype.as_numpy_dtype)
        square = tf.maximum(square, float(limits.eps))
        root = tf.sqrt(product**2 + (4 * dimensions * noise_variance) * square)
        # The limit also keeps XLA from storing the quotient between its two readers.
        inverse_scale = tf.maximum((product + root) / (2 * square), float(limits.tiny))
        energy = inverse_scale * (inverse_scale * square - 2 * product) + constant
    else:
        energy = square - 2 * product + constant
    if estimator == "min_energy":
        return energy
    costs = (1 / noise_variance) * energy + normaliser
    if free_scale:
        log = quick_log if compiled else tf.math.log
        costs -= 2 * dimensions * log(inverse_scale)
    return costs
