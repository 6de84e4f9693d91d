"""Contribution of each step of learning a prior: `python -m benchmarks prior_ablation`.

Priors that differ in one thing from the reference learn from all subjects of the CMU poses but
four, and are tested on those four: by the log-likelihood of their poses, facing any way, and
by lifting their exact landmarks, seen from a random side at a random scale.
"""

import argparse
import dataclasses
import time
from typing import Any

import numpy as np

from benchmarks.accuracy import protocol
from benchmarks.harness import records
from tf_lift import PosePrior, skeletons
from tf_lift.data.formats import mocap
from tf_lift.evaluation import lifting_errors
from tf_lift.prior.gaussian import blas
from tf_lift.prior.learning import em as learning
from tf_lift.prior.learning.statistics import PoseData
from tf_lift.training import prior_tuning
from tf_lift.training.prior_tuning import TuningConfig

__all__ = ["REFERENCE", "VARIANTS", "main", "measure"]

HELD_OUT = ("5", "16", "35", "127")
NUM_TEST_POSES = 1500
NUM_ROTATIONS = 360
COLUMNS = ("log_likelihood", "mpjpe", "pa_mpjpe")


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way to learn a prior."""

    alignment: str = "likelihood"
    mirror: bool = True
    balance: str = "clip"
    mixture_size: int = 8
    num_bases: int = 25
    noise_stddev: float | None = 16.0
    max_iterations: int = 1
    shrinkage: float = 0.0
    tuned: bool = False


REFERENCE = Variant()
# The sizes of the prior that ships as "people".
LARGE = Variant(mixture_size=16, num_bases=40, noise_stddev=8.0)
# Step, setting, variant.
VARIANTS: tuple[tuple[str, str, Variant], ...] = (
    ("reference", "", REFERENCE),
    ("alignment", "facing one way", Variant(alignment="facing")),
    ("alignment", "none", Variant(alignment="none")),
    ("mirroring", "none", Variant(mirror=False)),
    ("balance", "subject", Variant(balance="subject")),
    ("balance", "none", Variant(balance="none")),
    *(("models", str(size), Variant(mixture_size=size)) for size in (1, 3, 16)),
    *(("bases", str(count), Variant(num_bases=count)) for count in (10, 35)),
    *(("noise", f"{noise:g} mm", Variant(noise_stddev=noise)) for noise in (8.0, 12.0, 24.0)),
    ("noise", "most likely", Variant(noise_stddev=None)),
    *(("EM", f"{count} iterations", Variant(max_iterations=count)) for count in (5, 20)),
    ("shrinkage", "1", Variant(shrinkage=1.0)),
    ("16 models, 40 bases, 8 mm", "", LARGE),
    ("16 models, 40 bases, 8 mm", "shrinkage 1", dataclasses.replace(LARGE, shrinkage=1.0)),
    (
        "16 models, 40 bases, 8 mm",
        "shrinkage 1, tuned",
        dataclasses.replace(LARGE, shrinkage=1.0, tuned=True),
    ),
)


def main(arguments: list[str]) -> None:
    """Runs the benchmark.

    Args:
        arguments: Command line after the name of the benchmark.
    """
    parser = argparse.ArgumentParser("python -m benchmarks prior_ablation", description=__doc__)
    parser.add_argument("--poses", default=protocol.default_poses(), help="npz file of poses")
    parser.add_argument("--num-test-poses", type=int, default=NUM_TEST_POSES)
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the clustering")
    parser.add_argument("--steps", help="only these steps of the table, separated by ;")
    parser.add_argument("--json", help="file for the results")
    options = parser.parse_args(arguments)

    data = mocap.load_poses(options.poses)
    if data.subject is None:
        raise ValueError(f"{options.poses}: must have `subject`, to hold people out")
    held_out = np.isin(data.subject.astype(str), HELD_OUT)
    rows = np.linspace(0, held_out.sum() - 1, min(options.num_test_poses, held_out.sum()))
    test = data.poses[held_out][rows.astype(int)]
    train = dataclasses.replace(
        data,
        poses=data.poses[~held_out],
        subject=data.subject[~held_out],
        clip=_clip(data, ~held_out),
    )
    results = []
    print(f"{len(train.poses)} poses to learn from, {len(test)} to test on; {options.seeds} seeds")
    print("| step | setting | log-likelihood (nats) | MPJPE (mm) | PA-MPJPE (mm) |")
    print("|---|---|---|---|---|")
    wanted = options.steps.split(";") if options.steps else None
    for step, setting, variant in VARIANTS:
        if wanted and step not in wanted:
            continue
        started = time.monotonic()
        scores = measure(variant, train, test, options.seeds)
        result = {"step": step, "setting": setting, **dataclasses.asdict(variant)}
        for name, values in zip(COLUMNS, scores.T, strict=True):
            result[name] = float(values.mean())
            result[f"{name}_by_seed"] = values.tolist()
        results.append(result | {"seconds": time.monotonic() - started})
        print(
            f"| {step} | {setting} | {' | '.join(_text(values) for values in scores.T)} |",
            flush=True,
        )
    if options.json:
        command = " ".join(["python -m benchmarks prior_ablation", *arguments])
        records.write(options.json, "prior_ablation", {"rows": results}, command=command, seed=0)


@blas.single_thread()
def measure(variant: Variant, train: mocap.MocapPoses, test, num_seeds: int) -> np.ndarray:
    """Learns a prior for each seed and tests it.

    Args:
        variant: How to learn.
        train: Poses to learn from.
        test: Poses of other people, `[N, L, 3]`, mm, z up.
        num_seeds: Number of seeds of the clustering; the poses are aligned once.

    Returns:
        Array of shape `[num_seeds, 3]`: mean log-likelihood, MPJPE, PA-MPJPE.
    """
    joints = skeletons.get(train.skeleton)
    groups = train.groups(variant.balance)
    weights = np.ones(len(train.poses)) if groups is None else learning.balanced_weights(groups)
    data = PoseData(train.poses, weights / weights.sum(), joints, variant.mirror)
    sizes: dict[str, Any] = {
        "num_bases": variant.num_bases,
        "noise_stddev": variant.noise_stddev,
        "alignment": variant.alignment,
        "shrinkage": variant.shrinkage,
    }
    *_, aligned = learning.align(data, learning.Settings(1, **sizes))
    centred = test.astype(np.float64) - test[:, :1]
    scores = []
    for seed in range(num_seeds):
        settings = learning.Settings(variant.mixture_size, seed=seed, **sizes)
        *_, state = learning.mix(data, settings, variant.max_iterations, aligned)
        prior = PosePrior(**learning.arrays(state, joints), skeleton=joints.name)
        if variant.tuned:
            prior = prior_tuning.tune(prior, train.poses, groups, TuningConfig(seed=seed))
        errors = lifting_errors(prior, test)
        likelihood = prior.log_likelihood(centred, NUM_ROTATIONS).mean()
        scores.append([likelihood, errors["mpjpe"].mean(), errors["pa_mpjpe"].mean()])
    return np.array(scores)


def _clip(data, chosen):
    return None if data.clip is None else data.clip[chosen]


def _text(values):
    spread = f" +- {values.std(ddof=1):.1f}" if len(values) > 1 else ""
    return f"{values.mean():.1f}{spread}"
