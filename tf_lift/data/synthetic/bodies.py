"""Computes bodies with volume around a Human3.6M skeleton, as control rings of lofts.

Every part of the body (torso, head, upper arm, ...) is a loft: elliptic rings along an
axis, interpolated smoothly (`lofts`). A ring is the row `(centre, first, second, position)`:
its centre and its two half axes, mm in the frame of the joints, and its position along its
part (for limbs 0 at the upper joint and 1 at the lower one).

Lengths in the tables are mm for a person whose leg and back together measure 1401 mm, the mean
of the CMU motion capture; they are scaled to each skeleton. As in the CMU data, the joint
"head top" is the middle of the head, 95 mm above the joint of the neck.
"""

import dataclasses

import numpy as np

__all__ = ["NUM_RINGS", "PARTS", "STANDING", "Figure", "control_rings"]

# A person of mean size who stands with outstretched arms: world frame, z up, mm.
STANDING = np.array(
    [
        (0, 0, 0),
        (0, -89, 0),
        (0, -89, -414),
        (0, -89, -850),
        (0, 89, 0),
        (0, 89, -414),
        (0, 89, -850),
        (0, 0, 275),
        (0, 0, 551),
        (5, 0, 646),
        (10, 0, 741),
        (0, 190, 518),
        (0, 488, 518),
        (0, 773, 518),
        (0, -190, 518),
        (0, -488, 518),
        (0, -773, 518),
    ],
    np.float32,
)

# Radii of limbs at 0, 0.2, ... 1 of the bone. Rounded from anatomy tables, then adjusted
# by eye on contact sheets, as are the tables below.
_UPPER_ARM = (51, 53, 50, 47, 45, 44)
_FOREARM = (43, 45, 43, 37, 31, 28)
_THIGH = (90, 89, 81, 72, 63, 57)
_SHIN = (55, 57, 56, 49, 41, 37)
_NECK = (58, 53, 51, 50, 50, 50)

# Torso rings: position from pelvis (0) over spine (1) to thorax (2); half width; half depth;
# forward offset. Widths are relative to the hips (first four rows) or the shoulders.
_TORSO = np.array(
    [
        (-0.40, 10, 10, -15),
        (-0.34, 84, 66, -15),
        (-0.12, 158, 108, -14),
        (0.22, 151, 106, -6),
        (0.62, 133, 95, 4),
        (1.08, 141, 104, 8),
        (1.50, 161, 116, 12),
        (1.72, 173, 106, 6),
        (1.86, 181, 84, -4),
        (1.97, 158, 66, -8),
        (2.08, 100, 58, -8),
        (2.22, 58, 52, -2),
        (2.30, 20, 20, 0),
    ],
    np.float32,
)
# Head rings: height above its middle; half width; half depth; forward offset.
_HEAD = np.array(
    [
        (-118, 4, 4, 42),
        (-113, 26, 24, 44),
        (-98, 44, 47, 34),
        (-72, 58, 70, 18),
        (-40, 69, 87, 7),
        (0, 75, 95, 0),
        (38, 77, 97, -3),
        (70, 71, 89, -5),
        (94, 55, 69, -5),
        (108, 34, 44, -5),
        (116, 14, 18, -5),
        (118, 3, 4, -5),
    ],
    np.float32,
)
# Hair rings, as for the head: below the hairline they are behind the ears, above it all
# around. The first two rings hang down by the hair's length.
_HAIR = np.array(
    [
        (-72, 62, 44, -58),
        (-42, 75, 52, -49),
        (0, 81, 58, -44),
        (36, 84, 67, -36),
        (60, 82, 94, -9),
        (80, 73, 88, -7),
        (100, 55, 70, -6),
        (114, 35, 45, -6),
        (121, 15, 18, -6),
        (123, 3, 4, -6),
    ],
    np.float32,
)
# Hands: distance from the wrist; half width; half thickness.
_HAND = np.array(
    [
        (-16, 22, 20),
        (0, 26, 20),
        (30, 37, 17),
        (75, 42, 15),
        (110, 40, 13),
        (145, 33, 11),
        (172, 24, 9),
        (182, 4, 3),
    ],
    np.float32,
)
# Feet: distance in front of the ankle; half width; half height; depth of the centre below the
# ankle.
_FOOT = np.array(
    [
        (-72, 4, 5, 48),
        (-66, 26, 28, 44),
        (-40, 36, 40, 36),
        (10, 40, 48, 30),
        (60, 43, 36, 43),
        (110, 48, 27, 52),
        (160, 46, 22, 57),
        (192, 26, 14, 64),
        (198, 4, 4, 66),
    ],
    np.float32,
)
_CAP = np.array([(0.98, 0.10), (0.80, 0.60), (0.45, 0.89)], np.float32)

# Parts, widest first (`lofts` samples them in this order), with their numbers of rings.
PARTS = {
    "skirt": 7,
    "torso": len(_TORSO),
    "hair": len(_HAIR),
    "head": len(_HEAD),
    "left_thigh": 12,
    "right_thigh": 12,
    "neck": 12,
    "left_shin": 12,
    "right_shin": 12,
    "left_upper_arm": 12,
    "right_upper_arm": 12,
    "left_foot": len(_FOOT),
    "right_foot": len(_FOOT),
    "left_forearm": 12,
    "right_forearm": 12,
    "left_hand": len(_HAND),
    "right_hand": len(_HAND),
    "nose": 4,
    "left_ear": 4,
    "right_ear": 4,
}
NUM_RINGS = sum(PARTS.values())
_NOMINAL_MM = 1401.0


@dataclasses.dataclass(frozen=True)
class Figure:
    """The build of one person, relative to the tables of this module.

    Attributes:
        girth: Factor for all radii.
        belly: Factor for the waist.
        hips: Factor for the hips' width.
        shoulders: Factor for the shoulders' width.
        bust_mm: Forward extent of the bust, mm.
        head_yaw: Angle of the head relative to the shoulders, rad.
        hair_length_mm: Length of the hair below the head, mm.
        hand_turn: Angle of the hands about the forearms, rad.
        skirt_length: Length of a skirt, from 0 at the hips to 1 at the knees.
    """

    girth: float = 1.0
    belly: float = 1.0
    hips: float = 1.0
    shoulders: float = 1.0
    bust_mm: float = 0.0
    head_yaw: float = 0.0
    hair_length_mm: float = 0.0
    hand_turn: float = 0.0
    skirt_length: float = 0.8


def control_rings(joints: np.ndarray, up: np.ndarray, figure: Figure) -> np.ndarray:
    """Computes the control rings of all `PARTS` of one person.

    Args:
        joints: Array of shape `[17, 3]`, mm, any right-handed frame.
        up: Array of shape `[3]`: unit vector against gravity, same frame.
        figure: The person's build.

    Returns:
        Array of shape `[NUM_RINGS, 10]`, float32: centre, first and second half axis, mm,
        and position along the part.
    """
    legs = _length(joints[[2, 3, 5, 6]] - joints[[1, 2, 4, 5]]).sum() / 2
    back = _length(joints[[7, 8]] - joints[[0, 7]])
    size = float(legs + back.sum()) / _NOMINAL_MM
    pelvis = _frame(joints[4] - joints[1], joints[7] - joints[0])
    thorax = _frame(joints[11] - joints[14], joints[8] - joints[7])
    head = _head_frame(joints, thorax, figure.head_yaw)
    skull = joints[9] + head[1] * 95 * size
    limbs = _limbs(joints, pelvis, thorax, skull - head[1] * 50 * size, size, figure)
    rings = {
        "torso": _torso(joints, pelvis, thorax, size, figure),
        "skirt": _skirt(joints, pelvis, size, figure),
        "head": _stack(skull, head, _HEAD, size),
        "hair": _hair(skull, head, thorax, size, figure.hair_length_mm),
        "nose": _pebble(skull + (head[2] * 96 - head[1] * 14) * size, head, (12, 15, 20), size),
        **limbs,
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        ear = skull + (head[0] * (75 * sign) - head[1] * 5 - head[2] * 5) * size
        rings[f"{side}_ear"] = _pebble(ear, head, (12, 19, 32), size)
        rings[f"{side}_hand"] = _hand(limbs[f"{side}_forearm"], figure.hand_turn * sign, size)
        knee, ankle = (5, 6) if side == "left" else (2, 3)
        rings[f"{side}_foot"] = _foot(joints, knee, ankle, limbs[f"{side}_shin"], up, size)
    return np.concatenate([rings[name] for name in PARTS]).astype(np.float32)


def _torso(joints, pelvis, thorax, size, figure):
    position, width, depth, forward = _TORSO.T
    # Piecewise linear from pelvis over spine to thorax, and extrapolated beyond both ends.
    low, high = np.clip(position, None, 1)[:, None], np.clip(position - 1, 0, None)[:, None]
    centre = joints[0] + low * (joints[7] - joints[0]) + high * (joints[8] - joints[7])
    turn = np.clip((position - 0.3) / 1.4, 0, 1)[:, None]
    left = _unit(pelvis[0] + turn * (thorax[0] - pelvis[0]))
    front = _unit(pelvis[2] + turn * (thorax[2] - pelvis[2]))
    hips = np.interp(position, (0.3, 0.7), (figure.hips, 1.0))
    belly = np.interp(position, (0.0, 0.6, 1.1, 1.5), (1.0, figure.belly, figure.belly, 1.0))
    # The joints of the shoulders give the width of the upper body.
    measured = _length(joints[11] - joints[14]) / (380 * size)
    shoulders = np.interp(position, (1.1, 1.6), (1.0, figure.shoulders * measured))
    bust = figure.bust_mm * np.exp(-(((position - 1.45) / 0.22) ** 2))
    first = left * (width * hips * belly * shoulders * figure.girth * size)[:, None]
    second = front * ((depth * belly * figure.girth + bust) * size)[:, None]
    centre = centre + front * ((forward + bust) * size)[:, None]
    return _rings(centre, first, second, position)


def _skirt(joints, pelvis, size, figure):
    fraction = np.linspace(0.0, 1.0, PARTS["skirt"])[:, None]
    top = joints[0] + pelvis[1] * 120 * size
    knees = (joints[2] + joints[5]) / 2
    hem = joints[0] + (knees - joints[0]) * max(figure.skirt_length, 0.3)
    spread = np.abs((joints[5] - joints[2]) / 2 @ pelvis.T) * figure.skirt_length
    girth = figure.girth * size
    width = 138 * girth * figure.belly + fraction**0.6 * (spread[0] + 75 * size)
    depth = 108 * girth * figure.belly + fraction**0.6 * (spread[2] + 65 * size)
    centre = top + fraction * (hem - top)
    return _rings(centre, pelvis[0] * width, pelvis[2] * depth, fraction[:, 0])


def _limbs(joints, pelvis, thorax, nape, size, figure):
    """Returns the rings of all capsule-like limbs, which differ only in numbers."""
    names = ("neck", "left_upper_arm", "left_forearm", "right_upper_arm", "right_forearm")
    names += ("left_thigh", "left_shin", "right_thigh", "right_shin")
    arms = (_UPPER_ARM, _FOREARM) * 2
    radii = np.array([_NECK, *arms, *((_THIGH, _SHIN) * 2)]) * (size * figure.girth)
    ends = np.concatenate([nape[None], joints[[12, 13, 15, 16, 5, 6, 2, 3]]])
    starts = joints[[8, 11, 12, 14, 15, 4, 5, 1, 2]]
    bones = ends - starts
    # Axis of elbow or knee: perpendicular to both bones; the body's left where they are straight.
    leg = _cross(bones[[5, 7]], bones[[6, 8]]) / 170e3 + 0.25 * pelvis[0]
    arm = _cross(bones[[1, 3]], bones[[2, 4]]) / 85e3 + 0.25 * thorax[2]
    hinge = np.stack([thorax[0], *arm[[0, 0, 1, 1]], *leg[[0, 0, 1, 1]]])
    length = _length(bones)[:, None]
    axis = bones / np.maximum(length, 1e-6)
    first = _unit(hinge - (hinge * axis).sum(-1, keepdims=True) * axis)
    second = _cross(axis, first)
    fraction = np.linspace(0.0, 1.0, 6)
    position_mm = np.concatenate(
        [-_CAP[:, 0] * radii[:, :1], length * fraction, length + _CAP[::-1, 0] * radii[:, -1:]],
        axis=1,
    )
    caps = (_CAP[:, 1] * radii[:, :1], _CAP[::-1, 1] * radii[:, -1:])
    radius = np.concatenate([caps[0], radii, caps[1]], axis=1)[..., None]
    centre = starts[:, None] + axis[:, None] * position_mm[..., None]
    # Calves stand out backwards, forearms are flatter than they are wide.
    calf = 14 * size * np.exp(-(((position_mm / length - 0.28) / 0.25) ** 2))[..., None]
    centre -= np.where(np.isin(np.arange(9), (6, 8))[:, None, None], calf, 0) * second[:, None]
    flat = np.where(np.isin(np.arange(9), (2, 4)), 0.85, 1.0)[:, None, None]
    first, second = first[:, None] * radius, second[:, None] * radius * flat
    position = (position_mm / np.maximum(length, 1e-6))[..., None]
    rings = np.concatenate([centre, first, second, position], axis=-1)
    return dict(zip(names, rings, strict=True))


def _hand(forearm, turn, size):
    axis = _unit(forearm[8, :3] - forearm[3, :3])
    first, second = _unit(forearm[8, 3:6]), _unit(forearm[8, 6:9])
    width = np.cos(turn) * first + np.sin(turn) * second
    frame = np.stack([width, axis, _cross(axis, width)])
    table = np.concatenate([_HAND, np.zeros([len(_HAND), 1], np.float32)], axis=1)
    return _stack(forearm[8, :3], frame, table, size)


def _foot(joints, knee, ankle, shin, up, size):
    down = _unit(joints[ankle] - joints[knee])
    front = _unit(shin[5, 6:9])
    # A standing foot is level; a raised foot is perpendicular to the shin.
    height = (joints[[3, 6]] @ up).min()
    standing = np.clip(1.2 - (joints[ankle] @ up - height) / (100 * size), 0, 1)
    standing *= np.clip(-2.0 * (down @ up) - 0.6, 0, 1)
    front = _unit(front - 0.95 * standing * (front @ up) * up)
    left = _unit(_cross(front, down))
    sole = _cross(left, front)
    if sole @ down < 0:
        left, sole = -left, -sole
    forward, width, thick, below = _FOOT.T[:, :, None] * size
    centre = joints[ankle] + front * forward + sole * below
    return _rings(centre, left * width, sole * thick, _FOOT[:, 0] / 198)


def _hair(skull, head, thorax, size, length):
    rings = _stack(skull, head, _HAIR, size)
    # The first two rings hang down the nape to the back.
    for ring, fraction in ((0, 1.0), (1, 0.45)):
        drop = head[1] * 0.5 + thorax[1] * 0.5
        rings[ring, :3] -= (drop * length * fraction + thorax[2] * 22 * fraction) * size
        rings[ring, 3:9] *= 1.0 - 0.25 * fraction * min(length / 200, 1.0)
    return rings


def _pebble(centre, frame, half_axes, size):
    half_width, half_depth, half_height = half_axes
    table = [(-1.0, 0.2), (-0.55, 0.85), (0.55, 0.8), (1.0, 0.2)]
    table = np.array(
        [(half_height * h, half_width * f, half_depth * f, 0) for h, f in table], np.float32
    )
    return _stack(centre, frame, table, size)


def _stack(origin, frame, table, size):
    """Returns scaled rings at heights along the frame's second axis; positions in nominal mm."""
    height, width, depth, forward = table.T[:, :, None] * size
    left, up, front = frame
    centre = origin + up * height + front * forward
    return _rings(centre, left * width, front * depth, table[:, 0])


def _rings(centre, first, second, position):
    return np.concatenate([centre, first, second, np.asarray(position)[:, None]], axis=1)


def _head_frame(joints, thorax, yaw):
    up = _unit(joints[10] - joints[9])
    front = np.cos(yaw) * thorax[2] + np.sin(yaw) * thorax[0]
    left = _unit(_cross(up, front))
    return np.stack([left, up, _cross(left, up)])


def _frame(left, up):
    """Returns the rows left, up, front; `left` is made perpendicular to `up`."""
    up = _unit(up)
    left = _unit(left - (left @ up) * up)
    return np.stack([left, up, _cross(left, up)])


def _cross(a, b):
    """Computes `np.cross` along the last axis, several times faster for a few vectors."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _length(vectors):
    return np.sqrt((vectors * vectors).sum(-1))


def _unit(vectors):
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(-1, keepdims=True)), 1e-6)
