"""Computes target belief maps of convolutional pose machines from landmarks."""

import tensorflow as tf

from tf_lift.ops import shapes

__all__ = ["belief_map_targets", "centre_maps"]

# Standard deviations at the paper's input of 368 px.
_REFERENCE_SIZE_PX = 368.0
_LANDMARK_STDDEV_PX = 7.0
_CENTRE_STDDEV_PX = 21.0
# Gaussians are set to 0 below 1 % of their peak.
_CUT = 0.01


def belief_map_targets(
    landmarks: tf.Tensor, image_size: int, stride: int, stddev_px: float | None = None
) -> tf.Tensor:
    """Computes the target belief maps of a stage.

    The map of a landmark at (x, y) is `exp(-distance**2 / (2 stddev_px**2))` at each cell's
    centre, 0 where that is below 0.01; several people add up, clipped at 1. The background is
    `max(0, 1 - max over landmarks)`.

    A landmark outside the image is labelled like any other: its map holds the part of the
    Gaussian that reaches the image, mostly zeros. A landmark that is NaN has no label: its
    channel, and therefore the background, is NaN, which `losses.BeliefMapLoss` ignores. With
    several people, those with NaN are left out of a channel; if all are NaN, so is the channel.

    Args:
        landmarks: Tensor of shape `[..., num_landmarks, 2]` (one person) or
            `[..., num_people, num_landmarks, 2]` together with rank 4: (x, y), px.
        image_size: Side of the square image, px.
        stride: Pixels per cell.
        stddev_px: Standard deviation of the Gaussians, px of the image; `None` for the
            paper's 7 px at 368 px, in proportion to `image_size`, but at least half a
            cell, since a narrower peak would vanish between the cells.

    Returns:
        Tensor of shape `[batch, image_size / stride, image_size / stride,
        num_landmarks + 1]`, float32.

    Raises:
        ValueError: If `landmarks` has another shape or `image_size` is not a multiple
            of `stride`.

    >>> maps = belief_map_targets(tf.constant([[[3.5, 11.5]]]), image_size=16, stride=8)
    >>> maps.shape, float(maps[0, 1, 0, 0])
    (TensorShape([1, 2, 2, 2]), 1.0)
    """
    landmarks = tf.convert_to_tensor(landmarks, tf.float32)
    shapes.check_shape(landmarks, "landmarks", None, 2)
    if landmarks.shape.rank not in (3, 4):
        raise ValueError(
            "`landmarks` must have shape [batch, num_landmarks, 2] or "
            "[batch, num_people, num_landmarks, 2]. "
            f"Received: landmarks.shape={tuple(landmarks.shape)}"
        )
    shapes.check_not_empty(landmarks, "landmarks")
    if stddev_px is None:
        stddev_px = max(_LANDMARK_STDDEV_PX * image_size / _REFERENCE_SIZE_PX, stride / 2)
    _check_positive(stddev_px, "stddev_px")
    maps = _gaussians(landmarks, _cell_centres(image_size, stride), stddev_px)
    if landmarks.shape.rank == 4:
        labelled = ~tf.math.is_nan(maps)
        total = tf.minimum(tf.reduce_sum(tf.where(labelled, maps, 0.0), axis=1), 1.0)
        maps = tf.where(tf.reduce_any(labelled, axis=1), total, float("nan"))
    # `reduce_max` may drop a NaN; the sum keeps it.
    missing = tf.reduce_sum(maps, axis=-1, keepdims=True) * 0.0
    background = tf.maximum(0.0, 1.0 - tf.reduce_max(maps, axis=-1, keepdims=True)) + missing
    return tf.concat([maps, background], axis=-1)


def centre_maps(
    centres: tf.Tensor, image_size: int, stride: int = 1, stddev_px: float | None = None
) -> tf.Tensor:
    """Computes the maps that mark the person of interest for a network.

    Args:
        centres: Tensor of shape `[batch, 2]`: (x, y) of the person's centre, px.
        image_size: Side of the square image, px.
        stride: Pixels per cell.
        stddev_px: Standard deviation, px; `None` for the paper's 21 px at 368 px, in
            proportion to `image_size`.

    Returns:
        Tensor of shape `[batch, image_size / stride, image_size / stride, 1]`, peak 1.

    Raises:
        ValueError: If `centres` has another shape or `image_size` is not a multiple of
            `stride`.

    >>> centre_maps(tf.constant([[1.0, 2.0]]), image_size=4)[0, 2, 1].numpy()
    array([1.], dtype=float32)
    """
    centres = tf.convert_to_tensor(centres, tf.float32)
    shapes.check_shape(centres, "centres", 2)
    if centres.shape.rank != 2:
        raise ValueError(
            f"`centres` must have shape [batch, 2]. Received: centres.shape={centres.shape}"
        )
    if stddev_px is None:
        stddev_px = _CENTRE_STDDEV_PX * image_size / _REFERENCE_SIZE_PX
    _check_positive(stddev_px, "stddev_px")
    return _gaussians(centres[:, None], _cell_centres(image_size, stride), stddev_px)


def _gaussians(landmarks, cell_centres, stddev_px):
    """Computes Gaussians [..., H, W, L] of landmarks [..., L, 2] as products of 1D ones."""
    offsets = cell_centres[:, None] - landmarks[..., None, :, :]
    profiles = tf.exp(-0.5 * (offsets / stddev_px) ** 2)
    maps = profiles[..., :, None, :, 1] * profiles[..., None, :, :, 0]
    # `maps < _CUT` is False for NaN, so NaN stays.
    return tf.where(maps < _CUT, 0.0, maps)


def _cell_centres(image_size, stride):
    if stride < 1 or image_size < 1 or image_size % stride:
        raise ValueError(
            "`image_size` must be a positive multiple of `stride`. "
            f"Received: image_size={image_size}, stride={stride}"
        )
    cells = tf.range(image_size // stride, dtype=tf.float32)
    return ((cells + 0.5) * stride - 0.5)[:, None]


def _check_positive(value, name):
    if not value > 0:
        raise ValueError(f"`{name}` must be positive. Received: {name}={value}")
