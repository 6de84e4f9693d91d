"""The landmarks of a clip as they are lifted: smoothed, and weighed by the noise that is left."""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.ops.geometry import joint_maps
from tf_lift.ops.sequences import landmark_smoothing
from tf_lift.sequences import motion

__all__ = ["MIN_JOINTS", "Seen", "Setting", "smooth_landmarks"]

# A free scale, position and rotation are four numbers: two joints fit any pose exactly.
MIN_JOINTS = 4

# Deviation beyond which a landmark that the motion implies is as good as missing, mm: that of a
# wrist after a fifth of a second.
_MAX_FILLED_MM = 100.0

# Least liveliness of the joints in space, of that in the motion capture. That of the image alone
# does not know of depths, which move where a person stands still in the image.
_MIN_ACTIVITY = 0.1


class Setting(NamedTuple):
    """What all frames share and no value of a frame changes."""

    prior: object
    camera: object
    skeleton: object
    options: object
    interval: float
    jit_compile: bool


class Seen(NamedTuple):
    """The landmarks of a clip as they are lifted.

    Attributes:
        landmarks: `[T, L, 2]`, float64, px, smoothed; those that the motion implies as well.
        weights: `[T, L]`, float64; 0 for missing ones.
        fill: `[T, L]`, float64, mm: deviation of each of the prior's joints where the motion
            alone implies its landmark, else 0.
        activity: Power of the acceleration relative to that of the motion capture.
        unit: mm on the person per pixel, about.
        lengths_given: Whether the caller knows the bone lengths.
    """

    landmarks: tf.Tensor
    weights: tf.Tensor
    fill: tf.Tensor
    activity: tf.Tensor
    unit: tf.Tensor
    lengths_given: bool


def smooth_landmarks(landmarks, weights, setting, is_one):
    """Returns the `Seen` of a clip, and the setting to lift it with."""
    prior, options = setting.prior, setting.options
    points, weights = tf.cast(landmarks, tf.float64), tf.cast(weights, tf.float64)
    unit = _millimetres_per_pixel(points, weights, setting)
    is_given = weights > 0
    centre = _mean_place(points, is_given)
    points = unit * (points - centre)
    density = tf.constant(motion.of_skeleton(setting.skeleton or prior.skeleton).in_space)
    # A landmark of weight v has the noise n^2 / v in the lift, so that it has a variance of its own
    # beyond that of all, which smoothing lessens and a clip of one frame keeps.
    usual = np.sum(prior.mixture_weights * prior.noise_stddev**2)
    own = usual * (1 / tf.where(is_given, tf.minimum(weights, 1), 1) - 1)
    extra = tf.stop_gradient(tf.where(is_given, own, np.inf))
    levels = landmark_smoothing.find_levels(points, extra, density, setting.interval)
    smoothed, noise = landmark_smoothing.smooth(points, extra, levels, density, setting.interval)
    smoothed = tf.where(is_one, points, smoothed)
    noise = tf.where(is_one & is_given, tf.sqrt(extra), noise)

    # What the motion implies completes a frame, but is no frame: the smoother of the poses, which
    # knows how people move about their mean places, bridges it better.
    enough = tf.reduce_sum(tf.cast(is_given, tf.int32), -1, keepdims=True) >= MIN_JOINTS
    visible = (noise**2 < _MAX_FILLED_MM**2 + own) & enough
    fill = tf.where(visible & ~is_given, noise, tf.zeros_like(noise))
    if setting.skeleton is not None:
        mapping = np.abs(skeletons.joint_map(setting.skeleton, prior.skeleton))
        mapping[~mapping.any(1)] = 1 / mapping.shape[1]  # Inferred from all others.
        fill = tf.linalg.matmul(fill, tf.constant(mapping, tf.float64), transpose_b=True)
    if options.landmark_stddev:
        # What differs from frame to frame is part of the whole error, and mostly gone.
        told = unit * tf.reduce_mean(tf.constant(options.landmark_stddev, tf.float64))
        noise = tf.sqrt(noise**2 + tf.maximum(told**2 - levels.noise**2, 0))
        setting = setting._replace(options=dataclasses.replace(options, landmark_stddev=None))
    trust = tf.maximum(weights, 1) / (1 + noise**2 / usual)
    trust = tf.stop_gradient(tf.where(visible, trust, 0))
    smoothed = tf.where(visible[..., tf.newaxis], smoothed / unit + centre, 0)
    activity = tf.maximum(levels.activity, _MIN_ACTIVITY)
    lengths_given = options.bone_lengths is not None or options.height is not None
    return Seen(smoothed, trust, fill, activity, unit, lengths_given), setting


def _mean_place(points, is_given):
    """Returns the mean `[2]` of all landmarks of all frames, without a gradient."""
    given = tf.cast(is_given, points.dtype)
    total = tf.einsum("tl,tlc->c", given, points)
    return tf.stop_gradient(tf.math.divide_no_nan(total, tf.reduce_sum(given)))


def _millimetres_per_pixel(landmarks, weights, setting):
    """Returns mm on the person per pixel, about, for the whole clip: as M21 has it.

    The squared spread of the landmarks is, on average, that of the prior's poses.
    """
    prior = setting.prior
    if setting.skeleton is not None:
        mapping = skeletons.joint_map(setting.skeleton, prior.skeleton)
        landmarks, weights = joint_maps.convert(landmarks, mapping, weights)
    loadings = prior.basis * prior.stddev[:, :, np.newaxis, np.newaxis]
    shapes_of_each = np.concatenate([loadings, prior.mean_pose[:, np.newaxis]], 1)
    products = np.einsum("k,kjlc,kjmc->clm", prior.mixture_weights, shapes_of_each, shapes_of_each)
    # Seen from any side: half of the horizontal variance, and the vertical one.
    moments = (products[0] + products[1]) / 2 + products[2]
    visible = tf.cast(weights > 0, landmarks.dtype)
    mean = tf.math.divide_no_nan(visible, tf.reduce_sum(visible, -1, keepdims=True))
    expected = tf.einsum("tl,l->t", mean, tf.constant(np.diag(moments)))
    expected -= tf.einsum("tl,lm,tm->t", mean, tf.constant(moments), mean)
    centre = tf.einsum("tl,tlc->tc", mean, landmarks)[:, tf.newaxis]
    spread = tf.einsum("tl,tlc->t", mean, (landmarks - centre) ** 2)
    ratio = tf.math.divide_no_nan(tf.reduce_sum(expected), tf.reduce_sum(spread))
    return tf.stop_gradient(tf.where(ratio > 0, tf.sqrt(tf.where(ratio > 0, ratio, 1)), 1))
