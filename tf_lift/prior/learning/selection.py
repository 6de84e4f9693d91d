"""Chooses the size of a prior by people that it has not learnt from."""

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
# The density of a pose is taken over so many rotations about the vertical: a degree apart,
# finer than the 1.1 degrees by which a noise of 16 mm blurs a pose of adults.
NUM_ROTATIONS = 360
# Poses of each person on which a prior is judged, spread evenly over what there are of them.
POSES_PER_LABEL = 300
# Poses that each fold learns from; more change the order of the rows less than another fold.
MAX_POSES = 30_000


@dataclasses.dataclass(frozen=True)
class Row:
    """One candidate and how it did on the people held out.

    Attributes:
        mixture_size: Number of components K.
        num_bases: Number of bases J.
        noise_stddev: Noise in mm, `None` for the most likely one of each component.
        log_likelihood: Mean log density of a pose, whichever way it faces, in nats; the mean
            of the means of each person. NaN where the candidate could not be learnt.
        log_likelihood_error: Standard error of that mean, over people.
        lifting: Mean error of lifting, mm, likewise; NaN where it was not asked for.
        lifting_error: Standard error of that.
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
    """The candidates, and the one that is best on people held out.

    Attributes:
        rows: One `Row` for each candidate.
        best: The best of them.
        num_labels: Number of people that were held out, each once.
        num_folds: Number of parts that these make up.
        complete: Whether time was enough for all parts.
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
    """Tries sizes of a prior by cross-validation over people.

    People are split into parts; each part is held out once, every candidate learns from
    the others and is judged on it. The poses are aligned once for all candidates of a
    part that share their noise.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        subjects: Array of shape `[N]`: who each pose is of. Poses with one label are held
            out together; with labels of clips, a prior is judged on people that it knows.
        groups: Labels that count the same while learning, as for `PosePrior.fit`.
        mixture_sizes: Numbers of components to try.
        num_bases: Numbers of bases to try.
        noise_stddevs: Noises in mm to try; `None` for the most likely.
        select_by: "likelihood": the highest held-out log-likelihood; "lifting": the lowest
            held-out error of lifting.
        lifting_errors: Function from a prior and poses to the error of each pose, say
            `lambda *pair: tf_lift.evaluation.lifting_errors(*pair)["mpjpe"]`; `None` leaves
            the column out.
        max_iterations: Most iterations of EM.
        num_folds: Number of parts, at most that of the people.
        seed: Seed of the parts and of the clustering.
        skeleton: Name of the joints' convention.
        max_seconds: No further part is begun that would probably not be done in this time;
            the first always is.
        on_progress: Called with the share of the work that is done.

    Returns:
        `Selection`.

    Raises:
        ValueError: If an argument does not fit, if `subjects` names one person only, or if
            no candidate could be learnt.

    >>> subjects = np.arange(16) // 4
    >>> chosen = tf_lift.prior.select(poses, subjects, mixture_sizes=[1], num_bases=[2, 4])
    >>> chosen.best in chosen.rows, len(chosen.rows), chosen.num_labels
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
        test = [_judged(poses, subjects == label) for label in fold]
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
            "Received: no candidate"
        )
    if select_by not in CRITERIA:
        raise ValueError(f"`select_by` must be one of {list(CRITERIA)}. Received: {select_by!r}")
    if select_by == "lifting" and lifting_errors is None:
        raise ValueError('`lifting_errors` must be given for select_by="lifting". Received: None')
    if num_folds < 2:
        raise ValueError(f"`num_folds` must be at least 2. Received: {num_folds}")
    return subjects


def _folds(subjects, num_folds, rng):
    """Splits the labels into parts of about as many poses, by chance where they tie."""
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


def _training_data(poses, chosen, groups, joints, seed):
    rows = np.flatnonzero(chosen)
    if len(rows) > MAX_POSES:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MAX_POSES])
    groups = None if groups is None else np.asarray(groups)[rows]
    weights = np.ones(len(rows)) if groups is None else learning.balanced_weights(groups)
    return PoseData(poses[rows], weights / weights.sum(), joints)


def _judged(poses, chosen):
    rows = np.flatnonzero(chosen)
    if len(rows) > POSES_PER_LABEL:
        rows = rows[np.linspace(0, len(rows) - 1, POSES_PER_LABEL).round().astype(int)]
    return poses[rows].astype(np.float64) - poses[rows, :1]


def _learn(data, candidates, seed, max_iterations):
    """Yields each candidate with its prior, or `None` where it cannot be learnt."""
    for noise_stddev, group in itertools.groupby(candidates, key=lambda candidate: candidate[0]):
        by_rank: dict[int, list] = {}
        for candidate in group:
            by_rank.setdefault(candidate[1], []).append(candidate)
        single = learning.Settings(1, max(by_rank), seed, noise_stddev)
        # A model of few bases is on the way to one of many.
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
    except ValueError:  # More components than there are different poses.
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
