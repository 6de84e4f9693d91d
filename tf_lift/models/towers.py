"""Stacks of convolutions, and what stands in for them."""

import tensorflow as tf

from tf_lift.models.presets import Conv

__all__ = ["apply_blocks", "check_backbone", "maps_head"]


def apply_blocks(features, blocks, name, batch_norm=False):
    """Applies a stack of convolutions and poolings.

    Args:
        features: Keras tensor of shape `[batch, height, width, channels]`.
        blocks: Sequence of `Conv` and `Pool`.
        name: Prefix of the layers' names.
        batch_norm: Whether to normalise between convolution and ReLU.

    Returns:
        Keras tensor of shape `[batch, height / stride, width / stride, filters]`.
    """
    for index, block in enumerate(blocks, start=1):
        if not isinstance(block, Conv):
            pool = tf.keras.layers.MaxPooling2D(
                block.size, padding="same", name=f"{name}_pool_{index}"
            )
            features = pool(features)
            continue
        features = tf.keras.layers.Conv2D(
            block.filters,
            block.kernel_size,
            block.strides,
            padding="same",
            use_bias=not batch_norm,
            # Keeps the variance through ReLU layers: with the 0.01 of CPM the features of
            # a network without normalisation vanish long before the sixth stage.
            kernel_initializer="he_normal",
            name=f"{name}_conv_{index}",
        )(features)
        if batch_norm:
            # The default 0.99 would still hold initial values after the shortest runs.
            features = tf.keras.layers.BatchNormalization(
                momentum=0.9, name=f"{name}_norm_{index}"
            )(features)
        features = tf.keras.layers.ReLU(name=f"{name}_relu_{index}")(features)
        if block.dropout:
            features = tf.keras.layers.Dropout(block.dropout, name=f"{name}_dropout_{index}")(
                features
            )
    return features


def maps_head(features, num_maps, name):
    """Reads belief maps off features with a 1x1 convolution.

    Args:
        features: Keras tensor of shape `[batch, height, width, channels]`.
        num_maps: Number of joints + 1.
        name: Name of the layer.

    Returns:
        Keras tensor of shape `[batch, height, width, num_maps]`, float32 under any policy.
    """
    # Small, so that untrained maps are near zero: no joint anywhere.
    initializer = tf.keras.initializers.RandomNormal(stddev=0.01)
    layer = tf.keras.layers.Conv2D(
        num_maps, 1, kernel_initializer=initializer, dtype="float32", name=name
    )
    return layer(features)


def check_backbone(backbone, image_size):
    """Checks a Keras model that takes a tower's place and returns its stride.

    Args:
        backbone: Keras model, `[batch, image_size, image_size, 3]` to features of shape
            `[batch, image_size / stride, image_size / stride, channels]`.
        image_size: Side of the image, in pixels.

    Returns:
        Input pixels per cell of the features, at most 8.

    Raises:
        ValueError: If the features are not one square map, or the stride is not a whole
            number from 1 to 8.

    >>> check_backbone(tf.keras.Sequential([tf.keras.layers.Conv2D(8, 3, 4, "same")]), 128)
    4
    """
    shape = backbone.compute_output_shape((None, image_size, image_size, 3))
    if isinstance(shape, tf.TensorShape):
        shape = tuple(shape)
    size = shape[1] if isinstance(shape, tuple) and len(shape) == 4 else None
    square = isinstance(size, int) and size > 0 and shape[2] == size
    if not square or image_size % size or image_size // size > 8:
        raise ValueError(
            f"`backbone` must map [batch, {image_size}, {image_size}, 3] to features of height and "
            f"width {image_size} / stride, with a stride of 8 or less. Received: features of shape "
            f"{shape}"
        )
    return image_size // size
