"""Marker models: where conventions of landmarks put hips, shoulders, wrists, neck and head."""

import dataclasses

import numpy as np

from tf_lift import skeletons

__all__ = ["DETECTORS", "MARKS", "Marks", "displace"]

_Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Marks:
    """Displacements from CMU's joints to the marks of a convention.

    Each range is drawn from uniformly, once for each pose: people differ, and so do the
    annotators whom detectors learn from. "Up" is from the hips to the shoulders.

    Attributes:
        hips: Factor of the distance between the hips.
        hips_up: Shift of hips and pelvis, mm up.
        shoulders: Factor of the distance between the shoulders.
        shoulders_up: Shift of the shoulders, mm up.
        forearms: Factor of the forearms' length.
        neck: Distance from thorax to `neck_nose`, mm, or `None` to keep thorax, neck and
            head; the thorax is then the middle of the shoulders.
        neck_forward: Angle of that distance, from the direction of the head forwards, degrees.
        head: Distance from `neck_nose` to `head_top`, mm, along the direction of the head.
        head_up: Shift of `head_top` in the direction of the head, mm, where `neck` is `None`.
        head_forward: The same, forwards.
        lacking: Joints of the 17 that the convention does not have.
    """

    hips: _Range = (1.0, 1.0)
    hips_up: _Range = (0.0, 0.0)
    shoulders: _Range = (1.0, 1.0)
    shoulders_up: _Range = (0.0, 0.0)
    forearms: _Range = (1.0, 1.0)
    neck: _Range | None = None
    neck_forward: _Range = (0.0, 0.0)
    head: _Range = (0.0, 0.0)
    head_up: _Range = (0.0, 0.0)
    head_forward: _Range = (0.0, 0.0)
    lacking: tuple[str, ...] = ()


# CMU's people have a stature (leg length / 0.491, Drillis and Contini) of 1,690 mm in the median,
# hips 175 mm apart (0.104 of the stature), shoulders 373 (0.221), and forearms of 295 (0.175),
# because CMU's wrist is the far end of the wrist. Drillis and Contini's forearm is 0.146 of the
# stature, a factor of 0.84.
_FOREARMS = (0.80, 0.92)
# Detectors' conventions have neither spine nor thorax nor neck; their pelvis is the middle of
# the hips, and their ears give `head_top` (tf_lift.skeletons.H36M_17). No tables of their
# marks are published. These ranges are ours, around these facts: annotators mark the outline
# of the hips rather than the joints (wider than CMU's) and shoulders inside CMU's; one person
# whose OpenPose detections were triangulated has 0.123 and 0.195 of the stature, that is
# factors of 1.18 and 0.88.
_DETECTOR = {
    "hips_up": (-10.0, 30.0),
    "shoulders_up": (-20.0, 20.0),
    "forearms": _FOREARMS,
    "head_up": (-20.0, 20.0),
    "head_forward": (-10.0, 30.0),
    "lacking": ("spine", "thorax", "neck_nose"),
}
MARKS = {
    "cmu": Marks(),
    # Hips 239 to 293 mm apart, shoulders 257 to 328, neck 107 to 121 and head 115 mm in the
    # data set's people. Its neck mark is at the front; the angle is ours.
    "h36m17": Marks(
        hips=(1.37, 1.67),
        shoulders=(0.69, 0.88),
        forearms=_FOREARMS,
        neck=(107.0, 121.0),
        neck_forward=(20.0, 40.0),
        head=(115.0, 115.0),
    ),
    "coco17": Marks(hips=(1.15, 1.5), shoulders=(0.84, 1.0), **_DETECTOR),
    "openpose25": Marks(hips=(1.05, 1.4), shoulders=(0.80, 0.96), **_DETECTOR),
    "mediapipe33": Marks(hips=(1.1, 1.45), shoulders=(0.80, 0.96), **_DETECTOR),
}
DETECTORS = ("coco17", "openpose25", "mediapipe33")


def displace(poses, marks: Marks, rng: np.random.Generator) -> np.ndarray:
    """Moves joints of CMU's people to the marks of a convention.

    Args:
        poses: `[N, 17, 3]`, joints of h36m17 as CMU's people have them, mm, any frame that is
            not mirrored.
        marks: `Marks` of the convention.
        rng: Random generator, which draws from the ranges of `marks`.

    Returns:
        `[N, 17, 3]`, float64, in the same frame; NaN for joints that the convention lacks.

    >>> poses = tf_lift.PosePrior.load("cmu").sample(2, seed=0)
    >>> hips = displace(poses, Marks(hips=(1.5, 1.5)), np.random.default_rng(0))[:, [1, 4]]
    >>> wider = np.linalg.norm(np.ptp(hips, axis=1), axis=-1)
    >>> (wider / np.linalg.norm(np.ptp(poses[:, [1, 4]], axis=1), axis=-1)).round(3).tolist()
    [1.5, 1.5]
    """
    poses = np.array(poses, np.float64)
    index = skeletons.H36M_17.joint_names.index

    def draw(limits):
        return rng.uniform(*limits, [len(poses), 1])

    hips, shoulders, elbows, wrists = (
        [index(f"left_{part}"), index(f"right_{part}")]
        for part in ("hip", "shoulder", "elbow", "wrist")
    )
    thorax, neck, head = map(index, ("thorax", "neck_nose", "head_top"))
    middle_of_hips, middle_of_shoulders = poses[:, hips].mean(1), poses[:, shoulders].mean(1)
    up = _unit(middle_of_shoulders - middle_of_hips)
    left = poses[:, shoulders[0]] - poses[:, shoulders[1]]
    head_up = _unit(poses[:, head] - poses[:, thorax])
    # Left and up span the front: forwards is their cross product in a frame of z up.
    forward = _unit(np.cross(left, head_up))
    forearms = poses[:, wrists] - poses[:, elbows]
    poses[:, wrists] = poses[:, elbows] + draw(marks.forearms)[:, np.newaxis] * forearms
    for joints, middle, factor, shift in (
        (hips, middle_of_hips, marks.hips, marks.hips_up),
        (shoulders, middle_of_shoulders, marks.shoulders, marks.shoulders_up),
    ):
        moved = middle + draw(shift) * up
        offsets = draw(factor)[:, np.newaxis] * (poses[:, joints] - middle[:, np.newaxis])
        poses[:, joints] = moved[:, np.newaxis] + offsets
    poses[:, index("pelvis")] = poses[:, hips].mean(1)
    if marks.neck is None:
        poses[:, head] += draw(marks.head_up) * head_up + draw(marks.head_forward) * forward
    else:
        angle = np.radians(draw(marks.neck_forward))
        direction = np.cos(angle) * head_up + np.sin(angle) * forward
        poses[:, thorax] = poses[:, shoulders].mean(1)
        poses[:, neck] = poses[:, thorax] + draw(marks.neck) * direction
        poses[:, head] = poses[:, neck] + draw(marks.head) * head_up
    poses[:, [index(name) for name in marks.lacking]] = np.nan
    return poses


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
