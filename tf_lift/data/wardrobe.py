"""What people look like: build, skin, hair, clothes and their patterns."""

import colorsys
import dataclasses

import numpy as np

from tf_lift.data.bodies import PARTS, Figure
from tf_lift.data.lofts import PART_INDEX

__all__ = ["Outfit", "albedo", "draw_outfit", "loosened", "suited"]

_SKIN = np.array(
    [
        (255, 219, 190),
        (240, 194, 160),
        (224, 172, 135),
        (198, 140, 100),
        (150, 100, 70),
        (98, 64, 46),
    ]
)
_HAIR = np.array([(24, 20, 18), (50, 34, 24), (92, 60, 36), (150, 105, 60), (214, 178, 110)])
_HAIR = np.concatenate([_HAIR, [(120, 52, 28), (150, 148, 146), (214, 212, 208)]])
_DENIM = np.array([(44, 62, 96), (70, 96, 140), (30, 36, 52), (110, 136, 170)])
_PATTERNS = ("plain", "plain", "plain", "hoops", "stripes", "checks", "blocks", "print", "open")


@dataclasses.dataclass(frozen=True)
class Outfit:
    """Colours (RGB, 0 to 255) and cuts; places are fractions along a limb.

    Attributes:
        figure: The person's build.
        skin, hair, top, accent, bottom, shoes, sole, socks: Colours.
        pattern: How `accent` lies on the top.
        period_mm: Period of a pattern.
        sleeve: Where sleeves end: 0 to 1 on the upper arm, 1 to 2 on the forearm.
        leg: Where trousers end: 0 to 1 on the thigh, 1 to 2 on the shin.
        sock: Where socks begin on the shin.
        waist: Where top and bottom meet, along the torso.
        looseness: Relative width that clothes add.
        skirt, beard, glasses, cap, bald: What there is.
        phase: Random numbers that place folds and patterns.
    """

    figure: Figure
    skin: np.ndarray
    hair: np.ndarray
    top: np.ndarray
    accent: np.ndarray
    bottom: np.ndarray
    shoes: np.ndarray
    sole: np.ndarray
    socks: np.ndarray
    pattern: str
    period_mm: float
    sleeve: float
    leg: float
    sock: float
    waist: float
    neckline: float
    looseness: float
    skirt: bool
    beard: bool
    glasses: bool
    cap: bool
    bald: bool
    phase: np.ndarray

    @property
    def left_out(self) -> frozenset:
        """Names of the parts that this person does not show."""
        left_out = set() if self.skirt else {"skirt"}
        return frozenset(left_out | ({"hair"} if self.bald else set()))


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Draws a person's build and clothes."""
    feminine = rng.random() < 0.5
    girth = float(np.clip(rng.normal(1.0, 0.09), 0.82, 1.25))
    long_hair = rng.random() < (0.65 if feminine else 0.06)
    figure = Figure(
        girth=girth * (0.94 if feminine else 1.0),
        belly=float(np.clip(rng.normal(0.97 if feminine else 1.03, 0.07), 0.85, 1.3)),
        hips=float(rng.normal(1.06 if feminine else 0.98, 0.03)),
        shoulders=float(rng.normal(0.94 if feminine else 1.02, 0.03)),
        bust_mm=float(rng.uniform(12, 32)) if feminine else 0.0,
        head_yaw=float(np.clip(rng.normal(0, 0.3), -0.8, 0.8)),
        hair_length_mm=float(rng.uniform(60, 240)) if long_hair else float(rng.uniform(0, 12)),
        hand_turn=float(rng.normal(0.0, 0.6)),
        skirt_length=float(rng.uniform(0.6, 1.15)),
    )
    skirt = bool(feminine and rng.random() < 0.3)
    legs_bare = skirt or rng.random() < 0.3
    denim = rng.random() < 0.35
    bottom = _DENIM[rng.integers(len(_DENIM))] + rng.normal(0, 8, 3) if denim else _cloth(rng)
    top = _cloth(rng)
    return Outfit(
        figure=figure,
        skin=_mixed(_SKIN, rng) * rng.uniform(0.92, 1.05),
        hair=_HAIR[rng.integers(len(_HAIR))] * rng.uniform(0.8, 1.15),
        top=top,
        accent=_cloth(rng),
        bottom=top if rng.random() < 0.08 else np.clip(bottom, 8, 250),
        shoes=_cloth(rng) if rng.random() < 0.6 else np.full(3, rng.uniform(15, 60)),
        sole=np.full(3, rng.choice([30.0, 225.0])),
        socks=np.full(3, rng.choice([30.0, 120.0, 230.0])),
        pattern=str(rng.choice(_PATTERNS)),
        period_mm=float(rng.uniform(45, 160)),
        sleeve=float(rng.choice([0.0, 0.5, 0.7, 1.4, 1.95], p=[0.12, 0.28, 0.1, 0.1, 0.4])),
        leg=float(rng.choice([0.45, 0.8, 1.1])) if legs_bare else float(rng.uniform(1.8, 1.98)),
        sock=float(rng.uniform(0.65, 0.95)),
        waist=float(rng.uniform(0.05, 0.5)),
        neckline=float(rng.uniform(0.0, 0.25)),
        looseness=float(rng.uniform(0.04, 0.2)),
        skirt=skirt,
        beard=bool(not feminine and rng.random() < 0.3),
        glasses=bool(rng.random() < 0.15),
        cap=bool(rng.random() < 0.12),
        bald=bool(not feminine and rng.random() < 0.1),
        phase=rng.uniform(0, 2 * np.pi, 8),
    )


def suited(outfit: Outfit, joints: np.ndarray) -> Outfit:
    """Returns the outfit, a skirt exchanged for shorts where the legs would burst it."""
    thighs = joints[[5, 2]] - joints[[4, 1]]
    thighs = thighs / (np.linalg.norm(thighs, axis=1, keepdims=True) + 1e-6)
    back = joints[7] - joints[0]
    back = back / (np.linalg.norm(back) + 1e-6)
    # Thighs within 50 degrees of the back's line and 55 of each other.
    if outfit.skirt and ((thighs @ back).max() > -0.64 or thighs[0] @ thighs[1] < 0.57):
        return dataclasses.replace(outfit, skirt=False, leg=0.6)
    return outfit


def _cloth(rng):
    """A colour of clothes: often dark, grey or white, sometimes bright."""
    kind = rng.random()
    if kind < 0.3:
        return np.full(3, rng.uniform(18, 75)) + rng.normal(0, 5, 3)
    if kind < 0.5:
        return np.full(3, rng.uniform(150, 242)) + rng.normal(0, 5, 3)
    value = rng.uniform(0.3, 0.95)
    return 255 * np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.25, 0.9), value))


def _mixed(palette, rng):
    place = rng.uniform(0, len(palette) - 1)
    low = int(place)
    return palette[low] + (place - low) * (palette[low + 1] - palette[low])


# Which limb each part belongs to, and where on it: sleeves count 0 to 2 down the arm.
_ARM = np.zeros(len(PARTS), bool)
_LEG = np.zeros(len(PARTS), bool)
_SECOND = np.zeros(len(PARTS), bool)
for _name, _index in PART_INDEX.items():
    _ARM[_index] = _name.endswith("arm") or _name.endswith("hand")
    _LEG[_index] = _name.endswith(("thigh", "shin"))
    _SECOND[_index] = _name.endswith(("forearm", "shin"))
_HAND = np.array([name.endswith("hand") for name in PARTS])
_FOOT = np.array([name.endswith("foot") for name in PARTS])
_HEADS = np.array([name in ("head", "nose", "left_ear", "right_ear", "neck") for name in PARTS])
_TORSO, _SKIRT, _HAIRS = PART_INDEX["torso"], PART_INDEX["skirt"], PART_INDEX["hair"]


def _covered(outfit, part, along):
    """Which rows lie under the top's sleeves, and which under trousers."""
    place = along + _SECOND[part]
    sleeves = _ARM[part] & ~_HAND[part] & (place < outfit.sleeve)
    return sleeves, _LEG[part] & (place < outfit.leg)


def loosened(outfit: Outfit, part: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Returns the factor by which clothes widen each row, `[num_rows]`."""
    sleeves, trousers = _covered(outfit, part, along)
    # Hems stand off a little more than the rest.
    hem = 0.5 + 0.5 * np.clip(np.where(_SECOND[part], along, 0.5 * along), 0, 1)
    factor = 1.0 + outfit.looseness * hem * (sleeves | trousers)
    return (factor + 0.3 * outfit.looseness * (part == _TORSO)).astype(np.float32)


def albedo(outfit: Outfit, part, along, cosine, sine) -> np.ndarray:
    """Returns the colour of surface points before any light.

    Args:
        outfit: What the person wears.
        part: Array of shape `[num_points]`: index of the part.
        along: Place along the part, as in `bodies.control_rings`.
        cosine: Cosine of the angle around the part: 1 on the left of torso and head.
        sine: Its sine: 1 at the front.

    Returns:
        Array of shape `[num_points, 3]`, 0 to 255, float32.
    """
    sleeves, trousers = _covered(outfit, part, along)
    torso = part == _TORSO
    front = torso & (sine > 0)
    # V of the neckline, deeper at the front.
    collar = torso & (along > 2.13 - outfit.neckline * np.clip(sine, 0, 1) ** 8)
    bottom = trousers | (part == _SKIRT) | (torso & (along < outfit.waist))
    top = sleeves | (torso & ~bottom & ~collar)
    colours = np.broadcast_to(outfit.skin, (len(part), 3)).astype(np.float32)
    colours[top] = outfit.top
    accent = top & _pattern(outfit, part, along, cosine, sine, front)
    colours[accent] = outfit.accent
    colours[bottom] = outfit.bottom
    belt = torso & (np.abs(along - outfit.waist) < 0.06) & (outfit.phase[0] < 3)
    colours[belt] = 0.3 * outfit.bottom + 10
    shoes = _FOOT[part]
    colours[shoes] = np.where((sine > 0.55)[shoes, None], outfit.sole, outfit.shoes)
    socks = _LEG[part] & _SECOND[part] & ~trousers & (along > outfit.sock)
    colours[socks] = outfit.socks
    _paint_head(colours, outfit, part, along, cosine, sine)
    return colours


def _pattern(outfit, part, along, cosine, sine, front):
    """Which points of the top show the second colour."""
    length = np.where(part == _TORSO, 275.0, 290.0)
    rings = np.sin(along * length * (2 * np.pi / outfit.period_mm) + outfit.phase[1]) > 0.2
    if outfit.pattern == "hoops":
        return rings
    # Stripes down the body: the same number on every person, more on the torso.
    stripes = np.sin(np.arctan2(sine, cosine) * np.where(part == _TORSO, 12, 5)) > 0.3
    if outfit.pattern == "stripes":
        return stripes
    if outfit.pattern == "checks":
        return rings ^ stripes
    if outfit.pattern == "blocks":
        return (part != _TORSO) | (along > 1.45)
    if outfit.pattern == "print":
        return front & (np.abs(cosine) < 0.38) & (np.abs(along - 1.3) < 0.3)
    if outfit.pattern == "open":
        return front & (np.abs(cosine) < 0.13 + 0.1 * (along - 1))
    return np.zeros(len(part), bool)


def _paint_head(colours, outfit, part, along, cosine, sine):
    """Face, hair line and beard; heights are mm above the head's middle."""
    hair = part == _HAIRS
    colours[hair] = outfit.hair
    if outfit.cap:
        colours[hair & (along > 45)] = outfit.accent
    head = np.flatnonzero(part == PART_INDEX["head"])
    height, across, ahead = along[head], cosine[head], sine[head]
    # A hair line: high on the forehead, low at the nape, in front of the ears.
    line = np.where(ahead > 0.35, 66.0, np.where(ahead > -0.15, 12.0, -62.0))
    if not outfit.bald:
        colours[head[height > line]] = outfit.hair
    face = ahead > 0
    if outfit.beard:
        colours[head[face & (height < -42) & (np.abs(across) < 0.98)]] = 0.8 * outfit.hair + 12
    side = np.abs(across)
    eyes = face & (np.abs(side - 0.42) < 0.15) & (np.abs(height - 6) < 7)
    colours[head[eyes]] = (228, 224, 220)
    pupils = face & (np.abs(side - 0.42) < 0.075) & (np.abs(height - 6) < 7)
    colours[head[pupils]] = (40, 28, 22)
    brows = face & (np.abs(side - 0.43) < 0.2) & (np.abs(height - 23) < 4.5)
    colours[head[brows]] = 0.7 * outfit.hair
    mouth = face & (side < 0.34) & (np.abs(height + 62) < 5)
    colours[head[mouth]] = outfit.skin * (0.72, 0.5, 0.5)
    if outfit.glasses:
        rim = face & (np.abs(np.hypot((side - 0.42) * 80, height - 4) - 17) < 4)
        colours[head[rim]] = (25, 25, 28)
    cheeks = face & (np.abs(side - 0.6) < 0.2) & (np.abs(height + 30) < 16)
    colours[head[cheeks]] *= (1.03, 0.95, 0.95)
