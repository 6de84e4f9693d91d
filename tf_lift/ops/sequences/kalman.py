"""Linear-Gaussian motion of independent points: a Kalman filter and the smoother over it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["Motion", "constant_velocity", "log_likelihood", "returning", "smooth"]

# Standardised innovation beyond which the cost grows with its logarithm: people move abruptly
# and detectors err grossly, and neither says how large the usual noise is.
_TAIL = 3.0


class Motion(NamedTuple):
    """How position and velocity of C points change from one frame to the next.

    Each field has the shape `[..., C]`.

    Attributes:
        transition: The four entries of F, by rows, for a state of position and velocity.
        noise: Variance of the position, covariance, variance of the velocity: Q.
        start: Variances of position and velocity before the first frame.
    """

    transition: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]
    noise: tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    start: tuple[tf.Tensor, tf.Tensor]


def constant_velocity(density, interval, position_stddev, velocity_stddev):
    """Returns the motion of points whose acceleration is white noise.

    Args:
        density: `[..., C]`, float64: power of the acceleration, mm^2/s^3 if positions are mm.
        interval: Time between two frames, s.
        position_stddev: Deviation of the position before the first frame: large.
        velocity_stddev: Deviation of the velocity before the first frame.

    References:
        docs/method.md, M39.

    >>> motion = constant_velocity(tf.constant([3.0], tf.float64), 1.0, 1e3, 1e3)
    >>> [float(entry[0]) for entry in motion.noise]
    [1.0, 1.5, 3.0]
    """
    one = tf.ones_like(density)
    noise = (density * interval**3 / 3, density * interval**2 / 2, density * interval)
    start = (position_stddev**2 * one, velocity_stddev**2 * one)
    return Motion((one, interval * one, 0 * one, one), noise, start)


def returning(density, stddev, interval):
    """Returns the motion of points that stay about zero: `constant_velocity`, but bounded.

    The stationary process of covariance `stddev^2 (1 + rate t) exp(-rate t)` (Matern 3/2),
    with the rate at which over short times its acceleration has the given power.

    Args:
        density: `[..., C]`, float64: power of the acceleration.
        stddev: `[..., C]`: deviation of the position at any time.
        interval: Time between two frames, s.

    References:
        docs/method.md, M40.

    >>> motion = returning(tf.constant([4.0], tf.float64), tf.constant([1.0], tf.float64), 1e9)
    >>> [round(float(entry[0]), 3) for entry in motion.noise]  # All memory is lost.
    [1.0, 0.0, 1.0]
    """
    variance = stddev**2
    rate = (density / (4 * variance)) ** (1 / 3)
    decay, turn = tf.exp(-rate * interval), rate * interval
    a, b, c, d = transition = (
        decay * (1 + turn),
        decay * interval,
        -decay * rate * turn,
        decay * (1 - turn),
    )
    velocity = rate**2 * variance
    noise = (
        variance - a**2 * variance - b**2 * velocity,
        -a * c * variance - b * d * velocity,
        velocity - c**2 * variance - d**2 * velocity,
    )
    return Motion(transition, noise, (variance, velocity))


def smooth(values, variance, motion):
    """Computes the posterior mean and variance of positions, given those measured.

    The values are measured with independent noise. A variance of infinity marks a missing
    one; its value, which must be finite, does not count.

    Args:
        values: `[T, C, D]`, float64: D coordinates of C points.
        variance: `[T, C]`, float64: variance of each coordinate.
        motion: `Motion` of C points.

    Returns:
        Means `[T, C, D]` and variances `[T, C]`, the latter without a gradient.

    References:
        docs/method.md, M41 and M42.
        Rauch, Tung and Striebel. Maximum likelihood estimates of linear dynamic systems. 1965.

    >>> motion = constant_velocity(tf.constant([1e-9], tf.float64), 1.0, 1e6, 1e6)
    >>> values = tf.reshape(tf.constant([0.0, 1.0, 0.0, 3.0], tf.float64), [4, 1, 1])
    >>> variance = tf.constant([[1.0], [1.0], [np.inf], [1.0]], tf.float64)
    >>> smooth(values, variance, motion)[0][:, 0, 0].numpy().round(2)
    array([0., 1., 2., 3.])
    """
    return _compiled_smooth(values, tf.stop_gradient(variance), motion)


def _smooth(values, variance, motion):
    # The gains depend on variances alone.
    motion = tf.nest.map_structure(tf.stop_gradient, motion)
    # One more frame, a missing one, changes nothing, and a scan cannot be of no frame.
    values = tf.concat([values, tf.zeros_like(values[:1])], 0)
    variance = tf.pad(variance, [[0, 1], [0, 0]], constant_values=np.inf)
    a, b, c, d = (entry[:, tf.newaxis] for entry in motion.transition)

    def step(state, measured):
        _, _, (place, speed, *covariance) = state
        predicted = (a * place + b * speed, c * place + d * speed)
        spread = _predict(covariance, motion)
        filtered = _update(*predicted, *spread, *measured)
        return predicted, spread, filtered

    zero = tf.zeros_like(values[0])
    start, no_spread = motion.start, tf.zeros_like(variance[0])
    prior = (zero, zero, start[0], no_spread, start[1])
    # The first frame has no motion before it.
    first = _update(*prior, values[0], variance[0])
    initial = ((zero, zero), (no_spread,) * 3, first)
    rest = tf.scan(step, (values[1:], variance[1:]), initial)
    first = tf.nest.map_structure(lambda entry: entry[tf.newaxis], first)
    filtered = tf.nest.map_structure(lambda x, y: tf.concat([x, y], 0), first, rest[2])

    def back(state, elements):
        later, later_spread = state
        predicted, (p, r, s), (place, speed, u, v, w) = elements
        # Gain of the smoother: covariance of this state with the next one over its own, U F' P^-1.
        one, two, three, four = (entry[:, 0] for entry in (a, b, c, d))
        cross = (u * one + v * two, u * three + v * four, v * one + w * two, v * three + w * four)
        determinant = tf.maximum(p * s - r**2, tf.constant(np.finfo(np.float64).tiny, p.dtype))
        inverse = (s / determinant, -r / determinant, p / determinant)
        gain = [
            cross[0] * inverse[0] + cross[1] * inverse[1],
            cross[0] * inverse[1] + cross[1] * inverse[2],
            cross[2] * inverse[0] + cross[3] * inverse[1],
            cross[2] * inverse[1] + cross[3] * inverse[2],
        ]
        g, h, i, j = gain
        change = [x - y for x, y in zip(later, predicted, strict=True)]
        mean = (
            place + g[:, tf.newaxis] * change[0] + h[:, tf.newaxis] * change[1],
            speed + i[:, tf.newaxis] * change[0] + j[:, tf.newaxis] * change[1],
        )
        x, y, z = (after - before for after, before in zip(later_spread, (p, r, s), strict=True))
        spread = (
            u + g * (g * x + h * y) + h * (g * y + h * z),
            v + i * (g * x + h * y) + j * (g * y + h * z),
            w + i * (i * x + j * y) + j * (i * y + j * z),
        )
        return mean, spread

    last = tf.nest.map_structure(lambda entry: entry[-1], filtered)
    earlier = tf.nest.map_structure(lambda entry: entry[:-1], filtered)
    elements = (rest[0], rest[1], earlier)
    means, spreads = tf.scan(back, elements, (last[:2], last[2:]), reverse=True)
    return means[0], tf.stop_gradient(tf.maximum(spreads[0], 0))


# Run one by one, the operations of each frame take many times as long.
_compiled_smooth = tf.function(_smooth, autograph=False, reduce_retracing=True)


def _predict(covariance, motion):
    """Returns F P F' + Q."""
    a, b, c, d = motion.transition
    p, r, s = covariance
    left, right = a * p + b * r, a * r + b * s
    return (
        a * left + b * right + motion.noise[0],
        c * left + d * right + motion.noise[1],
        c * (c * p + d * r) + d * (c * r + d * s) + motion.noise[2],
    )


def _update(place, speed, p, r, s, value, variance):
    """Returns the state after a measurement of the position."""
    total = p + variance
    # p / inf is 0, and so is the weight of what is missing; inf / inf would be NaN.
    weight, kept = p / total, 1 / (1 + p / variance)
    slope = r / total
    innovation = value - place
    place += weight[:, tf.newaxis] * innovation
    speed += slope[:, tf.newaxis] * innovation
    return place, speed, p * kept, r * kept, s - slope * r


def log_likelihood(values, variance, levels, motion):
    """Computes the log-likelihood of values under several levels of noise and of motion.

    Args:
        values: `[T, C, D]`, float64.
        variance: `[T, C]`, float64: of the noise beyond the level; infinite for missing ones.
        levels: `[G]`, float64: variance of the noise of all values.
        motion: `Motion` of `[G, C]`.

    Returns:
        `[G]`: summed over all values, up to a constant, with heavy tails.

    References:
        docs/method.md, M43.
    """
    return tf.stop_gradient(_compiled_log_likelihood(values, variance, levels, motion))


def _log_likelihood(values, variance, levels, motion):
    a, b, c, d = (entry[..., tf.newaxis] for entry in motion.transition)
    shape = tf.concat([tf.shape(motion.noise[0]), tf.shape(values)[-1:]], 0)
    zero = tf.zeros(shape, values.dtype)
    no_spread = tf.zeros_like(motion.noise[0])
    dimension = tf.cast(tf.shape(values)[-1], values.dtype)

    def step(frame, total, place, speed, p, r, s):
        noise = levels[:, tf.newaxis] + variance[frame]
        innovation = values[frame] - place
        known = tf.math.is_finite(noise)
        spread = tf.where(known, p + noise, 1)
        square = tf.reduce_mean(innovation**2, -1) / spread
        # How much of it is news of the state: what is gross is not.
        news = _TAIL**2 / tf.maximum(square, _TAIL**2)
        cost = tf.where(news < 1, _TAIL**2 * (1 - tf.math.log(news)), square)
        cost = dimension * (cost + tf.math.log(spread))
        total -= tf.reduce_sum(tf.where(known, cost, 0), -1) / 2
        weight = tf.where(known, p / spread, 0)
        slope = tf.where(known, r / spread, 0)
        place += (news * weight)[..., tf.newaxis] * innovation
        speed += (news * slope)[..., tf.newaxis] * innovation
        # The covariance after so small a step.
        weight, slope = (news * (2 - news) * each for each in (weight, slope))
        p, r, s = p - weight * p, r - weight * r, s - slope * r
        place, speed = a * place + b * speed, c * place + d * speed
        return frame + 1, total, place, speed, *_predict((p, r, s), motion)

    start = (motion.start[0], no_spread, motion.start[1])
    state = (0, tf.zeros_like(levels), zero, zero, *start)
    return tf.while_loop(lambda frame, *_: frame < tf.shape(values)[0], step, state)[1]


_compiled_log_likelihood = tf.function(_log_likelihood, autograph=False, reduce_retracing=True)
