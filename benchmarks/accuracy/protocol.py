"""Training and test people of the benchmark of accuracy."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

import tf_lift
from benchmarks.accuracy import views
from tf_lift.data.formats import mocap

__all__ = [
    "BY_CLIP",
    "SPLITS",
    "TestData",
    "TrainingData",
    "default_poses",
    "evenly_by_clip",
    "hold_out",
    "load",
    "split",
]

# Subjects of CMU's motion capture that are held out, one set per split, none twice. Subjects
# 14, 29 and 1 have 57 % of the frames: 1 is held out in the second split, 14 (everyday
# actions, a third of the frames) in the fourth, 29 (imitations of animals) never. The third
# is the nine smallest, who mostly walk.
SPLITS = (
    (5, 16, 35, 127),
    (1, 9, 12, 135),
    (3, 10, 17, 26, 27, 32, 55, 88, 104),
    (14,),
)
# The condition with the same number of views of every clip.
BY_CLIP = "clean_by_clip"
_DEFAULT_POSES = "data/cmu/cmu_h36m17_train.npz"


@dataclasses.dataclass(eq=False)
class TrainingData:
    """Poses that methods learn from.

    Attributes:
        poses: `[N, L, 3]`, float32, mm, z up, origin at joint 0.
        clip: `[N]`, the label of each pose's clip.
        subject: `[N]`, the label of each pose's person.
        skeleton: Name of the joints' convention.
        seed: Seed of all draws and fits.
    """

    poses: np.ndarray
    clip: np.ndarray
    subject: np.ndarray
    skeleton: str
    seed: int

    def __post_init__(self):
        _, inverse, self._counts = np.unique(self.clip, return_inverse=True, return_counts=True)
        self._order = np.argsort(inverse, kind="stable")
        self._starts = np.cumsum(self._counts) - self._counts
        self._priors: dict[Any, Any] = {}

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draws poses, every clip as often as any other, however many poses it has.

        Returns:
            `[count, L, 3]`, float32, mm, z up.
        """
        clip = rng.integers(len(self._counts), size=count)
        within = np.floor(rng.random(count) * self._counts[clip]).astype(np.int64)
        return self.poses[self._order[self._starts[clip] + within]]

    def draw_views(
        self,
        count: int,
        rng: np.random.Generator,
        *,
        corruption: tuple[int, float] | None = None,
        mirroring: bool = True,
    ) -> views.Views:
        """Draws poses and makes a view of each, with a random yaw.

        Args:
            count: Number of views.
            rng: Random generator.
            corruption: Largest number of missing landmarks and largest noise (px, see
                `views.corrupt`); both are drawn uniformly for each view.
            mirroring: Whether to mirror a random half of the poses.
        """
        poses = self.draw(count, rng)
        if mirroring:
            mirrored = rng.random([count, 1, 1]) < 0.5
            poses = np.where(mirrored, views.mirror(poses, self.skeleton), poses)
        drawn = views.make_views(poses, rng)
        if corruption is None:
            return drawn
        num_missing = rng.integers(corruption[0] + 1, size=count)
        return views.corrupt(drawn, num_missing, rng.uniform(0.0, corruption[1], count), rng)

    def prior(self, **options) -> tf_lift.PosePrior:
        """Fits a `PosePrior` to the poses, balanced by clip, at the first call; keeps it."""
        return self.kept(
            tuple(sorted(options.items())),
            lambda: tf_lift.PosePrior.fit(
                self.poses, groups=self.clip, seed=self.seed, skeleton=self.skeleton, **options
            ),
        )

    def kept(self, key, make):
        """Returns the result of `make` at the first call with this key."""
        if key not in self._priors:
            self._priors[key] = make()
        return self._priors[key]


@dataclasses.dataclass(frozen=True, eq=False)
class TestData:
    """Views that methods are tested on.

    Attributes:
        views: `views.Views` by the name of the condition. All conditions show the same poses,
            drawn from the held-out ones, from the same sides; only `BY_CLIP` shows others,
            the same number of every clip, with exact landmarks.
        num_poses: Number of poses that are held out.
        num_clips: Number of their clips.
    """

    __test__ = False  # Keeps pytest from collecting it.

    views: dict[str, views.Views]
    num_poses: int
    num_clips: int


def default_poses() -> pathlib.Path:
    """Returns the default of the option `--poses`."""
    shared = pathlib.Path(__file__).resolve().parents[3] / "shared"
    return pathlib.Path(os.environ.get("TF_LIFT_SHARED") or shared) / _DEFAULT_POSES


def load(path) -> mocap.MocapPoses:
    """Reads poses with the subjects that they belong to.

    Raises:
        ValueError: If the file is absent, holds no poses, or has no subjects.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise ValueError(
            f"there are no poses at {path}: name a file by `--poses` (`tf-lift convert-mocap` "
            "makes one), or a folder with it by the environment variable TF_LIFT_SHARED"
        )
    data = mocap.load_poses(path)
    if data.subject is None:
        raise ValueError(f"{path}: must hold `subject`, by which poses are held out")
    return data


def split(
    data: mocap.MocapPoses, number: int, num_test: int, seed: int
) -> tuple[TrainingData, TestData]:
    """Splits the poses into those to learn from and those of the held-out subjects.

    Args:
        data: Poses with subjects.
        number: Index into `SPLITS`.
        num_test: Number of test views; if there are fewer poses, each has several views.
        seed: Seed.

    Raises:
        ValueError: If there is no such split, or one of its halves is empty.
    """
    if not 0 <= number < len(SPLITS):
        raise ValueError(f"splits are numbered 0 to {len(SPLITS) - 1}. Received: {number}")
    training, tested, tested_clip = hold_out(data, SPLITS[number], seed + number, f"split {number}")
    rng = np.random.default_rng([seed, number])
    clean = views.make_views(tested[_evenly(len(tested), num_test, rng)], rng)
    conditions = {
        condition.name: views.corrupt(clean, condition.num_missing, condition.noise_px, rng)
        for condition in views.CONDITIONS
    }
    conditions[BY_CLIP] = views.make_views(tested[evenly_by_clip(tested_clip, num_test, rng)], rng)
    return training, TestData(conditions, len(tested), len(np.unique(tested_clip)))


def hold_out(
    data: mocap.MocapPoses, subjects, seed: int, name: str = "the held-out part"
) -> tuple[TrainingData, np.ndarray, np.ndarray]:
    """Splits the poses into those of some subjects and those of all others.

    Args:
        data: Poses with subjects.
        subjects: Subjects that are held out.
        seed: Seed of the training data.
        name: Name of the split, for the error.

    Returns:
        The poses to learn from, and poses `[M, L, 3]` (origin at joint 0) and clips `[M]` of
        the subjects.

    Raises:
        ValueError: If one of the halves is empty.
    """
    # Subject 5 is "5" in one file and "05" in another.
    subject = np.char.lstrip(np.asarray(data.subject).astype(str), "0")
    clip = subject if data.clip is None else np.asarray(data.clip).astype(str)
    held_out = np.isin(subject, [str(label) for label in subjects])
    if held_out.all() or not held_out.any():
        raise ValueError(
            f"{name} must leave poses to learn from and poses to test on. Received: "
            f"{held_out.sum()} of {len(held_out)} poses are of its subjects {tuple(subjects)}"
        )
    poses = data.poses - data.poses[:, :1]
    learnt = ~held_out
    training = TrainingData(poses[learnt], clip[learnt], subject[learnt], data.skeleton, seed)
    return training, poses[held_out], clip[held_out]


def evenly_by_clip(clip, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns indices of `count` poses, equally many of each clip, each as rarely as possible."""
    names = rng.permutation(np.unique(clip))
    shares = np.bincount(np.arange(count) % len(names), minlength=len(names))
    members = [np.flatnonzero(clip == name) for name in names]
    return np.concatenate(
        [
            own[_evenly(len(own), share, rng)]
            for own, share in zip(members, shares, strict=True)
            if share
        ]
    )


def _evenly(size, count, rng):
    """Returns `count` indices below `size`, each as rarely as possible."""
    return np.concatenate([rng.permutation(size) for _ in range(-(-count // size))])[:count]
