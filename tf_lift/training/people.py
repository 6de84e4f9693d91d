"""Poses of a run in three disjoint sets, their images, and the training dataset. Internal."""

import dataclasses

import numpy as np
import tensorflow as tf

from tf_lift.data.formats import mocap
from tf_lift.data.pipeline import augmentation, examples, targets
from tf_lift.data.synthetic import pool
from tf_lift.data.synthetic.people import SyntheticPeople
from tf_lift.models.lifting_cpm import Description
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.training.config import TrainConfig

__all__ = ["SETS", "PoseSplit", "split_poses", "training_dataset"]

SETS = ("train", "validation", "test")

# Number of poses that are drawn from a prior for each set.
_NUM_SAMPLES = {"train": 20_000, "validation": 1000, "test": 4000}
# Fraction of a mocap file's labels (clips, else blocks of poses) for validation and test.
_HELD_OUT = {"validation": 0.1, "test": 0.2}


@dataclasses.dataclass(frozen=True, eq=False)
class PoseSplit:
    """Poses of the three sets.

    Attributes:
        poses: Dict by set name of arrays of shape `[N, L, 3]`, mm, world frame, z up.
        seed: Seed of the people in these poses.
        image_size: Side of their images, px.
    """

    poses: dict[str, np.ndarray]
    seed: int
    image_size: int

    def people(self, name: str) -> SyntheticPeople:
        """Returns the synthetic people of a set, one of `SETS`."""
        # Sets differ in cameras, clothes and backgrounds as well as in poses.
        seed = 3 * self.seed + SETS.index(name)
        return SyntheticPeople(self.poses[name], image_size=self.image_size, seed=seed)

    def render(self, name: str, count: int, progress: bool = False) -> dict:
        """Renders the first people of a set to a dict of arrays, see `pool.render_pool`."""
        return pool.render_pool(self.people(name), range(count), progress=progress)


def split_poses(config: TrainConfig, prior: PosePrior, image_size: int) -> PoseSplit:
    """Draws or reads the poses of a run.

    Args:
        config: Settings of the run: seed and mocap file.
        prior: Prior to draw from without a mocap file.
        image_size: Side of the images, px.

    Returns:
        Training, validation and test poses; those of a mocap file split by clip if the file
        has clips, else by subject if it has subjects, else into consecutive blocks.

    Raises:
        ValueError: If the file cannot be read or has too few poses.
    """
    poses: dict[str, np.ndarray]
    if config.mocap is None:
        poses = {
            name: prior.sample(count, seed=3 * config.seed + index)
            for index, (name, count) in enumerate(_NUM_SAMPLES.items())
        }
        return PoseSplit(poses, config.seed, image_size)
    real = mocap.load_poses(config.mocap, prior.skeleton)
    labels = real.clip if real.clip is not None else real.subject
    if labels is None or len(np.unique(labels)) < len(SETS):
        # Poses close in time look alike, so that blocks of them stay together.
        labels = np.arange(len(real.poses)) * 20 // len(real.poses)
    names = np.unique(labels)
    if len(names) < len(SETS):
        raise ValueError(
            f"`mocap` must hold at least {len(SETS)} poses. Received: {len(real.poses)} poses in "
            f"{config.mocap}"
        )
    names = np.random.default_rng(config.seed).permutation(names)
    poses = {}
    total = len(names)
    for name, fraction in _HELD_OUT.items():
        count = max(1, int(fraction * total))
        poses[name] = real.poses[np.isin(labels, names[:count])]
        names = names[count:]
    poses["train"] = real.poses[np.isin(labels, names)]
    return PoseSplit(poses, config.seed, image_size)


def training_dataset(
    people: dict, config: TrainConfig, network: Description, target_stddev_px: float, first_step=0
) -> tf.data.Dataset:
    """Builds the endless dataset for `fit` of a network that is compiled for training.

    Args:
        people: Images and true poses from `PoseSplit.render`.
        config: Settings of the run.
        network: Description of the network from `models.describe`.
        target_stddev_px: Standard deviation of the target maps, px of the image.
        first_step: Number of steps done before, so that a resumed run sees other batches.

    Returns:
        Dataset of `(features, targets)`, targets for every output of the network.
    """
    augment = config.augment and augmentation.Augmentation(
        rotation_degrees=config.rotation_degrees, scale=(1 / config.scale, config.scale)
    )
    dataset = examples.dataset(
        people,
        batch_size=config.batch_size,
        stride=network.stride,
        target_names=("landmarks", "joints_3d"),
        augment=augment,
        shuffle=True,
        repeat=True,
        centre_map=network.centre_map,
        seed=config.seed + first_step,
    )

    def add_targets(features, wanted):
        landmarks = wanted["landmarks"]
        outside = tf.math.is_nan(landmarks)
        # A joint outside the image gets an empty map: placed far away, its Gaussian is 0 inside.
        placed = tf.where(outside, -1e3, landmarks)
        maps = targets.belief_map_targets(
            placed, network.image_size, network.stride, target_stddev_px
        )
        stages = dict.fromkeys(network.stages, maps)
        # Keras wants a target for every output, also without loss and metric.
        scores = tf.cast(~tf.reduce_any(outside, axis=-1), tf.float32)
        return features, {**stages, **wanted, "scores": scores}

    return dataset.map(add_targets, tf.data.AUTOTUNE).prefetch(2)
