"""Lifts files of keypoints to files of 3D poses."""

import os
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from tf_lift import skeletons
from tf_lift.camera.camera import Camera
from tf_lift.inference import images, keypoints, misfits, pose_files, poses
from tf_lift.viewing import figures

__all__ = ["lift_file"]

# Rows of a figure.
MAX_DRAWN = 6


def lift_file(
    path: str | os.PathLike,
    prior,
    output: str | os.PathLike,
    *,
    skeleton: skeletons.Skeleton | str | None = None,
    batch_size: int = 1024,
    figure: str | os.PathLike | None = None,
    image: str | os.PathLike | None = None,
    track: Callable[[list], Iterable] = list,
    camera: Camera | str | None = None,
    fps: float | None = None,
    **options,
) -> poses.Poses:
    """Lifts the keypoints of a file and writes the poses.

    Args:
        path: File that `keypoints.read_keypoints` reads.
        prior: `PosePrior`.
        output: File to write, `.json` or `.npz`.
        skeleton: Skeleton of the keypoints or its name; `None` for that of the file, else
            the only one with this number of joints.
        batch_size: Number of poses to lift at a time.
        figure: `.png` file for a drawing of up to 6 of the poses, evenly spaced.
        image: Image to draw the figure on.
        track: Wraps the list of batches, to show progress.
        camera: As for `tf_lift.lift`. Where a `Camera` does not know its pitch or roll, they
            are estimated from poses of the whole file.
        fps: Frames per second, if the file holds the frames of one person, in order and with
            none left out: they are lifted together, see `tf_lift.lift_sequence`, whatever
            `batch_size` is. `None`: each pose by itself, as files do not say whom they show.
        **options: Those of `poses.lift_landmarks`.

    Returns:
        The poses. In a file of several, one with too few joints is NaN. A `MisfitWarning` says how
        many do not fit the prior.

    Raises:
        ValueError: If the file cannot be read, or its keypoints do not fit the skeleton, or
            no pose has enough joints.
    """
    output = pathlib.Path(output)
    if output.suffix.lower() not in (".json", ".npz"):
        raise ValueError(f"`output` must end in .json or .npz. Received: {output}")
    if figure is not None and pathlib.Path(figure).suffix.lower() != ".png":
        raise ValueError(f"`figure` must end in .png. Received: {figure}")
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1. Received: {batch_size}")
    backdrop = None if image is None else images.read_image(image)
    found = keypoints.read_keypoints(path, skeleton)
    joints = _skeleton(skeleton or found.skeleton, found.landmarks.shape[1])
    count = len(found.landmarks)
    if isinstance(camera, Camera):
        others = ("scale", "robust")
        fixed = {name: value for name, value in options.items() if name not in others}
        camera = poses.with_attitude(found.landmarks, prior, camera, joints, found.scores, **fixed)
    # The last batch is not padded: that costs one more trace, and only if N is large.
    size = batch_size if fps is None else count
    batches = [slice(start, start + size) for start in range(0, count, size)]
    result = poses.Poses.concatenate(
        [
            poses.lift_landmarks(
                found.landmarks[batch],
                prior,
                joints,
                found.scores[batch],
                allow_empty=count > 1,
                camera=camera,
                fps=fps,
                **options,
            )
            for batch in track(batches)
        ]
    )
    done = np.flatnonzero(result.mixture_index >= 0)
    if not len(done):
        raise ValueError(
            f"`path` must hold a pose with at least {poses.MIN_JOINTS} joints of the prior. "
            f"Received: {path} with {count} poses, none with enough joints"
        )
    misfits.warn(result.misfit)
    if output.suffix.lower() == ".json":
        pose_files.write_json(result.to_dict(), output)
    else:
        pose_files.write_npz(result, output)
    if figure is not None:
        rows = done[np.linspace(0, len(done) - 1, min(len(done), MAX_DRAWN)).round().astype(int)]
        figures.save(_draw(result, rows, backdrop), figure)
    return result


def _skeleton(name, joints):
    if name is not None:
        return skeletons.get(name)
    # 17 joints may be COCO's or the prior's: a wrong guess would give a wrong pose, not an error.
    fits = [skeleton for skeleton in skeletons.SKELETONS.values() if skeleton.num_joints == joints]
    if len(fits) != 1:
        raise ValueError(
            "`skeleton` must be given if neither the file nor the number of joints determines it. "
            f"Received: {joints} joints, as of {[fit.name for fit in fits] or 'no'} "
            f"skeleton of {sorted(skeletons.SKELETONS)}"
        )
    return fits[0]


def _draw(result, rows, image):
    landmarks = result.drawn_landmarks()
    examples = [
        {
            "image": image,
            "landmarks": landmarks[row],
            "joints_3d": result.joints_3d[row],
            "visibility": result.visibility[row],
            "joints_3d_stddev": result.joints_3d_stddev[row],
            "title": f"pose {row}" if len(result.scale) > 1 else None,
        }
        for row in rows
    ]
    return figures.draw_examples(examples, result.skeleton)
