"""What is expected of a camera's pitch and roll: costs of the attitudes of a grid."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

__all__ = [
    "MEAN_PITCH",
    "PITCHES",
    "PITCH_STDDEV",
    "ROLLS",
    "ROLL_STDDEV",
    "TURN_STDDEV",
    "Expectation",
    "turn_landmarks",
]

# Of cameras that nothing is known of: most are held level or look down a little. Of grids of
# pitches in steps of 20 degrees, these three cover -15 to 45 degrees with the turns below;
# steps of 10 degrees gain 1 mm.
PITCHES = tuple(np.radians([-5.0, 15.0, 35.0]).tolist())
MEAN_PITCH = float(np.radians(10.0))
PITCH_STDDEV = float(np.radians(20.0))
ROLLS = tuple(np.radians([-24.0, -12.0, 0.0, 12.0, 24.0]).tolist())
ROLL_STDDEV = float(np.radians(12.0))

# Turns of a candidate between the attitudes of the grid, about each world axis, rad: of 0.05 to
# 0.2, the deviation of 0.1 had the least error; 0.05 and 0.15 have 1 to 2 mm more.
TURN_STDDEV = (0.1, 0.1, 0.1)

# Degrees of freedom of the costs: tails, because some cameras are held at any angle.
_FREEDOM = 4.0


class Expectation(NamedTuple):
    """Pitch and roll that are expected of the camera of each pose.

    Attributes:
        pitch: `[B]`, rad, the mean.
        pitch_stddev: `[B]`, rad.
        roll: `[B]`, rad: the grid of rolls stands about it.
        roll_stddev: `[B]`, rad.
    """

    pitch: tf.Tensor
    pitch_stddev: tf.Tensor
    roll: tf.Tensor
    roll_stddev: tf.Tensor

    def pitch_costs(self, pitches):
        """Returns the costs `[P, B]` of pitches."""
        difference = tf.constant(pitches, self.pitch.dtype)[:, tf.newaxis] - self.pitch
        return _cost(difference / self.pitch_stddev)

    def roll_costs(self, rolls):
        """Returns the costs `[R, B]` of rolls relative to the expected one."""
        return _cost(tf.constant(rolls, self.roll.dtype)[:, tf.newaxis] / self.roll_stddev)


def _cost(deviation):
    """Returns minus twice the log density of Student's t, up to a constant."""
    return (_FREEDOM + 1) * tf.math.log1p(deviation**2 / _FREEDOM)


def turn_landmarks(points, roll):
    """Turns points `[..., L, C]` clockwise by `roll` `[...]` in the image plane, C >= 2."""
    cos, sin = tf.cos(roll)[..., tf.newaxis], tf.sin(roll)[..., tf.newaxis]
    x, y = points[..., 0], points[..., 1]
    turned = [cos * x - sin * y, sin * x + cos * y]
    turned += [points[..., axis] for axis in range(2, points.shape[-1])]
    return tf.stack(turned, -1)
