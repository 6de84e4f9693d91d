"""Draws the build, skin, hair and clothes of a person; `painting` paints them."""

import colorsys
import dataclasses

import numpy as np

from tf_lift.data.synthetic.bodies import Figure

__all__ = ["Outfit", "draw_outfit", "suited"]

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
    """Colours (RGB, 0 to 255) and cuts; positions are fractions of a limb.

    Attributes:
        figure: The person's build.
        skin, hair, top, accent, bottom, shoes, sole, socks: Colours.
        pattern: Pattern of `accent` on the top.
        period_mm: Period of the pattern.
        sleeve: End of the sleeves: 0 to 1 on the upper arm, 1 to 2 on the forearm.
        leg: End of the trousers: 0 to 1 on the thigh, 1 to 2 on the shin.
        sock: Upper end of the socks on the shin.
        waist: Border of top and bottom on the torso.
        neckline: Depth of the neckline at the front.
        looseness: Relative width that clothes add.
        skirt, belt, beard, glasses, cap, bald: Whether the person has them or is bald.
        phase: Random phases of folds and patterns.
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
    belt: bool
    beard: bool
    glasses: bool
    cap: bool
    bald: bool
    phase: np.ndarray

    @property
    def left_out(self) -> frozenset:
        """Returns the names of the body parts that are not drawn."""
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
        belt=bool(rng.random() < 0.5),
        beard=bool(not feminine and rng.random() < 0.3),
        glasses=bool(rng.random() < 0.15),
        cap=bool(rng.random() < 0.12),
        bald=bool(not feminine and rng.random() < 0.1),
        phase=rng.uniform(0, 2 * np.pi, 8),
    )


def suited(outfit: Outfit, joints: np.ndarray) -> Outfit:
    """Returns the outfit with shorts instead of a skirt if the legs do not fit into it."""
    thighs = joints[[5, 2]] - joints[[4, 1]]
    thighs = thighs / (np.linalg.norm(thighs, axis=1, keepdims=True) + 1e-6)
    back = joints[7] - joints[0]
    back = back / (np.linalg.norm(back) + 1e-6)
    # Thighs within 50 degrees of the back's line and 55 of each other.
    if outfit.skirt and ((thighs @ back).max() > -0.64 or thighs[0] @ thighs[1] < 0.57):
        return dataclasses.replace(outfit, skirt=False, leg=0.6)
    return outfit


def _cloth(rng):
    """Draws a colour of clothes: often dark, grey or white, sometimes bright."""
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
