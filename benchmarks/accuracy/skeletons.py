"""Errors of landmarks of every skeleton, lifted with one prior, against the prior's own."""

import argparse

import numpy as np

import tf_lift
from benchmarks.accuracy import protocol, skeletons_figure
from benchmarks.harness import records
from tf_lift import skeletons
from tf_lift.viewing import figures

__all__ = ["evaluate", "main"]

# Half the distance between the ears, and displacements of marks whose cost is measured, mm.
_EAR = 75.0
_HIGHER_CROWN = 30.0
_MARKS_OFF = 50.0
_LIMBS = tuple(
    f"{side}_{part}"
    for side in ("left", "right")
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
)
_SPINE = ("spine", "thorax", "neck_nose", "head_top")
_CONVERTIBLE = ("lsp14", "mpii16", "mpi_inf_3dhp17")


def main(arguments):
    """Runs the benchmark from a list of command line arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks skeletons", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument("--poses", metavar="FILE", default=protocol.default_poses())
    parser.add_argument("--prior", default="cmu", help="name or file of the prior (cmu)")
    parser.add_argument("--num-poses", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", metavar="FILE", help="png file: where the marks are")
    options = parser.parse_args(arguments)
    if options.num_poses < 1:
        raise ValueError(f"`num_poses` must be at least 1. Received: {options.num_poses}")
    data = protocol.load(options.poses)
    if data.skeleton != "h36m17":
        raise ValueError(f"{options.poses}: must hold poses of h36m17. Received: {data.skeleton}")
    rng = np.random.default_rng(options.seed)
    chosen = _draw(data.clip, options.num_poses, rng)
    poses = data.poses[chosen].astype(np.float64)
    prior = tf_lift.PosePrior.load(options.prior)
    results = evaluate(poses, prior, rng)
    print("landmarks | of 17 | MPJPE, mm | limbs | spine and head")
    for name, row in results["landmarks"].items():
        print(f"{name} | {row['joints']} | {row['mpjpe']:.1f} | ", end="")
        print(f"{row['limbs']:.1f} | {row['spine']:.1f}")
    print("\nskeleton | landmarks converted: all, limbs | prior converted: all, limbs")
    for name, row in results["priors"].items():
        print(f"{name} | " + " | ".join(f"{a:.1f}, {b:.1f}" for a, b in row.values()))
    if options.figure:
        figures.save(skeletons_figure.draw(prior), options.figure)
    if options.json:
        command = " ".join(["python -m benchmarks skeletons", *arguments])
        records.write(options.json, "skeletons", results, command=command, seed=options.seed)


def evaluate(poses, prior, rng):
    """Lifts views of poses as each skeleton sees them.

    Args:
        poses: `[N, 17, 3]`, mm, z up, joints of h36m17.
        prior: `PosePrior` of h36m17.
        rng: Random generator, of the yaws and scales.

    Returns:
        Dict of `landmarks` and `priors`. `landmarks` has for each kind of landmarks the
        number of joints that the prior sees and errors in mm (MPJPE relative to the pelvis
        over the 17 joints, the 12 of the limbs, and spine to head). `priors` has for each
        skeleton that the prior can be converted to the errors over all joints and the limbs
        relative to the middle of the hips, with the landmarks and with the prior converted.
    """
    turned = _turn(poses - poses[:, :1], rng.uniform(0.0, 2.0 * np.pi, len(poses)))
    scale = rng.uniform(0.5, 2.0, [len(poses), 1, 1])
    rows, lifts = {}, {}
    for name, body, approximate in _bodies(turned):
        seen = skeletons.convert(
            scale * _project(body), name.split()[0], "h36m17", approximate=approximate
        )
        # Most skeletons convert to the same landmarks: lift these once.
        key = np.nan_to_num(seen.points, nan=-1e9).astype(np.float32).round(2).tobytes()
        if key not in lifts:
            lifts[key] = _lift(seen.points, prior, seen.visibility)
        lifted = lifts[key]
        rows[name] = {"joints": int(seen.visibility[0].sum())} | _errors(lifted, turned)
    priors = {}
    for name in _CONVERTIBLE:
        body = _seen_as(name, turned)
        landmarks = scale * _project(body)
        seen = skeletons.convert(landmarks, name, "h36m17")
        lifted = _lift(seen.points, prior, seen.visibility)
        through = skeletons.convert(lifted, "h36m17", name, approximate=True).points
        other = tf_lift.prior.convert(prior, name, approximate=True)
        straight = _lift(landmarks, other, None)
        priors[name] = {
            "landmarks": _hip_errors(through, body, name),
            "prior": _hip_errors(straight, body, name),
        }
    return {"landmarks": rows, "priors": priors}


def _bodies(poses):
    """Yields (name, which begins with that of a skeleton, its joints, approximate)."""
    for name in skeletons.SKELETONS:
        yield name, _seen_as(name, poses), False
    for name in ("coco17", *_CONVERTIBLE):
        yield f"{name} approximate", _seen_as(name, poses), True
    no_head = _seen_as("lsp14", poses)
    no_head[:, skeletons.LSP_14.joint_names.index("head_top")] = np.nan
    yield "lsp14 without its head_top", no_head, False
    up = poses[:, _index(skeletons.H36M_17, "head_top")] - poses[:, 0]
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    crown = _seen_as("mpii16", poses)
    crown[:, skeletons.MPII_16.joint_names.index("head_top")] += _HIGHER_CROWN * up
    yield f"mpii16 its head_top {_HIGHER_CROWN:.0f} mm higher", crown, False
    off = _seen_as("mpi_inf_3dhp17", poses)
    for joint in ("spine", "neck", "head"):
        off[:, skeletons.MPI_INF_3DHP_17.joint_names.index(joint)] += _MARKS_OFF * up
    yield f"mpi_inf_3dhp17 approximate marks {_MARKS_OFF:.0f} mm higher", off, True


def _seen_as(name, poses):
    """Returns the joints of a skeleton that the poses have, ears next to their `head_top`."""
    target = skeletons.get(name)
    points = skeletons.convert(poses, "h36m17", target, approximate=True).points
    if "left_ear" in target.joint_names:
        own = skeletons.H36M_17
        left = poses[:, _index(own, "left_shoulder")] - poses[:, _index(own, "right_shoulder")]
        left *= _EAR / np.linalg.norm(left, axis=-1, keepdims=True)
        for ear, offset in (("left_ear", left), ("right_ear", -left)):
            points[:, _index(target, ear)] = poses[:, _index(own, "head_top")] + offset
    return points


def _draw(clip, count, rng):
    """Draws frames, every clip as often as any other."""
    _, label = np.unique(clip, return_inverse=True)
    weights = 1.0 / np.bincount(label)[label]
    count = min(count, len(clip))
    return np.sort(rng.choice(len(clip), count, replace=False, p=weights / weights.sum()))


def _turn(poses, yaw):
    """Turns poses about the vertical, into the camera's frame: x right, y down, z away."""
    cosine, sine = np.cos(yaw)[:, np.newaxis], np.sin(yaw)[:, np.newaxis]
    x, y, z = np.moveaxis(poses, -1, 0)
    return np.stack([cosine * x - sine * y, -z, sine * x + cosine * y], -1)


def _project(joints):
    return joints[..., :2]


def _lift(landmarks, prior, visibility):
    lifted = tf_lift.lift(
        landmarks.astype(np.float32), prior, visibility, estimator="map", camera="level"
    )
    return lifted["joints_3d"].numpy()


def _errors(lifted, truth):
    distance = np.linalg.norm(lifted - lifted[:, :1] - truth + truth[:, :1], axis=-1)
    groups = {"limbs": _LIMBS, "spine": _SPINE}
    names = skeletons.H36M_17
    return {"mpjpe": float(distance.mean())} | {
        group: float(distance[:, [_index(names, name) for name in members]].mean())
        for group, members in groups.items()
    }


def _hip_errors(lifted, truth, name):
    joints = skeletons.get(name)
    hips = [_index(joints, "left_hip"), _index(joints, "right_hip")]
    limbs = [_index(joints, limb) for limb in _LIMBS]
    lifted = lifted - lifted[:, hips].mean(1, keepdims=True)
    truth = truth - truth[:, hips].mean(1, keepdims=True)
    distance = np.linalg.norm(lifted - truth, axis=-1)
    return [float(distance.mean()), float(distance[:, limbs].mean())]


def _index(skeleton, joint):
    return skeleton.joint_names.index(joint)
