"""Puts an outfit on a body: widths and colours of rows, patterns and faces of points."""

import numpy as np

from tf_lift.data.synthetic.bodies import PARTS
from tf_lift.data.synthetic.lofts import PART_INDEX
from tf_lift.data.synthetic.wardrobe import Outfit

__all__ = ["loosened", "paint_points", "row_colours"]


def _parts(*endings):
    return np.array([name.endswith(endings) for name in PARTS])


_ARM, _LEG, _SECOND = _parts("arm"), _parts("thigh", "shin"), _parts("forearm", "shin")
_SHIN, _FOOT = _parts("shin"), _parts("foot")
_TORSO, _SKIRT, _HAIR = PART_INDEX["torso"], PART_INDEX["skirt"], PART_INDEX["hair"]
_HEAD = PART_INDEX["head"]
# How a row's points are painted over its colour.
_PLAIN, _TOP, _CHEST, _SHOE, _FACE = range(5)


def loosened(outfit: Outfit, part: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Returns the factor by which clothes widen each row, `[num_rows]`."""
    sleeves, trousers = _covered(outfit, part, along)
    # Hems stand off a little more than the rest.
    hem = 0.5 + 0.5 * np.clip(np.where(_SECOND[part], along, 0.5 * along), 0, 1)
    factor = 1.0 + outfit.looseness * hem * (sleeves | trousers)
    return (factor + 0.3 * outfit.looseness * (part == _TORSO)).astype(np.float32)


def row_colours(outfit: Outfit, part: np.ndarray, along: np.ndarray) -> tuple:
    """Colours that hold for whole rows, and what to paint over them.

    Args:
        outfit: What the person wears.
        part: Array of shape `[num_rows]`: index of the part.
        along: Place along the part, as in `bodies.control_rings`.

    Returns:
        Tuple of colours `[num_rows, 3]`, float32, 0 to 255, and the kind of each row,
        which `paint_points` understands.
    """
    sleeves, trousers = _covered(outfit, part, along)
    torso = part == _TORSO
    bottom = trousers | (part == _SKIRT) | (torso & (along < outfit.waist))
    chest = torso & ~bottom
    colours = np.empty([len(part), 3], np.float32)
    colours[:] = outfit.skin
    colours[bottom] = outfit.bottom
    colours[sleeves | chest] = outfit.top
    if outfit.belt:
        colours[torso & (np.abs(along - outfit.waist) < 0.06)] = 0.3 * outfit.bottom + 10
    colours[_SHIN[part] & ~trousers & (along > outfit.sock)] = outfit.socks
    colours[_FOOT[part]] = outfit.shoes
    hair = part == _HAIR
    colours[hair] = outfit.hair
    if outfit.cap:
        colours[hair & (along > 45)] = outfit.accent
    # Folds: clothes are a little lighter and darker along the limbs.
    place = along * np.where(torso, 275, 290) * (2 * np.pi)
    folds = np.sin(place / 67 + outfit.phase[2]) + np.sin(place / 41 + outfit.phase[3] + part)
    colours *= 1 + 0.035 * (folds * (bottom | chest | sleeves))[:, None].astype(np.float32)
    kind = np.where(sleeves, _TOP, _PLAIN)
    for rows, value in ((chest, _CHEST), (_FOOT[part], _SHOE), (part == _HEAD, _FACE)):
        kind[rows] = value
    return colours, kind.astype(np.uint8)


def paint_points(outfit: Outfit, colours, kind, along, cosine, sine) -> None:
    """Paints over the rows' colours what varies around them; changes `colours`.

    Args:
        outfit: What the person wears.
        colours: Array of shape `[num_points, 3]`: colours of the points' rows.
        kind: Array of shape `[num_points]`, of the points' rows.
        along: Place along the part.
        cosine: Cosine of the angle around the part: 1 on the left of torso and head.
        sine: Its sine: 1 at the front.
    """
    if outfit.pattern == "blocks":
        colours[kind == _TOP] = outfit.accent
    elif outfit.pattern in ("hoops", "stripes", "checks"):
        sleeves = np.flatnonzero(kind == _TOP)
        _add_pattern(outfit, colours, sleeves, along, cosine, sine, 290.0, 5)
    chest = np.flatnonzero(kind == _CHEST)
    _add_pattern(outfit, colours, chest, along, cosine, sine, 275.0, 12)
    # The neckline: skin above it, lower at the front.
    front = np.clip(sine[chest], 0, 1) ** 2
    skin = along[chest] > 2.13 - outfit.neckline * front * front
    colours[chest[skin]] = outfit.skin
    shoes = np.flatnonzero(kind == _SHOE)
    colours[shoes[sine[shoes] > 0.55]] = outfit.sole
    head = np.flatnonzero(kind == _FACE)
    _paint_head(outfit, colours, head, along[head], cosine[head], sine[head])


def _add_pattern(outfit, colours, points, along, cosine, sine, length, stripes):
    """Gives some of the points the second colour of the top."""
    along, cosine, sine = along[points], cosine[points], sine[points]
    if outfit.pattern == "blocks":
        accent = along > 1.45
    elif outfit.pattern == "print":
        accent = (sine > 0) & (np.abs(cosine) < 0.38) & (np.abs(along - 1.3) < 0.3)
    elif outfit.pattern == "open":
        accent = (sine > 0) & (np.abs(cosine) < 0.13 + 0.1 * (along - 1))
    elif outfit.pattern in ("hoops", "stripes", "checks"):
        rings = np.sin(along * (length * 2 * np.pi / outfit.period_mm) + outfit.phase[1]) > 0.2
        lines = rings
        if outfit.pattern != "hoops":
            lines = np.sin(np.arctan2(sine, cosine) * stripes) > 0.3
        accent = {"hoops": rings, "stripes": lines, "checks": rings ^ lines}[outfit.pattern]
    else:
        return
    colours[points[accent]] = outfit.accent


def _paint_head(outfit, colours, head, height, across, ahead):
    """Face, hair line and beard; heights are mm above the head's middle."""
    if not outfit.bald:
        # A hair line: high on the forehead, low at the nape, in front of the ears.
        line = np.where(ahead > 0.35, 66.0, np.where(ahead > -0.15, 12.0, -62.0))
        colours[head[height > line]] = outfit.hair
    face = np.flatnonzero(ahead > 0)
    if not face.size:
        return
    head, height, side = head[face], height[face], np.abs(across[face])
    if outfit.beard:
        colours[head[(height < -42) & (side < 0.98)]] = 0.8 * outfit.hair + 12
    cheeks = (np.abs(side - 0.6) < 0.2) & (np.abs(height + 30) < 16)
    colours[head[cheeks]] *= (1.03, 0.95, 0.95)
    level = np.abs(height - 6) < 7
    colours[head[level & (np.abs(side - 0.42) < 0.15)]] = (228, 224, 220)
    colours[head[level & (np.abs(side - 0.42) < 0.075)]] = (40, 28, 22)
    brows = (np.abs(side - 0.43) < 0.2) & (np.abs(height - 23) < 4.5)
    colours[head[brows]] = 0.7 * outfit.hair
    mouth = (side < 0.34) & (np.abs(height + 62) < 5)
    colours[head[mouth]] = outfit.skin * (0.72, 0.5, 0.5)
    if outfit.glasses:
        rim = np.abs(np.hypot((side - 0.42) * 80, height - 4) - 17) < 4
        colours[head[rim]] = (25, 25, 28)


def _covered(outfit, part, along):
    """Which rows lie under the top's sleeves, and which under trousers."""
    place = along + _SECOND[part]
    return _ARM[part] & (place < outfit.sleeve), _LEG[part] & (place < outfit.leg)
