import numpy as np
from reference import people as reference

from tf_lift.inference.people import landmarks


def test_sharpen_is_that_of_loops(rng):
    points = rng.uniform(-0.1, 1.1, [60, 2])
    maps = rng.normal(-4, 3, [16, 20, 60])
    actual = landmarks.sharpen(points, maps)
    expected = [reference.centre_of_mass(points[i], maps[:, :, i]) for i in range(60)]
    np.testing.assert_allclose(actual, expected, rtol=1e-10)
    moved = (actual != points).any(1)
    assert 10 < moved.sum() < 60


def test_sharpen_stays_finite():
    points = np.array([[1e30, -1e30], [0.5, 0.5], [-5.0, 0.5]])
    for logit in (-1e30, 1e30):
        np.testing.assert_array_equal(
            np.isfinite(landmarks.sharpen(points, np.full([8, 8, 3], logit))), True
        )


def test_decode_rows():
    rows = np.zeros([39, 5], np.float32)
    rows[:, 0] = np.arange(39) * 4
    rows[:, 1] = 128
    rows[5, 3:] = [2.0, -1.0]
    flat = {"landmarks": rows.ravel(), "heat_maps": np.full([64, 64, 39], -50.0, np.float32)}
    points, scores = landmarks.decode(flat)
    np.testing.assert_allclose(points, np.stack([np.arange(39) / 64, np.full(39, 0.5)], -1))
    np.testing.assert_allclose(scores[5], 1 / (1 + np.exp(-2)) / (1 + np.exp(1)), rtol=1e-6)
    assert (np.delete(scores, 5) == 0.25).all()
