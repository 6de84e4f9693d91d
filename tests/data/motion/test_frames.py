"""Units and axes of files."""

import numpy as np
import pytest

from tf_lift.data.motion import frames


@pytest.mark.parametrize("up", frames.UP_AXES)
def test_the_up_axis_becomes_z_by_a_rotation(up, rng):
    points = rng.standard_normal([5, 3])
    turned = frames.to_z_up(points, up)
    sign = -1.0 if up.startswith("-") else 1.0
    np.testing.assert_array_equal(turned[:, 2], sign * points[:, "xyz".index(up[-1])])
    turn = frames.to_z_up(np.eye(3), up)
    np.testing.assert_allclose(turn.T @ turn, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_other_axes_are_errors():
    with pytest.raises(ValueError, match=r"`up` must be one of \['z', 'y', .*'w'"):
        frames.to_z_up(np.zeros(3), "w")


def test_missing_coordinates_stay_where_they_are():
    np.testing.assert_array_equal(frames.to_z_up([1.0, 2.0, np.nan], "y"), [1.0, np.nan, 2.0])


@pytest.mark.parametrize(
    ("unit", "length"), [("mm", 1), ("cm", 10), ("m", 1000), ("cmu", 56.4444), ("2.5", 2.5)]
)
def test_units(unit, length):
    assert frames.unit_length(unit) == pytest.approx(length, rel=1e-5)


@pytest.mark.parametrize("unit", ["ell", "0", "-1", "nan", "inf", ""])
def test_other_units_are_errors(unit):
    with pytest.raises(ValueError, match=r"`unit` must be one of \['mm'.*Received: '"):
        frames.unit_length(unit)
