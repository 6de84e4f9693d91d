"""Errors of sequences of people whom the prior has not seen: noise, gaps, smoothing."""

import argparse
import dataclasses

import numpy as np
from scipy import ndimage

import tf_lift
from benchmarks.accuracy import protocol, sequence_cameras, views
from benchmarks.harness import records
from tf_lift import skeletons
from tf_lift.ops import errors

__all__ = ["Clip", "evaluate", "main", "motion_constants", "select"]

NOISES_PX = (0.0, 3.0, 6.0)
# Widths of the Gaussian filters over the frames' poses, in frames.
WIDTHS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
GAPS = (3, 5, 10, 20, 40)
_GAP_NOISE_PX = 3.0
# Height of a person who fills PERSON_PX.
_PERSON_MM = 1700.0
# Frames around a gap: clips of fewer than twice as many more are left out.
_MARGIN = 10
_METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "mpjve_mm_per_s", "acceleration_mm_per_s2")


@dataclasses.dataclass(frozen=True, eq=False)
class Clip:
    """A clip and its view.

    Attributes:
        name: Label of the clip.
        joints_3d: `[T, L, 3]`, mm, camera frame, origin at joint 0.
        landmarks: `[T, L, 2]`, px, exact.
        fps: Frames per second.
    """

    name: str
    joints_3d: np.ndarray
    landmarks: np.ndarray
    fps: float


def main(arguments):
    """Runs the benchmark from a list of command line arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sequences", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument("--poses", metavar="FILE", default=protocol.default_poses())
    parser.add_argument("--splits", metavar="0,1", default="0,1", help="(%(default)s)")
    parser.add_argument(
        "--prior", metavar="FILE", help="prior; by default learnt from all but the tested subjects"
    )
    parser.add_argument("--num-clips", type=int, default=24, help="of each split (%(default)s)")
    parser.add_argument("--longest", type=int, default=120, help="frames of a clip (%(default)s)")
    parser.add_argument(
        "--cameras",
        action="store_true",
        help="instead, all splits together, seen by real-like cameras that stand or move",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--motion", action="store_true", help="only print the constants of tf_lift.sequences.motion"
    )
    options = parser.parse_args(arguments)
    if options.num_clips < 1:
        raise ValueError(f"`num_clips` must be at least 1. Received: {options.num_clips}")
    data, frame = protocol.load(options.poses), _frames(options.poses)
    if data.clip is None or data.fps is None:
        raise ValueError(f"`poses` must be clips of one frame rate. Received: {options.poses}")
    if options.motion:
        for name, values in motion_constants(data, frame).items():
            print(f'    "{name}": ({", ".join(f"{value:.0f}" for value in values)}),')
        return
    numbers = [int(each) for each in options.splits.split(",")]
    results = {}
    if options.cameras:
        results = sequence_cameras.run(data, frame, numbers, options)
        numbers = []
    for number in numbers:
        training, _ = protocol.split(data, number, 1, options.seed)
        if options.prior is None:
            prior = training.prior()
        else:
            prior = tf_lift.PosePrior.load(options.prior)
        rng = np.random.default_rng([options.seed, number])
        clips = select(data, frame, number, options.num_clips, options.longest, rng)
        results[str(number)] = evaluate(clips, prior, rng)
        print(
            f"\nsplit {number}: {len(clips)} clips, {sum(len(c.landmarks) for c in clips)} frames"
        )
        print(_table(results[str(number)]), flush=True)
    if options.json:
        command = " ".join(["python -m benchmarks sequences", *arguments])
        records.write(options.json, "sequences", results, command=command, seed=options.seed)


def _frames(path):
    """Returns the number of each pose's frame in its clip: that of its row, if not given."""
    with np.load(path, allow_pickle=False) as content:
        return content["frame"] if "frame" in content else np.arange(len(content["poses"]))


def select(data, frame, number, num_clips, longest, rng, shortest=30) -> list[Clip]:
    """Selects clips of the held-out subjects of a split, each from one random side.

    Args:
        data: `mocap.MocapPoses` with `clip` and `fps`.
        frame: `[N]`: number of each pose's frame in its clip.
        number: Index into `protocol.SPLITS`.
        num_clips: Largest number of clips.
        longest: Frames to keep of each clip.
        rng: Random generator.
        shortest: Clips of fewer frames are left out, and those that lack a frame.

    Raises:
        ValueError: If there is no such clip.
    """
    subjects = protocol.SPLITS[number]
    chosen = sequence_cameras.select(data, frame, subjects, num_clips, longest, rng, shortest)
    found = []
    for name, poses in chosen:
        yaw = rng.uniform(0.0, 2.0 * np.pi)
        x, y, z = np.moveaxis(poses, -1, 0)
        across, away = np.cos(yaw) * x - np.sin(yaw) * y, np.sin(yaw) * x + np.cos(yaw) * y
        joints = np.stack([across, -z, away], -1)
        landmarks = views.PERSON_PX / _PERSON_MM * joints[..., :2]
        found.append(Clip(name, joints - joints[:, :1], landmarks, data.fps))
    return found


def evaluate(clips, prior, rng) -> dict:
    """Lifts clips frame by frame, smoothed by Gaussian filters, and as sequences.

    Args:
        clips: List of `Clip`.
        prior: `PosePrior`.
        rng: Random generator of the noise.

    Returns:
        Dict of `noise`: by noise in px and method a dict of the errors, of the shares `within_1`
        and `within_2` of the joints within one and two deviations, and `bones_mm`, the largest
        deviation of a bone's length; and `gaps`, by number of frames that are missing.
    """
    results: dict[str, dict] = {"noise": {}, "gaps": {}}
    draws = [rng.standard_normal(clip.landmarks.shape) for clip in clips]
    for noise in NOISES_PX:
        seen = [
            np.float32(clip.landmarks + noise * draw)
            for clip, draw in zip(clips, draws, strict=True)
        ]
        results["noise"][f"{noise:g}"] = _compare(clips, seen, prior, noise)
    for gap in GAPS:
        rows = [
            _across_gap(clip, clip.landmarks + _GAP_NOISE_PX * draw, gap, prior)
            for clip, draw in zip(clips, draws, strict=True)
            if len(clip.landmarks) >= gap + 2 * _MARGIN
        ]
        if rows:
            joined = (np.concatenate(parts) for parts in zip(*rows, strict=True))
            results["gaps"][str(gap)] = _coverage(*joined)
    return results


def _compare(clips, seen, prior, noise):
    lengths = np.cumsum([len(each) for each in seen])[:-1]
    joined = np.concatenate(seen)
    methods = {"frame by frame": _split(tf_lift.lift(joined, prior), lengths)}
    if noise:
        told = tf_lift.lift(joined, prior, landmark_stddev=noise)
        methods["noise told"] = _split(told, lengths)
    for name in list(methods):
        for width in WIDTHS:
            methods[f"{name}, Gauss {width:g}"] = [
                (ndimage.gaussian_filter1d(joints, width, axis=0, mode="nearest"), stddev)
                for joints, stddev in methods[name]
            ]
    lifted = [
        tf_lift.lift_sequence(landmarks, prior, fps=clip.fps)
        for clip, landmarks in zip(clips, seen, strict=True)
    ]
    methods["sequence"] = [
        (each["joints_3d"].numpy(), each["joints_3d_stddev"].numpy()) for each in lifted
    ]
    return {name: _errors(clips, poses, prior) for name, poses in methods.items()}


def _split(lifted, lengths):
    """Returns joints and deviations of each clip."""
    joints, stddev = lifted["joints_3d"].numpy(), lifted["joints_3d_stddev"].numpy()
    return list(zip(np.split(joints, lengths), np.split(stddev, lengths), strict=True))


def _errors(clips, poses, prior):
    totals = np.zeros(len(_METRICS))
    distances, deviations, bones = [], [], 0.0
    parents = np.array(skeletons.get(prior.skeleton).parents)
    children = np.flatnonzero(parents >= 0)
    for clip, (joints, stddev) in zip(clips, poses, strict=True):
        true = np.float32(clip.joints_3d)
        values = [
            np.mean(errors.mpjpe(joints, true)),
            np.mean(errors.pa_mpjpe(joints, true)),
            errors.mpjve(joints, true, clip.fps).numpy(),
            errors.acceleration_error(joints, true, clip.fps).numpy(),
        ]
        totals += len(true) * np.array(values)
        distances.append(np.linalg.norm(joints - true, axis=-1))
        deviations.append(stddev)
        length = np.linalg.norm(joints[:, children] - joints[:, parents[children]], axis=-1)
        bones = max(bones, float(np.ptp(length, axis=0).max()))
    means = totals / sum(len(clip.joints_3d) for clip in clips)
    coverage = _coverage(np.concatenate(distances), np.concatenate(deviations))
    coverage.pop("mpjpe_mm")
    return dict(zip(_METRICS, means.tolist(), strict=True)) | coverage | {"bones_mm": bones}


def _across_gap(clip, landmarks, gap, prior):
    """Returns distances and deviations of the joints in frames that are missing."""
    start = (len(landmarks) - gap) // 2
    hidden = slice(start, start + gap)
    landmarks = landmarks.astype(np.float32)
    landmarks[hidden] = np.nan
    lifted = tf_lift.lift_sequence(landmarks, prior, fps=clip.fps)
    distance = np.linalg.norm(lifted["joints_3d"].numpy() - clip.joints_3d, axis=-1)
    return distance[hidden], lifted["joints_3d_stddev"].numpy()[hidden]


def _coverage(distance, stddev):
    inner = distance[:, 1:], stddev[:, 1:]  # Joint 0 is the origin.
    return {
        "mpjpe_mm": float(distance.mean()),
        "stddev_mm": float(stddev.mean()),
        "within_1": float((inner[0] < inner[1]).mean()),
        "within_2": float((inner[0] < 2 * inner[1]).mean()),
    }


def _table(results):
    """Returns tables in Markdown; of the Gaussian filters, the best of each kind."""
    lines = [
        "| noise (px) | method | MPJPE | PA-MPJPE | MPJVE (mm/s) | acceleration (m/s^2) "
        "| within 1, 2 deviations | bones (mm) |",
        "|--:|:--|--:|--:|--:|--:|--:|--:|",
    ]
    for noise, methods in results["noise"].items():
        for name, row in methods.items():
            kind, is_filter, _ = name.partition(", Gauss ")
            if is_filter and row["mpjpe_mm"] > min(
                other["mpjpe_mm"]
                for key, other in methods.items()
                if key.startswith(f"{kind}, Gauss ")
            ):
                continue
            values = [row[metric] for metric in _METRICS]
            values[-1] /= 1000
            cells = " | ".join(f"{value:.1f}" for value in values)
            shares = f"{100 * row['within_1']:.0f}, {100 * row['within_2']:.0f} %"
            lines.append(f"| {noise} | {name} | {cells} | {shares} | {row['bones_mm']:.1f} |")
    lines += ["", "| missing frames | MPJPE | deviation | within 1, 2 deviations |"]
    lines.append("|--:|--:|--:|--:|")
    for gap, row in results["gaps"].items():
        shares = f"{100 * row['within_1']:.0f}, {100 * row['within_2']:.0f} %"
        lines.append(f"| {gap} | {row['mpjpe_mm']:.1f} | {row['stddev_mm']:.1f} | {shares} |")
    return "\n".join(lines)


def motion_constants(data, frame) -> dict[str, tuple[float, float, float]]:
    """Computes how joints move, from motion capture.

    Args:
        data: `mocap.MocapPoses` with `clip` and `fps`.
        frame: `[N]`: number of each pose's frame in its clip.

    Returns:
        For each joint, left and right together: root of the acceleration's power in space and
        relative to joint 0, mm/s^1.5, and the deviation of the relative position within a clip,
        mm. The second difference of a motion of white acceleration has the variance
        2/3 power interval^3 (docs/method.md, M39).
    """
    clip = np.asarray(data.clip)
    poses = data.poses.astype(np.float64)
    relative = poses - poses[:, :1]
    follows = (clip[2:] == clip[:-2]) & (frame[2:] - frame[:-2] == 2)
    interval = 1 / data.fps

    def power(points):
        change = (points[2:] - 2 * points[1:-1] + points[:-2])[follows]
        return (change**2).mean((0, 2)) / (2 / 3 * interval**3)

    squares = np.zeros(poses.shape[1])
    for name in np.unique(clip):
        own = relative[clip == name]
        squares += ((own - own.mean(0)) ** 2).sum((0, 2))
    rows = np.stack([power(poses), power(relative), squares / (3 * len(poses))], -1)
    names = skeletons.get(data.skeleton).joint_names
    kinds = [name.removeprefix("left_").removeprefix("right_") for name in names]
    return {
        kind: tuple(np.sqrt(rows[[other == kind for other in kinds]].mean(0)).tolist())
        for kind in dict.fromkeys(kinds)
    }
