"""Pictures that carry a number, and a finder that knows who is in the picture of each number.

So the real files, videos and programs run, and the landmarks are known exactly.
"""

import dataclasses

import numpy as np

from tf_lift import skeletons
from tf_lift.inference.people.regions import Region

_BITS, _SIDE = 10, 16
SIZE = (320, 240)


def draw(number, size=SIZE, seed=0):
    """Returns `[height, width, 3]`: noise below a strip of squares that spell a number."""
    width, height = size
    image = np.random.default_rng(seed).integers(90, 110, [height, width, 3]).astype(np.uint8)
    for bit in range(_BITS):
        image[:_SIDE, bit * _SIDE : (bit + 1) * _SIDE] = 255 * (number >> bit & 1)
    return image


def read(image):
    """Returns the number of a picture."""
    middle = _SIDE // 2
    squares = image[middle, middle : _BITS * _SIDE : _SIDE]
    return sum(int(colour.mean() > 127) << bit for bit, colour in enumerate(squares))


@dataclasses.dataclass
class Person:
    landmarks: np.ndarray
    scores: np.ndarray
    box: np.ndarray
    score: float
    region: Region | None


class Finder:
    """Finds the people that `people(number)` lists as landmarks `[L, 2]`, NaN where missing.

    Its answer depends on the regions, as that of a detector that follows people: the region's
    turn counts the frames since the last search, and shows in the score.
    """

    skeleton = skeletons.H36M_17

    def __init__(self, people, stop_at=None):
        self.people, self.stop_at, self.seen = people, stop_at, []

    def detect(self, image, regions=(), *, search=False):
        number = read(image)
        if number == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(number)
        age = 0.0 if search or not regions else regions[0].turn + 1
        found = []
        for landmarks in self.people(number):
            known = np.isfinite(landmarks).all(-1)
            low, high = landmarks[known].min(0), landmarks[known].max(0)
            region = Region(tuple(map(float, low)), float(high[1] - low[1]), age)
            box = np.concatenate([low, high - low])
            found.append(Person(landmarks, known * 0.9, box, 0.9 - 0.01 * age, region))
        return found
