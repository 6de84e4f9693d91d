"""Builds tf.data pipelines from people to batches of features and targets."""

import numpy as np
import tensorflow as tf

from tf_lift.data.pipeline import augmentation, targets
from tf_lift.data.synthetic.people import SyntheticPeople
from tf_lift.data.synthetic.pool import render_pool

__all__ = ["TARGETS", "dataset", "normalise"]

TARGETS = ("stages", "landmarks", "joints_3d")


def normalise(image: tf.Tensor) -> tf.Tensor:
    """Maps pixels 0 to 255 to the networks' input range, `(v - 128) / 256`.

    >>> normalise(tf.constant([0, 128, 255], tf.uint8)).numpy()
    array([-0.5       ,  0.        ,  0.49609375], dtype=float32)
    """
    return (tf.cast(image, tf.float32) - 128.0) / 256.0


def dataset(
    people: SyntheticPeople | dict,
    indices: range | list[int] | None = None,
    *,
    batch_size: int = 16,
    stride: int = 8,
    num_stages: int = 1,
    target_names: tuple[str, ...] = TARGETS,
    augment: bool | augmentation.Augmentation = False,
    shuffle: bool = False,
    repeat: bool = False,
    drop_remainder: bool = False,
    centre_map: bool = False,
    seed: int = 0,
    num_workers: int | None = None,
    cache_folder: str | None = None,
    progress: bool = False,
) -> tf.data.Dataset:
    """Builds a dataset of `(features, targets)` for `model.fit`.

    Features: `image` `[batch, size, size, 3]` float32, `(v - 128) / 256`; with
    `centre_map`, also `centre_map` `[batch, size, size, 1]`. Targets: `stage_1` ...
    `stage_<num_stages>` `[batch, size / stride, size / stride, 18]`; `landmarks`
    `[batch, 17, 2]`, px, NaN for joints outside the image (so that metrics do not count
    joints that no network can find); `joints_3d` `[batch, 17, 3]`, mm, frame of the image's
    central ray, origin at joint 0.

    The people are rendered once, into memory; each epoch draws new augmentations. Everything
    is a function of the seeds; with `shuffle` or `augment`, passes over the dataset differ.

    Args:
        people: `SyntheticPeople`, or the pool that `pool.render_pool` returned for them
            (dict of arrays), which avoids rendering twice.
        indices: People of a `SyntheticPeople`, or rows of a pool (default: all rows).
        batch_size: People per batch.
        stride: Pixels per cell of the target belief maps.
        num_stages: Number of stage targets.
        target_names: Which targets, of "stages", "landmarks", "joints_3d".
        augment: True or an `augmentation.Augmentation` for training.
        shuffle: Whether to shuffle the people anew in each pass.
        repeat: Whether to start again for ever (then `fit` needs `steps_per_epoch`).
        drop_remainder: Whether to leave out the last, smaller batch.
        centre_map: Whether to add the map of the person's middle to the features.
        seed: Seed of shuffling and augmentation.
        num_workers: Processes that render, see `pool.render_pool`.
        cache_folder: Folder that keeps rendered pools, see `pool.render_pool`.
        progress: Whether to show a progress bar while rendering.

    Raises:
        ValueError: If a number is out of range, a target is unknown or `image_size` is
            not a multiple of `stride`.

    >>> people = tf_lift.data.synthetic.people.SyntheticPeople(poses, image_size=64)
    >>> features, targets = next(iter(dataset(people, range(4), batch_size=4, num_workers=1)))
    >>> features["image"].shape, targets["stage_1"].shape
    (TensorShape([4, 64, 64, 3]), TensorShape([4, 8, 8, 18]))
    """
    for name, value in (("batch_size", batch_size), ("num_stages", num_stages)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    unknown = set(target_names) - set(TARGETS)
    if unknown or not target_names:
        raise ValueError(f"`target_names` must be of {TARGETS}. Received: {target_names}")
    if isinstance(people, SyntheticPeople):
        if indices is None:
            raise ValueError("`indices` must be given with SyntheticPeople. Received: None")
        _check_stride(people.image_size, stride)
        people = render_pool(people, indices, num_workers, cache_folder, progress)
        indices = None
    image_size = people["image"].shape[1]
    _check_stride(image_size, stride)
    # Eager tensors are captured by reference; NumPy arrays would be copied into the graph.
    pool = {name: tf.constant(people[name]) for name in ("image", "landmarks", "joints_3d")}
    rows = _rows(indices, len(people["image"]))
    examples = tf.data.Dataset.from_tensor_slices(rows)
    if shuffle:
        examples = examples.shuffle(len(rows), seed=seed, reshuffle_each_iteration=True)
    if repeat:
        examples = examples.repeat()
    examples = examples.batch(batch_size, drop_remainder=drop_remainder)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    augment = augmentation.Augmentation() if augment is True else augment

    def example(rows, random):
        batch = {name: tf.gather(values, rows) for name, values in pool.items()}
        if augment:
            batch = augment(batch, tf.stack([tf.constant(seed, tf.int64), random]))
        return _features_and_targets(
            batch, image_size, stride, num_stages, target_names, centre_map
        )

    examples = tf.data.Dataset.zip((examples, seeds))
    return examples.map(example, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _features_and_targets(batch, image_size, stride, num_stages, target_names, centre_map):
    landmarks = batch["landmarks"]
    features = {"image": normalise(batch["image"])}
    if centre_map:
        # The crop is centred on the person, like a detector's box.
        middle = tf.fill([tf.shape(landmarks)[0], 2], (image_size - 1) / 2)
        features["centre_map"] = targets.centre_maps(middle, image_size)
    wanted = {}
    if "stages" in target_names:
        # All stages share one tensor, which is computed once.
        maps = targets.belief_map_targets(landmarks, image_size, stride)
        wanted = {f"stage_{stage + 1}": maps for stage in range(num_stages)}
    if "landmarks" in target_names:
        outside = tf.abs(landmarks - (image_size - 1) / 2) > image_size / 2
        outside = tf.reduce_any(outside, axis=-1, keepdims=True)
        wanted["landmarks"] = tf.where(outside, float("nan"), landmarks)
    if "joints_3d" in target_names:
        wanted["joints_3d"] = batch["joints_3d"]
    return features, wanted


def _rows(indices, size):
    rows = np.arange(size) if indices is None else np.asarray(indices)
    if (
        rows.ndim != 1
        or not rows.size
        or rows.dtype.kind not in "iu"
        or not (0 <= rows.min() and rows.max() < size)
    ):
        raise ValueError(
            f"`indices` must be rows of the pool, 0 to {size - 1}, at least one. "
            f"Received: {indices}"
        )
    return rows


def _check_stride(image_size, stride):
    if stride < 1 or image_size % stride:
        raise ValueError(
            "`image_size` must be a multiple of `stride`. "
            f"Received: image_size={image_size}, stride={stride}"
        )
