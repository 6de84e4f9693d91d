"""Speed of the lift with landmarks missing or weighted, against all of them visible."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.harness.timing import Candidate, measure, ratio
from benchmarks.lift import masks, programs
from benchmarks.lift.speed import PRIORS

__all__ = ["ALL_VISIBLE", "KINDS", "ROWS", "Row", "missing"]

KINDS = ("compiled", "plain")
ALL_VISIBLE = "all visible"
_FLOAT = ", float masks"
# Rounds of the rows that take many times as long as the others.
_SLOW_ROUNDS = 3
# Standard deviations of the landmarks of every joint, px, from the best detected ones to the
# worst.
_STDDEVS_PX = (2.0, 8.0)


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of batch, and the least throughput that it must have.

    Attributes:
        name: Name in the results.
        floor: Least share of the throughput with all landmarks visible, compiled; `None`
            where there is no aim.
        priors: Names of the priors that the floor holds for.
        visibility: Takes a random generator, the number of poses and the prior; returns the
            visibility or weights, or `None` if all are visible.
        has_nan: Whether one pose of the batch is NaN.
        has_stddev: Whether the lift gets a `landmark_stddev` for each joint.
        is_slow: Whether few rounds must do.
    """

    name: str
    floor: float | None = None
    priors: tuple[str, ...] = PRIORS
    visibility: Callable | None = None
    has_nan: bool = False
    has_stddev: bool = False
    is_slow: bool = False


def _random(max_missing, distinct=None):
    return lambda rng, batch, prior: masks.random(
        rng, batch, prior.num_joints, max_missing, distinct
    )


def _one(count):
    """One pose lacks this many landmarks, or all of them."""
    return lambda rng, batch, prior: masks.one_pose(
        rng, batch, prior.num_joints, prior.num_joints if count is None else count
    )


def _as_floats(visibility):
    return lambda rng, batch, prior: visibility(rng, batch, prior).astype(np.float32)


def _independent(rng, batch, prior):
    return masks.independent(rng, batch, prior.num_joints, 0.15)


def _upper_bodies(rng, batch, prior):
    return masks.upper_bodies(rng, batch, prior.skeleton)


def _weights(rng, batch, prior):
    return rng.uniform(0.1, 1.0, [batch, prior.num_joints]).astype(np.float32)


ROWS = (
    Row(ALL_VISIBLE),
    Row("0 to 6 missing", 0.15, visibility=_random(6)),
    Row("0 to 6 missing" + _FLOAT, 0.15, visibility=_as_floats(_random(6))),
    Row("each missing with probability 0.15", 0.12, visibility=_independent),
    Row("upper bodies, 8 to 12 missing", 0.08, visibility=_upper_bodies),
    Row("0 to 14 missing", 0.06, visibility=_random(14)),
    Row("0 to 14 missing" + _FLOAT, 0.06, visibility=_as_floats(_random(14))),
    Row("8 masks", 0.5, PRIORS[:1], visibility=_random(6, distinct=8)),
    Row("nine missing in one pose", 0.7, visibility=_one(9)),
    Row("one pose is NaN", 0.9, has_nan=True),
    Row("no landmark in one pose", 0.9, visibility=_one(None)),
    Row("real-valued weights", 0.015, visibility=_weights, is_slow=True),
    Row("landmark_stddev of each joint", 0.015, has_stddev=True, is_slow=True),
)
# Least share of the throughput with all landmarks visible in the plain graph, in every row.
PLAIN_FLOOR = 0.1


def missing(batch, rounds, seconds, seed, advance) -> dict:
    """Times batches of every row of `ROWS`, with another mask for each pose.

    Each prior is compared in two runs, compiled and as a plain graph, in which all rows take
    turns. The estimator is "map".

    Args:
        batch: Poses.
        rounds: See `timing.measure`, as for the next three.
        seconds: Budget of each of the four runs.
        seed: Seed.
        advance: See `timing.measure`.

    Returns:
        Dict of `batch` and, under `rows`, prior -> kind -> row -> figures with the throughput
        as a `share_of_all_visible` of the same run.
    """
    results: dict = {name: {} for name in PRIORS}
    runs = [(name, kind) for name in PRIORS for kind in KINDS]
    for index, (name, kind) in enumerate(runs):

        def show(share, text, name=name, kind=kind, index=index):
            advance((index + share) / len(runs), f"{name}, {kind}: {text}" if text else "")

        prior = tf_lift.PosePrior.load(name)
        candidates = _candidates(prior, kind == "compiled", batch)
        timings = measure(candidates, rounds, seconds, seed, show)
        results[name][kind] = {
            row: timing.figures() | {"share_of_all_visible": ratio(timing, timings[ALL_VISIBLE])}
            for row, timing in timings.items()
        }
    return {"batch": batch, "rows": results}


def _candidates(prior, is_compiled, batch):
    stddev = np.linspace(*_STDDEVS_PX, prior.num_joints).tolist()
    functions = {
        has_stddev: programs.synchronised(
            programs.keyword(prior, **options)
            if is_compiled
            else programs.forward(prior, False, **options)
        )
        for has_stddev, options in ((False, {}), (True, {"landmark_stddev": stddev}))
    }
    return {
        row.name: Candidate(
            functions[row.has_stddev],
            _maker(row, prior, batch),
            batch,
            rounds=_SLOW_ROUNDS if row.is_slow else None,
        )
        for row in ROWS
    }


def _maker(row, prior, batch):
    make_landmarks = programs.landmarks(prior, batch)

    def make(rng):
        (landmarks,) = make_landmarks(rng)
        if row.has_nan:
            is_nan = np.arange(batch) == rng.integers(batch)
            landmarks = tf.where(is_nan[:, np.newaxis, np.newaxis], np.float32(np.nan), landmarks)
        if row.visibility is None:
            return (landmarks,)
        return landmarks, tf.constant(row.visibility(rng, batch, prior))

    return make
