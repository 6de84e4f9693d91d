"""Paints an outfit on a body: widths and colours of rows, patterns and faces of points."""

import numpy as np

from tf_lift.data.synthetic.bodies import PARTS
from tf_lift.data.synthetic.lofts import PART_INDEX
from tf_lift.data.synthetic.wardrobe import Outfit

__all__ = ["widening_factors", "paint_points", "row_colours"]


def _parts(*endings):
    return np.array([name.endswith(endings) for name in PARTS])


_ARM, _LEG, _SECOND = _parts("arm"), _parts("thigh", "shin"), _parts("forearm", "shin")
_SHIN, _FOOT = _parts("shin"), _parts("foot")
_TORSO, _SKIRT, _HAIR = PART_INDEX["torso"], PART_INDEX["skirt"], PART_INDEX["hair"]
_HEAD = PART_INDEX["head"]
# Kinds of painting over a row's colour.
_PLAIN, _TOP, _CHEST, _SHOE, _FACE = range(5)


def widening_factors(outfit: Outfit, part: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Computes the factor by which clothes widen each row, `[num_rows]`."""
    sleeves, trousers = _covered(outfit, part, position)
    # Hems are a little wider than the rest.
    hem = 0.5 + 0.5 * np.clip(np.where(_SECOND[part], position, 0.5 * position), 0, 1)
    factor = 1.0 + outfit.looseness * hem * (sleeves | trousers)
    return (factor + 0.3 * outfit.looseness * (part == _TORSO)).astype(np.float32)


def row_colours(outfit: Outfit, part: np.ndarray, position: np.ndarray) -> tuple:
    """Computes the base colour of each row and the kind of painting over it.

    Args:
        outfit: The person's outfit.
        part: Array of shape `[num_rows]`: index of the part.
        position: Position along the part, as in `bodies.control_rings`.

    Returns:
        Tuple of colours `[num_rows, 3]`, float32, 0 to 255, and the kind of each row
        for `paint_points`.
    """
    sleeves, trousers = _covered(outfit, part, position)
    torso = part == _TORSO
    bottom = trousers | (part == _SKIRT) | (torso & (position < outfit.waist))
    chest = torso & ~bottom
    colours = np.empty([len(part), 3], np.float32)
    colours[:] = outfit.skin
    colours[bottom] = outfit.bottom
    colours[sleeves | chest] = outfit.top
    if outfit.belt:
        colours[torso & (np.abs(position - outfit.waist) < 0.06)] = 0.3 * outfit.bottom + 10
    colours[_SHIN[part] & ~trousers & (position > outfit.sock)] = outfit.socks
    colours[_FOOT[part]] = outfit.shoes
    hair = part == _HAIR
    colours[hair] = outfit.hair
    if outfit.cap:
        colours[hair & (position > 45)] = outfit.accent
    # Folds: brightness varies a little along clothes.
    phase = position * np.where(torso, 275, 290) * (2 * np.pi)
    folds = np.sin(phase / 67 + outfit.phase[2]) + np.sin(phase / 41 + outfit.phase[3] + part)
    colours *= 1 + 0.035 * (folds * (bottom | chest | sleeves))[:, None].astype(np.float32)
    kind = np.where(sleeves, _TOP, _PLAIN)
    for rows, value in ((chest, _CHEST), (_FOOT[part], _SHOE), (part == _HEAD, _FACE)):
        kind[rows] = value
    return colours, kind.astype(np.uint8)


def paint_points(outfit: Outfit, colours, kind, position, cosine, sine) -> None:
    """Paints what varies around a row, such as patterns and faces; changes `colours`.

    Args:
        outfit: The person's outfit.
        colours: Array of shape `[num_points, 3]`: colours of the points' rows.
        kind: Array of shape `[num_points]`: kinds of the points' rows.
        position: Position along the part.
        cosine: Cosine of the angle around the part: 1 on the left of torso and head.
        sine: Sine of the same angle: 1 at the front.
    """
    if outfit.pattern == "blocks":
        colours[kind == _TOP] = outfit.accent
    elif outfit.pattern in ("hoops", "stripes", "checks"):
        sleeves = np.flatnonzero(kind == _TOP)
        _add_pattern(outfit, colours, sleeves, position, cosine, sine, 290.0, 5)
    chest = np.flatnonzero(kind == _CHEST)
    _add_pattern(outfit, colours, chest, position, cosine, sine, 275.0, 12)
    # Skin above the neckline, which is lower at the front.
    front = np.clip(sine[chest], 0, 1) ** 2
    skin = position[chest] > 2.13 - outfit.neckline * front * front
    colours[chest[skin]] = outfit.skin
    shoes = np.flatnonzero(kind == _SHOE)
    colours[shoes[sine[shoes] > 0.55]] = outfit.sole
    head = np.flatnonzero(kind == _FACE)
    _paint_head(outfit, colours, head, position[head], cosine[head], sine[head])


def _add_pattern(outfit, colours, points, position, cosine, sine, length, stripes):
    """Gives points of the pattern the accent colour of the top."""
    position, cosine, sine = position[points], cosine[points], sine[points]
    if outfit.pattern == "blocks":
        accent = position > 1.45
    elif outfit.pattern == "print":
        accent = (sine > 0) & (np.abs(cosine) < 0.38) & (np.abs(position - 1.3) < 0.3)
    elif outfit.pattern == "open":
        accent = (sine > 0) & (np.abs(cosine) < 0.13 + 0.1 * (position - 1))
    elif outfit.pattern in ("hoops", "stripes", "checks"):
        rings = np.sin(position * (length * 2 * np.pi / outfit.period_mm) + outfit.phase[1]) > 0.2
        lines = rings
        if outfit.pattern != "hoops":
            lines = np.sin(np.arctan2(sine, cosine) * stripes) > 0.3
        accent = {"hoops": rings, "stripes": lines, "checks": rings ^ lines}[outfit.pattern]
    else:
        return
    colours[points[accent]] = outfit.accent


def _paint_head(outfit, colours, head, height, cosine, sine):
    """Paints hairline, face and beard; heights are mm above the middle of the head."""
    if not outfit.bald:
        # The hairline: high on the forehead, low at the nape, in front of the ears.
        line = np.where(sine > 0.35, 66.0, np.where(sine > -0.15, 12.0, -62.0))
        colours[head[height > line]] = outfit.hair
    face = np.flatnonzero(sine > 0)
    if not face.size:
        return
    head, height, side = head[face], height[face], np.abs(cosine[face])
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


def _covered(outfit, part, position):
    """Returns which rows are covered by sleeves, and which by trousers."""
    limb_position = position + _SECOND[part]
    return _ARM[part] & (limb_position < outfit.sleeve), _LEG[part] & (limb_position < outfit.leg)
