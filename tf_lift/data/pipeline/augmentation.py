"""Augments batches of people in tf.data, with stateless seeds and exact truth."""

import dataclasses

import tensorflow as tf

from tf_lift.ops import shapes
from tf_lift.skeletons import H36M_17, Skeleton

__all__ = ["Augmentation", "flip", "jitter_colours", "rotate_and_scale"]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of images and their truth.

    Attributes:
        flip: Probability of a mirror image.
        rotation_degrees: Largest rotation in the image plane, in either direction (paper: 10).
        scale: Range of the scale about the image's centre (paper: 0.7 to 1.2; the default is
            narrower because the crops' boxes vary already).
        colour: Strength of the changes of brightness, contrast and white balance.
        grey: Value of pixels outside the original image.

    Raises:
        ValueError: If `flip` is not a probability or `scale` is not a range of positive
            numbers.

    >>> Augmentation(rotation_degrees=30.0).flip
    0.5
    """

    flip: float = 0.5
    rotation_degrees: float = 10.0
    scale: tuple[float, float] = (0.85, 1.15)
    colour: float = 0.15
    grey: float = 128.0

    def __post_init__(self):
        if not 0.0 <= self.flip <= 1.0:
            raise ValueError(f"`flip` must be a probability. Received: flip={self.flip}")
        if not 0.0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"`scale` must be 0 < low <= high. Received: scale={self.scale}")

    def __call__(self, batch: dict, seed: tf.Tensor) -> dict:
        """Augments a batch; the same `seed` gives the same result.

        Args:
            batch: Dict of `image` `[batch, height, width, 3]`, 0 to 255; `landmarks`
                `[batch, 17, 2]`, px; `joints_3d` `[batch, 17, 3]`, mm, frame of the
                image's central ray; optionally `visibility` `[batch, 17]`.
            seed: Integer tensor of shape `[2]`.

        Returns:
            The batch with `image` as float32, still 0 to 255.
        """
        count = tf.shape(batch["image"])[0]
        seeds = tf.random.experimental.stateless_split(seed, 4)
        mirrored = tf.random.stateless_uniform([count], seeds[0]) < self.flip
        limit = self.rotation_degrees * 3.141592653589793 / 180.0
        angle = tf.random.stateless_uniform([count], seeds[1], -limit, limit)
        scale = tf.random.stateless_uniform([count], seeds[2], *self.scale)
        batch = flip(batch, mirrored)
        if self.rotation_degrees or self.scale != (1.0, 1.0):
            # This is half of the total cost, so skip it where it changes nothing.
            batch = rotate_and_scale(batch, angle, scale, self.grey)
        image = jitter_colours(batch["image"], seeds[3], self.colour)
        return {**batch, "image": image}


def flip(batch: dict, mirrored: tf.Tensor, skeleton: Skeleton = H36M_17) -> dict:
    """Mirrors the people for whom `mirrored` is True, and exchanges left and right joints.

    Args:
        batch: As for `Augmentation`.
        mirrored: Bool tensor of shape `[batch]`.
        skeleton: Skeleton whose `swap` pairs the joints.

    >>> person = dict(image=tf.zeros([1, 4, 4, 3]), landmarks=tf.zeros([1, 17, 2]),
    ...     joints_3d=tf.ones([1, 17, 3]))
    >>> float(flip(person, [True])["landmarks"][0, 0, 0])
    3.0
    """
    image = tf.cast(batch["image"], tf.float32)
    shapes.check_shape(batch["landmarks"], "landmarks", skeleton.num_joints, 2)
    shapes.check_shape(batch["joints_3d"], "joints_3d", skeleton.num_joints, 3)
    last = tf.cast(tf.shape(image)[-2] - 1, tf.float32)
    swap = list(skeleton.swap)
    flipped = {
        "image": tf.reverse(image, axis=[-2]),
        "landmarks": tf.gather(batch["landmarks"], swap, axis=-2) * [-1.0, 1.0] + [1.0, 0.0] * last,
        "joints_3d": tf.gather(batch["joints_3d"], swap, axis=-2) * [-1.0, 1.0, 1.0],
    }
    if "visibility" in batch:
        flipped["visibility"] = tf.gather(batch["visibility"], swap, axis=-1)
    original = {**batch, "image": image}
    chosen = {key: _where_example(mirrored, flipped[key], original[key]) for key in flipped}
    return {**batch, **chosen}


def rotate_and_scale(batch: dict, angle: tf.Tensor, scale: tf.Tensor, grey: float = 128.0) -> dict:
    """Rotates and scales images about their centre, together with their truth.

    A landmark at offset d from the centre moves to `scale * R(angle) d`, and `joints_3d`
    rotate by the same `R` about the z axis, which is the ray through the centre. Scaling
    corresponds to another focal length, so it does not change `joints_3d`.

    Args:
        batch: As for `Augmentation`.
        angle: Tensor of shape `[batch]`, rad, from x (right) towards y (down).
        scale: Tensor of shape `[batch]`, > 0; above 1 enlarges.
        grey: Value outside the image.

    >>> person = dict(image=tf.zeros([1, 5, 5, 3]), landmarks=tf.constant([[[3.0, 2.0]]]),
    ...     joints_3d=tf.constant([[[1.0, 0.0, 7.0]]]))
    >>> rotated = rotate_and_scale(person, angle=[np.pi / 2], scale=[2.0])
    >>> rotated["landmarks"].numpy().round(3).tolist()
    [[[2.0, 4.0]]]
    >>> rotated["joints_3d"].numpy().round(3).tolist()
    [[[-0.0, 1.0, 7.0]]]
    """
    image = tf.cast(batch["image"], tf.float32)
    angle = tf.convert_to_tensor(angle, tf.float32)
    scale = tf.convert_to_tensor(scale, tf.float32)
    size = tf.cast(tf.shape(image)[1:3], tf.float32)
    middle = tf.stack([size[1] - 1.0, size[0] - 1.0]) / 2.0
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Row vectors: d @ [[cos, sin], [-sin, cos]] = R d.
    rotation = tf.reshape(tf.stack([cosine, sine, -sine, cosine], axis=-1), [-1, 2, 2])
    landmarks = tf.matmul(batch["landmarks"] - middle, rotation * scale[:, None, None]) + middle
    joints_3d = batch["joints_3d"]
    joints_3d = tf.concat([tf.matmul(joints_3d[..., :2], rotation), joints_3d[..., 2:]], axis=-1)
    # The operation takes the inverse transform, from a pixel of the output to the input.
    inverse = tf.stack([cosine, sine, -sine, cosine], axis=-1) / scale[:, None]
    shift_x = middle[0] - inverse[:, 0] * middle[0] - inverse[:, 1] * middle[1]
    shift_y = middle[1] - inverse[:, 2] * middle[0] - inverse[:, 3] * middle[1]
    zero = tf.zeros_like(angle)
    transforms = [*tf.unstack(inverse[:, :2], axis=-1), shift_x]
    transforms += [*tf.unstack(inverse[:, 2:], axis=-1), shift_y, zero, zero]
    image = tf.raw_ops.ImageProjectiveTransformV3(
        images=image,
        transforms=tf.stack(transforms, axis=-1),
        output_shape=tf.shape(image)[1:3],
        fill_value=grey,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    image = tf.ensure_shape(image, batch["image"].shape)
    return {**batch, "image": image, "landmarks": landmarks, "joints_3d": joints_3d}


def jitter_colours(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Varies brightness, contrast and white balance of each image.

    Args:
        image: Float tensor of shape `[batch, height, width, 3]`, 0 to 255.
        seed: Integer tensor of shape `[2]`.
        strength: Largest relative change; 0 changes nothing.

    >>> jitter_colours(tf.fill([1, 2, 2, 3], 100.0), seed=[1, 2], strength=0.0)[0, 0, 0].numpy()
    array([100., 100., 100.], dtype=float32)
    """
    count = tf.shape(image)[0]
    change = tf.random.stateless_uniform([count, 5], seed, -strength, strength)
    # Three gains of half the strength for the white balance, contrast, brightness.
    gain = (1.0 + 0.5 * change[:, :3]) * (1.0 + change[:, 3:4])
    offset = 128.0 * (change[:, 4:5] + 1.0 - gain)
    return tf.clip_by_value(image * gain[:, None, None] + offset[:, None, None], 0.0, 255.0)


def _where_example(condition, if_true, if_false):
    condition = tf.convert_to_tensor(condition)
    ones = [1] * (len(if_true.shape) - 1)
    return tf.where(tf.reshape(condition, [-1, *ones]), if_true, if_false)
