"""The lift in float32 against brute force in float64, on real poses."""

import pathlib

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.accuracy import protocol, views
from benchmarks.lift import brute_force, programs
from tf_lift.ops.lift import lift as lifting
from tf_lift.prior import build_tables

__all__ = ["compare", "evaluate", "real_poses"]

# Two candidates whose costs differ by less than this share are a tie.
_TIE = 1e-6
_ENERGY_TOLERANCE = 1e-4
_NUM_ROTATIONS = 80


def evaluate(path, num_poses, num_masked, seed, advance, prior=None) -> dict:
    """Compares the lift, eager and compiled, with brute force.

    Args:
        path: File of poses; where there is none, poses are drawn from the prior.
        num_poses: Poses with all landmarks visible.
        num_masked: Poses of which 0 to 6 landmarks are missing.
        seed: Seed of the choice of poses, their views and masks.
        advance: Told of progress.
        prior: `PosePrior`; by default "cmu".

    Returns:
        Dict of `poses`, what they are, and for `all_visible` and `masked` what `compare`
        returns, for each way to run the lift.
    """
    prior = tf_lift.PosePrior.load("cmu") if prior is None else prior
    rng = np.random.default_rng(seed)
    poses, source = real_poses(path, num_poses, prior, rng)
    landmarks = views.make_views(poses, rng).landmarks
    masks = programs.random_masks(rng, num_masked, prior.num_joints)
    runs = {
        "all_visible": (landmarks, None),
        "masked": (landmarks[rng.permutation(len(landmarks))[:num_masked]], masks),
    }
    tables = build_tables(prior, _NUM_ROTATIONS)
    results: dict = {"poses": source, "prior": "cmu"}
    for index, (name, (seen, visibility)) in enumerate(runs.items()):
        visibility = None if visibility is None else visibility[: len(seen)]

        def show(share, name=name, index=index):
            advance((index + 0.8 * share) / len(runs), f"{name}: brute force")

        truth = brute_force.lift(seen, prior, _NUM_ROTATIONS, visibility, show)
        inputs = [tf.constant(seen)] + ([] if visibility is None else [tf.constant(visibility)])
        ways = {
            "eager": lambda *inputs: lifting.lift(inputs[0], tables, *inputs[1:]),
            "compiled": (programs.forward if visibility is None else programs.forward_masked)(
                tables, True
            ),
        }
        results[name] = {"num_poses": len(seen)}
        for way, lift in ways.items():
            advance((index + 0.85) / len(runs), f"{name}: {way}")
            lifted = {key: value.numpy() for key, value in lift(*inputs).items()}
            results[name][way] = compare(lifted, truth, _NUM_ROTATIONS)
    return results


def compare(lifted, truth, num_rotations) -> dict:
    """Compares the lift of some poses with their brute force.

    Poses with a tie are counted apart, since either candidate is right for them.

    Args:
        lifted: Dict of arrays, what `tf_lift.lift` returned.
        truth: `brute_force.Lifted`.
        num_rotations: Angles of each component.

    Returns:
        Dict of `ties`, the number of poses with one; of the others the largest relative
        difference of the energy and the share of those within 1e-4, the largest difference
        of a joint and the shares within 0.1 and 1 mm; `other_candidate`, the number of
        those for which another candidate was chosen, and by how much its cost is worse,
        relatively, at most; and the same of the differences of all poses, ties included.
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
    """Returns poses `[count, L, 3]`, every clip as often as any other, and what they are.

    Without a file they are drawn from the prior, and the text says so.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        poses = prior.sample(count, seed=int(rng.integers(2**31)), noise=True)
        return poses, f"drawn from the prior: no file {path.name}"
    data = protocol.load(path)
    clip = data.subject if data.clip is None else data.clip
    drawn = protocol.TrainingData(data.poses, clip, data.subject, data.skeleton, 0)
    return drawn.draw(count, rng), f"{count} poses of {path.name}, every clip as often"
