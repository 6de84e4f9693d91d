"""Deviations grow with the misfit, and only with it."""

import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import calibration
from tf_lift.ops.lift.options import ReadOut

STDDEV = tf.constant([[0.0, 30.0]] * 5)
MISFIT = tf.constant([0.0, calibration.TYPICAL_MISFIT, 1.2, np.inf, np.nan])


def test_deviations_grow_above_the_typical_misfit():
    found = calibration.calibrate(STDDEV, MISFIT, ReadOut("map")).numpy()
    np.testing.assert_allclose(found[:, 1], [30, 30, 120, 30, np.nan], rtol=1e-6)
    np.testing.assert_array_equal(found[:4, 0], 0)


@pytest.mark.parametrize(
    ("read_out", "factor"),
    [
        (ReadOut("mean"), calibration.MEAN),
        (ReadOut("mean", parents=(-1, 0)), calibration.MEAN * calibration.BONES),
        (ReadOut("min_energy", parents=(-1, 0)), calibration.BONES),
    ],
)
def test_means_and_known_bones_have_factors_of_their_own(read_out, factor):
    found = calibration.calibrate(STDDEV, MISFIT, read_out).numpy()
    # Landmarks that determine no pose have the deviations of the prior.
    np.testing.assert_allclose(found[[0, 3], 1], [30 * factor, 30], rtol=1e-6)
