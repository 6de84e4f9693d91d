"""Finds and lifts people in photos."""

import os
import pathlib
from collections.abc import Iterator, Sequence

from tf_lift.camera.camera import Camera
from tf_lift.inference import images, misfits, pose_files, poses
from tf_lift.inference.detectors import BeliefMapDetector
from tf_lift.ops.lift.options import LiftOptions
from tf_lift.viewing import figures

__all__ = ["predict", "predict_file", "predict_files"]


def predict(
    image,
    detector: BeliefMapDetector,
    prior,
    *,
    box: tuple[float, float, float, float] | None = None,
    min_score: float = 0.05,
    robust: bool = True,
    camera: Camera | None = None,
    options: LiftOptions | None = None,
    **option_fields,
) -> poses.Poses:
    """Finds one person's landmarks in an image and lifts them.

    Args:
        image: Array of shape `[height, width, 3]`, uint8, RGB.
        detector: Finds the landmarks.
        prior: `PosePrior`.
        box: (x, y, width, height), px: where the person is; `None` for the whole image. With
            several people in it, joints of different people may get mixed.
        min_score: Joints whose belief map peaks below count as missing.
        robust: Whether confidences weigh the landmarks, see `poses.lift_landmarks`.
        camera: `Camera` that took the image.
        options: `tf_lift.LiftOptions`; `None` for the defaults.
        **option_fields: Fields of `LiftOptions` by name, in place of those of `options`.

    Returns:
        One pose (N = 1), landmarks in px of the image.

    Raises:
        ValueError: If the image is invalid, or too few joints are found.
    """
    detection = detector.detect(image, box)
    return poses.lift_landmarks(
        detection.landmarks[None],
        prior,
        detector.skeleton,
        detection.scores[None],
        min_score=min_score,
        robust=robust,
        camera=camera,
        options=options,
        **option_fields,
    )


def predict_file(
    path: str | os.PathLike,
    detector: BeliefMapDetector,
    prior,
    output: str | os.PathLike,
    *,
    figure: bool = True,
    name: str | None = None,
    **options,
) -> list[pathlib.Path]:
    """Writes the pose of a photo as JSON, and a figure of it; warns if it does not fit the prior.

    Args:
        path: Photo.
        detector: Finds the landmarks.
        prior: `PosePrior`.
        output: Folder of the results, `<name>.json` and `<name>.png`.
        figure: Whether to draw.
        name: Name of the results; `None` for the photo's.
        **options: Those of `predict`.

    Returns:
        The paths of the files written.

    Raises:
        ValueError: If the photo cannot be read, or too few joints are found.
    """
    path, output = pathlib.Path(path), pathlib.Path(output)
    image = images.read_image(path)
    found = predict(image, detector, prior, **options)
    misfits.warn(found.misfit)
    content = found.to_dict()
    content["image"] = {"file": path.name, "width": image.shape[1], "height": image.shape[0]}
    content["detector"] = {
        "file": detector.network.path.name,
        "skeleton": detector.skeleton.name,
        "output": detector.output_name,
    }
    name = name or path.stem
    written = []
    if figure:
        drawing = figures.draw_pose(
            image,
            found.drawn_landmarks()[0],
            found.joints_3d[0],
            found.skeleton,
            visibility=found.visibility[0],
            joints_3d_stddev=found.joints_3d_stddev[0],
        )
        written.append(figures.save(drawing, output / f"{name}.png"))
    return [pose_files.write_json(content, output / f"{name}.json"), *written]


def predict_files(
    paths: Sequence[str | os.PathLike],
    detector: BeliefMapDetector,
    prior,
    output: str | os.PathLike,
    **options,
) -> Iterator[tuple[pathlib.Path, list[pathlib.Path] | ValueError]]:
    """Writes the poses of photos as `predict_file` does; a bad photo does not stop the others.

    Args:
        paths: Photos. Two with the same name get results `name` and `name_2`.
        detector: Finds the landmarks.
        prior: `PosePrior`.
        output: Folder of the results.
        **options: Those of `predict_file`.

    Yields:
        The path of each photo when it is done, with the files written or the error.

    Raises:
        ValueError: If a result would overwrite one of the photos.
    """
    names = _names(paths)
    photos = {pathlib.Path(path).resolve() for path in paths}
    for name in names:
        for ending in (".json", ".png"):
            if (pathlib.Path(output) / (name + ending)).resolve() in photos:
                raise ValueError(
                    "`output` must be a folder where no photo gets replaced. "
                    f"Received: {output}, which holds the photo {name}{ending}"
                )
    for path, name in zip(paths, names, strict=True):
        try:
            result = predict_file(path, detector, prior, output, name=name, **options)
        except ValueError as error:
            yield pathlib.Path(path), error
        else:
            yield pathlib.Path(path), result


def _names(paths):
    names = []
    for path in paths:
        stem = name = pathlib.Path(path).stem
        count = 1
        while name in names:
            count += 1
            name = f"{stem}_{count}"
        names.append(name)
    return names
