"""Quadratic forms at all angles from those at some of them, by trigonometric interpolation."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = ["Forms", "interpolate"]


class Forms(NamedTuple):
    """Parts of the costs of candidates, at angles over half a turn.

    Half a turn later the horizontal coordinates of a candidate have changed their sign, and
    with them the odd parts: y'My is `even + odd` at an angle and `even - odd` half a turn
    later. Where tables have no such symmetry, the odd parts are zero.

    Attributes:
        even, odd: `[K, T, B]`; the parts of y'My.
        mean_even, mean_odd: `[K, T, B]`; the parts of p'My.
        constant: `[K, T, B]`; p'Mp.
        log_determinant: `[K, T, B]`; of the covariance of the visible landmarks.
    """

    even: tf.Tensor
    odd: tf.Tensor
    mean_even: tf.Tensor
    mean_odd: tf.Tensor
    constant: tf.Tensor
    log_determinant: tf.Tensor


def interpolate(forms, num_angles):
    """Returns forms at all angles of half a turn from those at evenly spaced ones.

    All of them are smooth functions of the angle: the landmarks' covariance has harmonics
    up to the second, and its inverse hardly more than the tenth.

    Args:
        forms: `Forms` at T angles, evenly spaced from 0 over half a turn.
        num_angles: Number of angles over half a turn, a multiple of T.

    Returns:
        `Forms` of `[K, num_angles, B]`.

    References:
        docs/method.md, M14d.
    """
    size = forms.even.shape[-2]
    if size == num_angles:
        return forms

    def to_all(parts, sign):
        kernel = tf.constant(matrix(size, num_angles, sign), forms.even.dtype)
        return tf.unstack(tf.einsum("fktb,tn->fknb", tf.stack(parts), kernel))

    even, mean_even, constant, log_determinant = to_all(
        [forms.even, forms.mean_even, forms.constant, forms.log_determinant], 1
    )
    odd, mean_odd = to_all([forms.odd, forms.mean_odd], -1)
    return Forms(even, odd, mean_even, mean_odd, constant, log_determinant)


def matrix(size, num_angles, sign):
    """Returns the interpolation matrix `[size, num_angles]` of functions over half a turn.

    Args:
        size: Number of samples over half a turn.
        num_angles: Number of results over half a turn.
        sign: Factor of the functions after half a turn, 1 or -1.

    >>> matrix(2, 4, 1).round(3).tolist()
    [[1.0, 0.5, 0.0, 0.5], [0.0, 0.5, 1.0, 0.5]]
    """
    samples = np.concatenate([np.eye(size), sign * np.eye(size)], 1)
    spectrum = np.fft.rfft(samples, axis=1)
    # The highest harmonic of the samples stands for two of the result.
    spectrum[:, -1] /= 2
    values = np.fft.irfft(spectrum, 2 * num_angles, axis=1) * (num_angles / size)
    return values[:, :num_angles]
