"""The lift in float32 against brute force in float64, on real poses."""

import pathlib

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.accuracy import protocol, views
from benchmarks.lift import brute_force, masks, programs

__all__ = ["WAYS", "compare", "evaluate", "real_poses"]

WAYS = ("eager", "compiled")

# Two candidates whose costs differ by less than this share are a tie.
_TIE = 1e-6
_ENERGY_TOLERANCE = 1e-4
_NUM_ROTATIONS = 80
# Every number of missing landmarks up to all but this many.
_MIN_VISIBLE = 3
# Brute force solves each pose with weights of its own: fewer of them must do.
_WEIGHTED_SHARE = 0.2


def evaluate(path, num_poses, num_masked, seed, advance, prior=None, ways=WAYS) -> dict:
    """Compares the lift with brute force.

    Args:
        path: File of poses; if it does not exist, poses are drawn from the prior.
        num_poses: Poses with all landmarks visible.
        num_masked: Poses with 0 to 14 of 17 landmarks missing, all numbers in one batch; a
            fifth of them also with real-valued weights.
        seed: Seed of the choice of poses, their views and masks.
        advance: See `timing.measure`.
        prior: `PosePrior`; by default "cmu".
        ways: "eager" and "compiled", or one of them.

    Returns:
        Dict of `poses`, a text about their origin, and `runs`: by name `num_poses` and
        `ways`, the figures of `compare` for each way. Runs with landmarks
        missing have in `by_missing` also the figures by number of missing landmarks.
    """
    prior = tf_lift.PosePrior.load("cmu") if prior is None else prior
    rng = np.random.default_rng(seed)
    poses, source = real_poses(path, num_poses, prior, rng)
    landmarks = views.make_views(poses, rng).landmarks
    chosen = landmarks[rng.permutation(len(landmarks))[:num_masked]]
    most = prior.num_joints - _MIN_VISIBLE
    visible = masks.every_number(rng, len(chosen), prior.num_joints, most)
    num_weighted = max(1, round(_WEIGHTED_SHARE * len(chosen)))
    weights = visible * rng.uniform(0.1, 2.0, visible.shape).astype(np.float32)
    # Landmarks, visibility for brute force, and by run the visibility for the lift.
    batches = [
        (landmarks, None, {"all visible": None}),
        (
            chosen,
            visible,
            {
                f"0 to {most} missing, bool masks": visible,
                f"0 to {most} missing, float masks": np.float32(visible),
            },
        ),
        (
            chosen[:num_weighted],
            weights[:num_weighted],
            {f"0 to {most} missing, weights": weights[:num_weighted]},
        ),
    ]
    options = {"num_rotations": _NUM_ROTATIONS}
    lifts = {way: programs.keyword(prior, compiled=way == "compiled", **options) for way in ways}
    runs: dict = {}
    for index, (seen, truth_weights, inputs) in enumerate(batches):

        def show(share, index=index):
            advance((index + 0.8 * share) / len(batches), "brute force")

        truth = brute_force.lift(seen, prior, _NUM_ROTATIONS, truth_weights, show)
        for run, visibility in inputs.items():
            runs[run] = {"num_poses": len(seen), "ways": {}}
            for way, lift in lifts.items():
                advance((index + 0.9) / len(batches), f"{run}: {way}")
                arguments = [seen] if visibility is None else [seen, visibility]
                result = lift(*map(tf.constant, arguments))
                lifted = {key: value.numpy() for key, value in result.items()}
                runs[run]["ways"][way] = _figures(lifted, truth, truth_weights)
    return {"poses": source, "prior": "cmu", "runs": runs}


def _figures(lifted, truth, weights):
    """Returns the figures of `compare`, and those by number of missing landmarks."""
    figures = compare(lifted, truth, _NUM_ROTATIONS)
    if weights is None:
        return figures
    missing = (weights == 0).sum(1)
    by_missing = {}
    for number in np.unique(missing):
        rows = missing == number
        some = {key: value[rows] for key, value in lifted.items()}
        by_missing[str(number)] = compare(some, truth.rows(rows), _NUM_ROTATIONS)
    return figures | {"by_missing": by_missing}


def compare(lifted, truth, num_rotations) -> dict:
    """Compares the lift of some poses with their brute force.

    Poses with a tie are counted apart, since either candidate is right for them.

    Args:
        lifted: Dict of arrays, the result of `tf_lift.lift`.
        truth: `brute_force.Lifted`.
        num_rotations: Angles of each component.

    Returns:
        Dict of `ties`, the number of poses with one. For all other poses: the largest
        relative difference of the energy and the share within 1e-4, the largest difference
        of a joint and the shares within 0.1 and 1 mm; `other_candidate`, the number of poses
        for which another candidate was chosen, and `other_candidate_worse`, the largest
        relative excess of its cost. `ties_included` has the differences over all poses.
    """
    energy = np.abs(lifted["energy"] - truth.energy) / truth.energy
    joints = np.linalg.norm(lifted["joints_3d"] - truth.joints_3d, axis=-1).max(-1)
    angle = lifted["rotation_angle"].astype(np.float64) * num_rotations / (2 * np.pi)
    chosen = lifted["mixture_index"] * num_rotations + np.rint(angle).astype(int)
    best = truth.costs.min(1)
    worse = (np.take_along_axis(truth.costs, chosen[:, None], 1)[:, 0] - best) / np.abs(best)
    clear = truth.gaps() > _TIE
    other = clear & (chosen != truth.costs.argmin(1))
    return {
        "ties": int((~clear).sum()),
        "other_candidate": int(other.sum()),
        "other_candidate_worse": float(worse[other].max(initial=0.0)),
        **_differences(energy[clear], joints[clear]),
        "ties_included": _differences(energy, joints),
    }


def _differences(energy, joints):
    def share(values, limit):
        return float((values <= limit).mean()) if len(values) else 1.0

    return {
        "energy_largest": float(energy.max(initial=0.0)),
        "energy_within_1e-4": share(energy, _ENERGY_TOLERANCE),
        "joints_largest_mm": float(joints.max(initial=0.0)),
        "joints_within_0.1_mm": share(joints, 0.1),
        "joints_within_1_mm": share(joints, 1.0),
    }


def real_poses(path, count, prior, rng):
    """Draws poses from a file, every clip as often as any other, or else from the prior.

    Args:
        path: File of poses; if it does not exist, poses are drawn from the prior.
        count: Number of poses.
        prior: `PosePrior`.
        rng: Random generator.

    Returns:
        Poses `[count, L, 3]`, and a text about their origin.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        poses = prior.sample(count, seed=int(rng.integers(2**31)), noise=True)
        return poses, f"drawn from the prior: no file {path.name}"
    data = protocol.load(path)
    clip = data.subject if data.clip is None else data.clip
    drawn = protocol.TrainingData(data.poses, clip, data.subject, data.skeleton, 0)
    return drawn.draw(count, rng), f"{count} poses of {path.name}, every clip as often"
