"""Chooses the size of a prior by cross-validation over people."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from tf_lift import skeletons
from tf_lift.prior import arguments
from tf_lift.prior.gaussian import blas
from tf_lift.prior.learning import em as learning
from tf_lift.prior.learning.statistics import PoseData, poses_array
from tf_lift.prior.pose_prior import DEFAULT_MAX_ITERATIONS, DEFAULT_NOISE_STDDEV, PosePrior

__all__ = ["CRITERIA", "Row", "Selection", "select"]

CRITERIA = ("likelihood", "lifting")
# Number of rotations about the vertical over which the density of a pose is averaged: steps of 1
# degree are finer than the 1.1 degrees by which a noise of 16 mm blurs a pose of adults.
NUM_ROTATIONS = 360
# Largest number of poses of each person for measuring a prior, evenly spaced among all.
POSES_PER_LABEL = 300
# Largest number of poses that each fold learns from: more change the order of the candidates
# less than another fold.
MAX_POSES = 30_000


@dataclasses.dataclass(frozen=True)
class Row:
    """Measures of one candidate on people held out.

    Attributes:
        mixture_size: Number of components K.
        num_bases: Number of bases J.
        noise_stddev: Noise in mm, `None` for the most likely noise of each component.
        log_likelihood: Mean log density of a pose that may face any way, in nats; the mean
            over people of their means. NaN if the candidate could not be learnt.
        log_likelihood_error: Standard error of `log_likelihood`, over people.
        lifting: Mean error of lifting, mm, averaged in the same way; NaN if not measured.
        lifting_error: Standard error of `lifting`.
    """

    mixture_size: int
    num_bases: int
    noise_stddev: float | None
    log_likelihood: float
    log_likelihood_error: float
    lifting: float = math.nan
    lifting_error: float = math.nan


@dataclasses.dataclass(frozen=True)
class Selection:
    """Candidates and the best of them on people held out.

    Attributes:
        rows: One `Row` for each candidate.
        best: The best row.
        num_labels: Number of people that were held out, each once.
        num_folds: Number of folds that were held out.
        complete: Whether there was time for all folds.
    """

    rows: tuple[Row, ...]
    best: Row
    num_labels: int
    num_folds: int
    complete: bool


@blas.single_thread()
def select(
    poses,
    subjects,
    *,
    groups=None,
    mixture_sizes: Sequence[int] = (1, 3, 8),
    num_bases: Sequence[int] = (10, 25, 35),
    noise_stddevs: Sequence[float | None] = (DEFAULT_NOISE_STDDEV,),
    select_by: str = "likelihood",
    lifting_errors: Callable | None = None,
    max_iterations: int = DEFAULT_MAX_ITERATIONS,
    num_folds: int = 4,
    seed: int = 0,
    skeleton: str = "h36m17",
    max_seconds: float = math.inf,
    on_progress: Callable[[float], None] | None = None,
) -> Selection:
    """Chooses the sizes of a prior by cross-validation over people.

    Splits people into folds; holds each fold out once, learns every candidate from the
    others and measures it on the fold. The poses of a fold are aligned once for all
    candidates with the same noise.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        subjects: Array of shape `[N]`: label of the person of each pose. Poses of one label
            are held out together; with labels of clips, people of the fold are not unseen.
        groups: Labels of groups of the same weight, as for `PosePrior.fit`.
        mixture_sizes: Numbers of components to try.
        num_bases: Numbers of bases to try.
        noise_stddevs: Noises in mm to try; `None` for the most likely noise.
        select_by: "likelihood": the highest held-out log-likelihood; "lifting": the lowest
            held-out error of lifting.
        lifting_errors: Function from a prior and poses to the error of each pose, such as
            `lambda *pair: tf_lift.evaluation.lifting_errors(*pair)["mpjpe"]`; `None` measures
            no errors of lifting.
        max_iterations: Largest number of iterations of EM.
        num_folds: Number of folds, at most that of the people.
        seed: Seed of the folds and of the clustering.
        skeleton: Name of the skeleton of the joints.
        max_seconds: Time limit: no fold but the first begins that would probably exceed it.
        on_progress: Called with the fraction of the work that is done.

    Returns:
        `Selection`.

    Raises:
        ValueError: If an argument does not fit, if `subjects` has only one label, or if no
            candidate could be learnt.

    >>> subjects = np.arange(16) // 4
    >>> selection = tf_lift.prior.select(poses, subjects, mixture_sizes=[1], num_bases=[2, 4])
    >>> selection.best in selection.rows, len(selection.rows), selection.num_labels
    (True, 2, 4)
    """
    poses = poses_array(poses)
    joints = skeletons.get(skeleton)
    candidates = list(itertools.product(noise_stddevs, num_bases, mixture_sizes))
    subjects = _check(poses, subjects, candidates, select_by, lifting_errors, num_folds)
    for noise_stddev, bases, size in candidates:
        settings = learning.Settings(size, bases, seed, noise_stddev)
        arguments.check_fit(poses, groups, joints, settings, max_iterations)

    started = time.monotonic()
    folds = _folds(subjects, num_folds, np.random.default_rng(seed))
    scores: dict[tuple, list] = {candidate: [] for candidate in candidates}
    num_done = 0
    for fold in folds:
        if num_done and (time.monotonic() - started) * (num_done + 1) / num_done > max_seconds:
            break
        held_out = np.isin(subjects, fold)
        data = _training_data(poses, ~held_out, groups, joints, seed)
        test = [_test_poses(poses, subjects == label) for label in fold]
        learnt = _learn(data, candidates, seed, max_iterations)
        for count, (candidate, prior) in enumerate(learnt, 1):
            scores[candidate] += [_judge(prior, part, lifting_errors) for part in test]
            if on_progress:
                on_progress((num_done + count / len(candidates)) / len(folds))
        num_done += 1
    rows = tuple(_row(candidate, np.array(scores[candidate])) for candidate in candidates)
    best = _best(rows, select_by)
    num_labels = sum(len(fold) for fold in folds[:num_done])
    return Selection(rows, best, num_labels, num_done, num_done == len(folds))


def _check(poses, subjects, candidates, select_by, lifting_errors, num_folds):
    subjects = np.asarray(subjects)
    if subjects.shape != poses.shape[:1]:
        raise ValueError(
            f"`subjects` must have shape [{len(poses)}]. Received: subjects.shape={subjects.shape}"
        )
    labels = np.unique(subjects)
    if len(labels) < 2:
        raise ValueError(
            f"`subjects` must name at least 2 people, to hold one out. Received: {labels.tolist()}"
        )
    if not candidates:
        raise ValueError(
            "`mixture_sizes`, `num_bases` and `noise_stddevs` must not be empty. "
            "Received: an empty one"
        )
    if select_by not in CRITERIA:
        raise ValueError(f"`select_by` must be one of {list(CRITERIA)}. Received: {select_by!r}")
    if select_by == "lifting" and lifting_errors is None:
        raise ValueError('`lifting_errors` must be given for select_by="lifting". Received: None')
    if num_folds < 2:
        raise ValueError(f"`num_folds` must be at least 2. Received: {num_folds}")
    return subjects


def _folds(subjects, num_folds, rng):
    """Splits labels into folds of about equal numbers of poses; breaks ties at random."""
    labels, counts = np.unique(subjects, return_counts=True)
    shuffled = rng.permutation(len(labels))
    largest_first = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    folds: list[list] = [[] for _ in range(min(num_folds, len(labels)))]
    sizes = np.zeros(len(folds))
    for index in largest_first:
        smallest = int(np.argmin(sizes))
        folds[smallest].append(labels[index])
        sizes[smallest] += counts[index]
    return folds


def _training_data(poses, is_used, groups, joints, seed):
    rows = np.flatnonzero(is_used)
    if len(rows) > MAX_POSES:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MAX_POSES])
    groups = None if groups is None else np.asarray(groups)[rows]
    weights = np.ones(len(rows)) if groups is None else learning.balanced_weights(groups)
    return PoseData(poses[rows], weights / weights.sum(), joints)


def _test_poses(poses, is_used):
    rows = np.flatnonzero(is_used)
    if len(rows) > POSES_PER_LABEL:
        rows = rows[np.linspace(0, len(rows) - 1, POSES_PER_LABEL).round().astype(int)]
    return poses[rows].astype(np.float64) - poses[rows, :1]


def _learn(data, candidates, seed, max_iterations):
    """Yields each candidate with its prior, or with `None` if it cannot be learnt."""
    for noise_stddev, group in itertools.groupby(candidates, key=lambda candidate: candidate[0]):
        by_rank: dict[int, list] = {}
        for candidate in group:
            by_rank.setdefault(candidate[1], []).append(candidate)
        single = learning.Settings(1, max(by_rank), seed, noise_stddev)
        # Growing a model of many bases passes through those of fewer.
        for state in learning.align(data, single):
            rank = state.components[0][1].shape[0]
            if not learning.is_worth_a_report(state):
                continue
            for candidate in by_rank.get(rank, []):
                settings = learning.Settings(candidate[2], rank, seed, noise_stddev)
                yield candidate, _mixture(data, settings, max_iterations, state)


def _mixture(data, settings, max_iterations, state):
    try:
        for reached in learning.mix(data, settings, max_iterations, state):
            state = reached
    except ValueError:  # There are more components than different poses.
        return None
    return PosePrior(**learning.arrays(state, data.skeleton), skeleton=data.skeleton.name)


def _judge(prior, poses, lifting_errors):
    if prior is None:
        return math.nan, math.nan
    lifting = math.nan if lifting_errors is None else np.mean(lifting_errors(prior, poses))
    return prior.log_likelihood(poses, NUM_ROTATIONS).mean(), lifting


def _row(candidate, scores):
    means = scores.mean(axis=0)
    errors = scores.std(axis=0, ddof=1) / np.sqrt(len(scores)) if len(scores) > 1 else [np.nan] * 2
    noise_stddev, num_bases, mixture_size = candidate
    return Row(
        mixture_size,
        num_bases,
        noise_stddev,
        log_likelihood=float(means[0]),
        log_likelihood_error=float(errors[0]),
        lifting=float(means[1]),
        lifting_error=float(errors[1]),
    )


def _best(rows, select_by):
    learnt = [row for row in rows if not math.isnan(row.log_likelihood)]
    if not learnt:
        raise ValueError(
            "`mixture_sizes` must have one that can be learnt. Received: "
            f"{sorted({row.mixture_size for row in rows})}"
        )
    if select_by == "lifting":
        return min(learnt, key=lambda row: row.lifting)
    return max(learnt, key=lambda row: row.log_likelihood)
