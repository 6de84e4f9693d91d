"""Seconds until a lift with landmarks missing first returns: compilation, and a new process."""

import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.lift import first_lift, masks, programs
from benchmarks.lift.speed import PRIORS

__all__ = ["compile_seconds", "first_lift_seconds", "startup"]

_PROJECT = pathlib.Path(first_lift.__file__).resolve().parents[2]
# Other work on the machine can only slow a process down: the fastest of a few counts.
_PROCESSES = 2


def startup(batch, seed, advance) -> dict:
    """Measures for each prior how long its first lifts take.

    Args:
        batch: Poses of the compiled lift.
        seed: Seed of landmarks and masks.
        advance: See `timing.measure`.

    Returns:
        Dict of `batch`, `compile_seconds`, prior -> "bool" or "float" masks -> seconds, and
        `first_lift_seconds` by prior.
    """
    results: dict = {"batch": batch, "compile_seconds": {}, "first_lift_seconds": {}}
    for index, name in enumerate(PRIORS):
        advance(index / len(PRIORS), f"{name}: compile")
        prior = tf_lift.PosePrior.load(name)
        results["compile_seconds"][name] = compile_seconds(prior, batch, seed)
        advance((index + 0.7) / len(PRIORS), f"{name}: first lift")
        results["first_lift_seconds"][name] = first_lift_seconds(name)
    advance(1.0, "")
    return results


def compile_seconds(prior, batch: int, seed: int) -> dict[str, float]:
    """Measures the first call of a compiled lift that takes any mix of masks.

    Args:
        prior: `PosePrior`, whose tables are built before.
        batch: Poses.
        seed: Seed of landmarks and masks.

    Returns:
        Seconds of the first call of a new `tf.function`, less those of a second call, for
        masks of type "bool" and "float".
    """
    rng = np.random.default_rng(seed)
    make = programs.landmarks(prior, batch)
    # Builds the tables and whatever else all lifts of this prior share.
    programs.forward(prior, False)(*make(rng))
    results = {}
    for dtype in ("bool", "float"):
        lift = programs.synchronised(programs.forward(prior, True))
        seconds = []
        for _ in range(2):
            drawn = masks.random(rng, batch, prior.num_joints, prior.num_joints - 3)
            inputs = *make(rng), tf.constant(drawn if dtype == "bool" else np.float32(drawn))
            started = time.perf_counter()
            lift(*inputs)
            seconds.append(time.perf_counter() - started)
        results[dtype] = seconds[0] - seconds[1]
    return results


def first_lift_seconds(name: str) -> float:
    """Measures the first eager lift of one pose with landmarks missing in a new process.

    Args:
        name: Name of a prior that ships.

    Returns:
        Seconds of the fastest of a few processes, tables included, without the import of
        `tf_lift` and the loading of the prior.

    Raises:
        ValueError: If a process fails.
    """
    seconds = []
    for _ in range(_PROCESSES):
        process = subprocess.run(
            [sys.executable, "-m", "benchmarks.lift.first_lift", name],
            cwd=_PROJECT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
        if process.returncode:
            lines = process.stderr.strip().splitlines() or ["no message"]
            raise ValueError(f"the first lift with the prior {name!r} failed: {lines[-1][:200]}")
        seconds.append(json.loads(process.stdout.splitlines()[-1]))
    return min(seconds)
