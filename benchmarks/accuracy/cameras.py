"""Errors with more and more knowledge of the camera: perspective views, 2 to 8 m away."""

import argparse
import dataclasses
import functools
import pathlib

import numpy as np
from matplotlib.figure import Figure

import tf_lift
from benchmarks.accuracy import protocol
from benchmarks.harness import records
from tf_lift.camera import lifting as camera_lifting
from tf_lift.data.synthetic import views
from tf_lift.ops.geometry import pinhole, recentring
from tf_lift.viewing import figures

__all__ = ["draw", "evaluate", "main"]

DISTANCES_M = (2, 3, 4, 6, 8)
PITCHES_DEGREES = (0, 15, 30, 45)
ROLLS_DEGREES = (0, 20)
# Direction of the person from the middle of the image: sideways and up or down, degrees.
PLACES_DEGREES = {"centred": (0.0, 0.0), "off-centre": (20.0, 8.0)}
METHODS = {
    "plain": "no camera",
    "pitch_searched": "pitch searched",
    "pitch_given": "pitch given",
    "roll_undone": "+ roll undone",
    "recentred": "+ intrinsics: undistorted, re-centred",
    "perspective": "+ perspective steps: all of the camera",
    "pitch_unknown": "all but the pitch, found for each pose",
    "pitch_estimated": "all but the pitch, estimated from all",
}
# An indoor camera of 1000 x 1000 px, 47 degrees wide, with its lens.
_CAMERA = tf_lift.Camera(1145.0, (512.5, 515.4), distortion=(-0.2, 0.24, -0.0009, -0.0014, -0.002))
# The pose of one candidate: its rotation is the one of the camera that it was lifted with.
_ESTIMATOR = "map"
# Number of poses from which the camera's pitch is estimated.
_NUM_ESTIMATED = 60


def main(arguments):
    """Runs the benchmark from a list of command line arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cameras", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument("--figure", metavar="FILE", help="png file for a drawing of them")
    parser.add_argument("--poses", metavar="FILE", default=protocol.default_poses())
    parser.add_argument(
        "--prior", metavar="FILE", help="prior; by default learnt from all but the tested subjects"
    )
    parser.add_argument("--num-poses", type=int, default=30, help="poses of the tested subjects")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.num_poses < 1:
        raise ValueError(f"`num_poses` must be at least 1. Received: {options.num_poses}")
    data = protocol.load(options.poses)
    training, test = protocol.split(data, 0, options.num_poses, options.seed)
    if options.prior is None:
        prior = training.prior()
    else:
        prior = tf_lift.PosePrior.load(options.prior)
    # The same number of every clip; the views' own projection is not used.
    poses = test.views[protocol.BY_CLIP].joints_3d[..., [0, 2, 1]] * [1, 1, -1]
    results = evaluate(poses, prior, np.random.default_rng(options.seed))
    results["num_poses"] = len(poses)
    results["subjects"] = list(protocol.SPLITS[0])
    print("\n\n".join(_tables(results)))
    if options.json:
        command = " ".join(["python -m benchmarks cameras", *arguments])
        records.write(options.json, "cameras", results, command=command, seed=options.seed)
    if options.figure:
        figures.save(draw(results), pathlib.Path(options.figure))


def evaluate(poses, prior, rng) -> dict:
    """Lifts perspective views of poses with more and more knowledge of the camera.

    Every pose is seen from every distance, at every pitch and roll, centred and off-centre,
    each time from another side.

    Args:
        poses: `[N, L, 3]`, mm, z up.
        prior: `PosePrior` of L joints.
        rng: Random generator.

    Returns:
        Dict of `errors`: for each method those by `distance_m`, `pitch_degrees`, `roll_degrees`
        and `place`: `mpjpe_mm` relative to joint 0, in the frame of the camera, and
        `root_depth_percent`, the mean relative error of the root's depth; and
        `estimated_pitch_degrees`, by pitch and roll.
    """
    rows: dict[str, list] = {method: [] for method in METHODS}
    labels, estimates = [], {}
    for pitch in PITCHES_DEGREES:
        for roll in ROLLS_DEGREES:
            camera = dataclasses.replace(_CAMERA, pitch=np.radians(pitch), roll=np.radians(roll))
            joints, root, seen = _views(poses, camera, rng)
            labels += [(distance, pitch, roll, place) for distance, place in seen]
            landmarks = camera.project(joints + root[:, np.newaxis]).numpy().astype(np.float32)
            some = landmarks[:: -(-len(landmarks) // _NUM_ESTIMATED)]
            estimated = camera_lifting.estimate_pitch(some, prior, camera)
            estimates[f"{pitch}, {roll}"] = float(np.degrees(estimated.pitch))
            for method, (found, depth) in _lifts(landmarks, prior, camera, estimated).items():
                error = np.linalg.norm(found - joints, axis=-1).mean(-1)
                rows[method].append(np.stack([error, 100 * abs(depth / root[:, 2] - 1)], -1))
    table = {method: np.concatenate(parts) for method, parts in rows.items()}
    columns = ("distance_m", "pitch_degrees", "roll_degrees", "place")
    errors = {
        method: {
            column: _means(values, [label[index] for label in labels])
            for index, column in enumerate(columns)
        }
        | {"all": _means(values, ["all"] * len(values))["all"]}
        for method, values in table.items()
    }
    return {"methods": METHODS, "errors": errors, "estimated_pitch_degrees": estimates}


def _views(poses, camera, rng):
    """Returns joints `[N, L, 3]` and roots `[N, 3]` in the camera frame, and their labels."""
    joints, roots, seen = [], [], []
    for distance in DISTANCES_M:
        for place, (sideways, upwards) in PLACES_DEGREES.items():
            yaws = rng.uniform(0, 2 * np.pi, len(poses))
            turns = np.stack([views.view_rotation(yaw, camera.pitch, camera.roll) for yaw in yaws])
            turned = np.einsum("nij,nlj->nli", turns, poses - poses[:, :1])
            signs = rng.choice([-1, 1], [len(poses), 2])
            slopes = signs * np.tan(np.radians([sideways, upwards]))
            ray = np.concatenate([slopes, np.ones([len(poses), 1])], -1)
            ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
            joints.append(turned)
            # The distance is that of the middle of the person.
            roots.append(1000 * distance * ray - turned.mean(1))
            seen += [(distance, place)] * len(poses)
    return np.concatenate(joints), np.concatenate(roots), seen


def _lifts(landmarks, prior, camera, estimated):
    """Returns joints `[N, L, 3]` in the camera frame and the root's depth of every method."""
    focal_length = camera.focal_length[0]
    centre = np.asarray(camera.principal_point, np.float32)
    upright = pinhole.undo_roll(landmarks, np.float32(camera.roll), centre)
    unknown = dataclasses.replace(camera, pitch=None)
    lift, lift_with_camera = (
        functools.partial(function, estimator=_ESTIMATOR)
        for function in (tf_lift.lift, tf_lift.lift_with_camera)
    )
    lifts = {
        "plain": lift(landmarks, prior),
        "pitch_searched": lift(landmarks, prior, pitches=camera_lifting.DEFAULT_PITCHES),
        "pitch_given": lift(landmarks, prior, pitches=(camera.pitch,)),
        "roll_undone": lift(upright, prior, pitches=(camera.pitch,)),
        "recentred": lift_with_camera(landmarks, prior, camera, num_perspective_steps=0),
        "perspective": lift_with_camera(landmarks, prior, camera),
        "pitch_unknown": lift_with_camera(landmarks, prior, unknown),
        "pitch_estimated": lift_with_camera(landmarks, prior, estimated),
    }
    results = {}
    for method, lifted in lifts.items():
        joints = lifted["joints_3d"].numpy()
        if method == "roll_undone":
            joints = joints @ recentring.level_rotation(0.0, camera.roll).numpy()  # Rolled again.
        depth = lifted.get("root_position")
        depth = focal_length / lifted["scale"].numpy() if depth is None else depth.numpy()[:, 2]
        results[method] = (joints, depth)
    return results


def _means(values, labels):
    labels = np.array(labels)
    return {
        str(label): {
            "mpjpe_mm": float(values[labels == label, 0].mean()),
            "root_depth_percent": float(values[labels == label, 1].mean()),
        }
        for label in dict.fromkeys(labels.tolist())
    }


def _tables(results):
    """Returns tables in Markdown: of the error and of the root's depth."""
    errors = results["errors"]
    columns = [
        ("distance_m", "{} m"),
        ("pitch_degrees", "pitch {}°"),
        ("roll_degrees", "roll {}°"),
        ("place", "{}"),
    ]
    first = next(iter(errors.values()))
    heads = [form.format(label) for column, form in columns for label in first[column]]
    for quantity, title, form in (
        ("mpjpe_mm", "MPJPE (mm)", "{:.1f}"),
        ("root_depth_percent", "depth of the root, error (%)", "{:.1f}"),
    ):
        lines = [f"| {title} | all | " + " | ".join(heads) + " |"]
        lines.append("|:--|" + "--:|" * (len(heads) + 1))
        for method, its in errors.items():
            values = [
                its["all"],
                *(value for column, _ in columns for value in its[column].values()),
            ]
            cells = " | ".join(form.format(value[quantity]) for value in values)
            lines.append(f"| {results['methods'][method]} | {cells} |")
        yield "\n".join(lines)


def draw(results: dict) -> Figure:
    """Draws the error of every method against distance and pitch.

    Args:
        results: Results of `evaluate`.

    Returns:
        A figure that belongs to no window.
    """
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    panels = {"distance_m": "distance (m)", "pitch_degrees": "pitch of the camera (degrees)"}
    colours = ("0.6", "0.4", "#c6a15b", "#c46b2d", "#7fb3d5", "#1f5f8b", "#6aa84f", "#274e13")
    for axes, (column, label) in zip(grid, panels.items(), strict=True):
        for (method, its), colour, marker in zip(
            results["errors"].items(), colours, "osD^vP*X", strict=True
        ):
            known = method in ("recentred", "perspective")
            axes.plot(
                [float(key) for key in its[column]],
                [value["mpjpe_mm"] for value in its[column].values()],
                label=results["methods"][method],
                color=colour,
                marker=marker,
                markersize=5,
                linestyle="-" if known else "--",
                linewidth=2.2 if method == "perspective" else 1.4,
            )
        axes.set_xlabel(label)
        axes.set_xticks([float(key) for key in its[column]])
        axes.grid(alpha=0.3)
    grid[0].set_ylim(bottom=0)  # Shared, so only when both panels are drawn.
    grid[0].set_ylabel("MPJPE (mm)")
    handles, titles = grid[0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False)
    return figure
