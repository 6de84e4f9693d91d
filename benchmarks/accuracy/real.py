"""Errors on a real person seen by real cameras: detections against triangulated joints."""

import dataclasses
import itertools
import os
import pathlib
import tempfile
import warnings

import numpy as np
from rich import console, progress

import tf_lift
from benchmarks.accuracy import knowledge, mean_pose, measures, pose2sim
from benchmarks.harness import options as command_line
from benchmarks.harness import records
from tf_lift import inference, skeletons
from tf_lift.inference import confidence

__all__ = ["METHODS", "default_data", "evaluate", "lift", "main", "predict", "table", "truth"]

# Options of the lift by the names of the methods.
METHODS: dict[str, dict] = {
    "lift": {},
    "lift_options": {"add_residuals": True, "bone_lengths": "prior"},
}
_TITLES = {
    "lift": "lift",
    "lift_options": "lift, residuals and the prior's bones",
    **mean_pose.METHODS,
}
_SOURCES = {"detections": "detections", "exact": "exact projections"}
_TITLE_OF_PREDICT = "video, default detector"
# What `tf-lift predict` is given of a camera: nothing but the video, or its file.
_PREDICT = ("image_size", "calibrated")
# What is measured on sequences too.
_SEQUENCES = ("unknown", "level", "image_size", "calibrated")
_METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "n_mpjpe_mm")
_SHARES = ("within_1", "within_2")


def main(arguments: list[str]) -> None:
    """Runs the benchmark from a list of command line arguments."""
    parser = command_line.Parser(prog="python -m benchmarks real", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument(
        "--data", metavar="FOLDER", default=default_data(), help="recording of Pose2Sim"
    )
    parser.add_argument("--prior", metavar="NAME", help="name or file of the prior")
    parser.add_argument(
        "--step", type=command_line.positive_int, default=1, help="use every STEPth frame"
    )
    parser.add_argument(
        "--no-video", action="store_true", help="leave out finding people in the views' videos"
    )
    options = parser.parse_args(arguments)
    recording = pose2sim.read(options.data)
    prior = tf_lift.PosePrior.load(*([options.prior] if options.prior else []))
    results = evaluate(recording, prior, options.step, not options.no_video)
    print(table(results))
    if options.json:
        command = " ".join(["python -m benchmarks real", *arguments])
        records.write(options.json, "real", results, command=command)


def default_data() -> pathlib.Path:
    """Returns the default of the option `--data`."""
    shared = pathlib.Path(__file__).resolve().parents[3] / "shared"
    return pathlib.Path(os.environ.get("TF_LIFT_SHARED") or shared) / "data" / "pose2sim"


def evaluate(recording, prior, step: int = 1, video: bool = False) -> dict:
    """Measures all methods on all views.

    Args:
        recording: `pose2sim.Recording`.
        prior: `PosePrior`.
        step: Uses every `step`th frame.
        video: Whether people are found in the views' videos, too.

    Returns:
        Dict of `views` (attitude, number of frames, error of the detector), `rows` (a list of
        dicts of `source`, `knowledge`, `method`, `frames`: "each" or "sequence", and
        `errors`: the dict of `measures.measure` for each view and for the `mean` over them).
    """
    views = recording.views
    jobs = list(
        itertools.product(views, _SOURCES, knowledge.KNOWLEDGE, METHODS, ("each", "sequence"))
    )
    errors: dict[tuple, dict] = {}
    bar = progress.track(
        jobs, "lifts", console=console.Console(stderr=True), transient=True, disable=None
    )
    for view, source, known, method, frames in bar:
        if frames == "sequence" and known not in _SEQUENCES:
            continue
        fps = recording.fps / step if frames == "sequence" else None
        lifted = lift(view, source, known, METHODS[method], prior, step, fps)
        errors.setdefault((source, known, method, frames), {})[view.name] = _limbs(
            measures.measure(lifted.joints_3d, truth(view, prior, step), lifted.joints_3d_stddev)
        )
    if video:
        for view, known in itertools.product(views, _PREDICT):
            if view.video is not None:
                poses, stddev = predict(view, known, prior, step)
                errors.setdefault(("predict", known, "lift", "sequence"), {})[view.name] = _limbs(
                    measures.measure(poses, truth(view, prior, step), stddev)
                )
    for view, known, method in itertools.product(views, ("level", "attitude"), mean_pose.METHODS):
        joints = truth(view, prior, step)
        first = np.zeros(len(joints), int)
        poses = mean_pose.predict(
            known, prior, joints, [view.camera], first, method == "mean_pose_best_yaw"
        )
        errors.setdefault(("none", known, method, "each"), {})[view.name] = _limbs(
            measures.measure(poses, joints)
        )
    rows = [
        dict(zip(("source", "knowledge", "method", "frames"), key, strict=True))
        | {"errors": by_view | {"mean": _mean(list(by_view.values()))}}
        for key, by_view in errors.items()
    ]
    return {
        "num_frames": len(views[0].landmarks[::step]),
        "fps": recording.fps / step,
        "views": {view.name: _describe(view, step) for view in views},
        "rows": rows,
    }


def lift(view, source: str, known: str, method: dict, prior, step: int = 1, fps=None):
    """Lifts frames from a file as `tf-lift lift` does by default; exact ones have no noise.

    Args:
        view: `pose2sim.View`.
        source: "detections" or "exact".
        known: One of `knowledge.KNOWLEDGE`.
        method: Fields of `tf_lift.LiftOptions`.
        prior: `PosePrior`.
        step: Uses every `step`th frame.
        fps: Rate of these frames, to lift them as a sequence.

    Returns:
        `tf_lift.inference.Poses`.
    """
    if source == "detections":
        prior = prior.with_noise(confidence.NOISE_MM)
        arrays = {"landmarks": view.landmarks[::step], "scores": view.scores[::step]}
        skeleton = skeletons.OPENPOSE_25B
    else:
        arrays, skeleton = {"landmarks": view.exact[::step]}, pose2sim.WITHOUT_EARS
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", inference.MisfitWarning)
        path = pathlib.Path(folder) / "landmarks.npz"
        np.savez(path, **arrays)
        return inference.lift_file(
            path,
            prior,
            path.with_name("poses.npz"),
            skeleton=skeleton,
            camera=_camera(known, view.camera),
            fps=fps,
            options=tf_lift.LiftOptions(**method),
        )


def predict(view, known: str, prior, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Finds the people in a view's video as `tf-lift predict` does, and takes the one measured.

    Args:
        view: `pose2sim.View` with a video.
        known: One of `knowledge.KNOWLEDGE`.
        prior: `PosePrior`.
        step: Uses every `step`th frame of the poses; people are found in all.

    Returns:
        Joints `[T, L, 3]` and their deviations `[T, L]`, mm, NaN where nobody was found.
    """
    estimator = tf_lift.PoseEstimator(prior, camera=_camera(known, view.camera))
    poses = estimator(view.video)
    shape = (len(view.exact), poses.skeleton.num_joints)
    joints, stddev = np.full([*shape, 3], np.nan), np.full(shape, np.nan)
    exact = skeletons.convert(view.exact, skeletons.OPENPOSE_25B, poses.skeleton).points
    # The person whose joints lie nearest to those of the one who was measured.
    distance = {}
    for person in np.unique(poses.person):
        rows = np.flatnonzero((poses.person == person) & (poses.frame < shape[0]))
        apart = np.linalg.norm(poses.landmarks[rows] - exact[poses.frame[rows]], axis=-1)
        distance[person] = np.nanmedian(apart) / len(rows)
    if distance:
        person = min(distance, key=distance.__getitem__)
        rows = np.flatnonzero((poses.person == person) & (poses.frame < shape[0]))
        joints[poses.frame[rows]] = poses.joints_3d[rows]
        stddev[poses.frame[rows]] = poses.joints_3d_stddev[rows]
    return joints[::step], stddev[::step]


def _camera(known, camera):
    """Returns what the lift is given of a camera."""
    cameras = {
        "unknown": None,
        "level": "level",
        "image_size": tf_lift.Camera.guess(camera.image_size),
        "focal_length": dataclasses.replace(camera, pitch=None, roll=None),
        "attitude": tf_lift.Camera(pitch=camera.pitch, roll=camera.roll),
        "calibrated": camera,
    }
    return cameras[known]


def truth(view, prior, step: int = 1) -> np.ndarray:
    """Returns the limbs' and the pelvis' joints, NaN for those whose marks differ.

    Args:
        view: `pose2sim.View`.
        prior: `PosePrior`.
        step: Uses every `step`th frame.

    Returns:
        `[T, L, 3]`, mm, camera frame, not centred.
    """
    joints = skeletons.convert(view.joints_3d[::step], skeletons.OPENPOSE_25B, prior.skeleton)
    limbs = np.full_like(joints.points, np.nan)
    known = [0, *measures.LIMBS]
    limbs[:, known] = joints.points[:, known]
    return limbs


def _limbs(errors):
    """Leaves out the errors over all joints: the recording has the limbs' alone."""
    return {name: value for name, value in errors.items() if "_all" not in name}


def _mean(errors):
    return {
        name: float(np.mean([its[name] for its in errors]))
        for name in (*_METRICS, *_SHARES)
        if all(name in its for its in errors)
    }


def _describe(view, step):
    distance = np.linalg.norm(view.landmarks - view.exact, axis=-1)[::step]
    return {
        "pitch_degrees": float(np.degrees(view.camera.pitch)),
        "roll_degrees": float(np.degrees(view.camera.roll)),
        "detector_error_px": float(np.nanmean(distance)),
        "detector_error_median_px": float(np.nanmedian(distance)),
    }


def table(results: dict) -> str:
    """Formats results of `evaluate` in Markdown: for each row the errors of each view.

    Args:
        results: Results of `evaluate`.
    """
    names = [*results["views"], "mean"] if len(results["views"]) > 1 else list(results["views"])
    lines = [
        f"{name}: pitch {its['pitch_degrees']:.0f}, roll {its['roll_degrees']:.0f} degrees, "
        f"detector {its['detector_error_px']:.1f} px off"
        for name, its in results["views"].items()
    ]
    lines += [f"{results['num_frames']} frames a view; MPJPE / PA / N in mm (within 1, 2 dev.)", ""]
    lines.append("| landmarks | camera | frames | method | " + " | ".join(names) + " |")
    lines.append("|:--|:--|:--|:--|" + "--:|" * len(names))
    for row in results["rows"]:
        cells = [
            (_SOURCES | {"predict": _TITLE_OF_PREDICT}).get(row["source"], "-"),
            knowledge.KNOWLEDGE[row["knowledge"]],
            row["frames"],
            _TITLES[row["method"]],
            *(_cell(row["errors"].get(name, {})) for name in names),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(errors):
    if "mpjpe_mm" not in errors:
        return "failed"
    text = " / ".join(f"{errors[name]:.0f}" for name in _METRICS)
    if "within_1" in errors:
        text += " (" + ", ".join(f"{100 * errors[name]:.0f} %" for name in _SHARES) + ")"
    return text
