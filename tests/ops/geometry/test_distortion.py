"""Lens distortion against plain equations, and its inverse against the forward model."""

import helpers
import numpy as np
import pytest
import tensorflow as tf
from reference import cameras as reference

from tf_lift.ops.geometry import distortion

# k1, k2, p1, p2, k3: an indoor camera of a motion-capture room, an action camera's barrel, a
# cushion, tangential terms alone, and a moustache (barrel inside, cushion outside).
LENSES = {
    "room": (-0.2, 0.24, -0.0009, -0.0014, -0.002),
    "barrel": (-0.3, 0.11, 0.001, -0.0005, -0.017),
    "cushion": (0.35, 0.1, 0.0, 0.001, 0.05),
    "tangential": (0.0, 0.0, 0.02, -0.015, 0.0),
    "moustache": (-0.15, 0.2, 0.003, 0.002, 0.1),
}


def grid(half_width, half_height, steps=21):
    """Returns points `[steps^2, 2]` of an image plane at focal length 1."""
    axes = (np.linspace(-half, half, steps) for half in (half_width, half_height))
    return np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)


@pytest.mark.parametrize("lens", LENSES)
def test_distort_equals_the_equations(lens):
    points = grid(0.8, 0.6, 5)
    expected = [reference.distort(point, LENSES[lens]) for point in points]
    actual = distortion.distort(points, np.array(LENSES[lens]))
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("lens", LENSES)
def test_undistort_inverts_to_a_millionth_of_a_pixel(lens):
    """Covers an image 77 degrees wide, at a focal length of 5000 px."""
    points = grid(0.8, 0.6)
    distorted = np.array([reference.distort(point, LENSES[lens]) for point in points])
    found = distortion.undistort(distorted, np.array(LENSES[lens])).numpy()
    assert np.abs(found - points).max() * 5000 < 1e-6
    again = np.array([reference.distort(point, LENSES[lens]) for point in found])
    assert np.abs(again - distorted).max() * 5000 < 1e-6
    single = distortion.undistort(distorted.astype(np.float32), LENSES[lens])
    assert single.dtype == tf.float32
    assert np.abs(single - points).max() * 1000 < 0.05


@pytest.mark.parametrize("lens", LENSES)
def test_few_steps_suffice_for_real_lenses(lens):
    points = grid(0.6, 0.45)
    distorted = distortion.distort(points, np.array(LENSES[lens]))
    found = distortion.undistort(distorted, np.array(LENSES[lens]), num_steps=7)
    np.testing.assert_allclose(found, points, rtol=0, atol=1e-12)


def test_no_distortion_changes_nothing(rng):
    points = rng.normal(size=[4, 3, 2])
    np.testing.assert_array_equal(distortion.distort(points, np.zeros(5)), points)
    np.testing.assert_allclose(distortion.undistort(points, np.zeros(5)), points, rtol=1e-15)


def test_no_inverse_is_nan():
    """x (1 - 0.4 x^2) has its maximum 0.6086 at x = 0.9129; beyond it the image folds over."""
    coefficients = np.array([-0.4, 0, 0, 0, 0])
    fold = np.sqrt(1 / 1.2)
    highest = fold * (1 - 0.4 * fold**2)
    points = np.array([[highest * 1.001, 0], [0.9, 0], [3.0, -2.0], [50.0, 0], [np.nan, 0]])
    assert np.isnan(distortion.undistort(points, coefficients)).all()
    close = distortion.undistort(np.array([[0.0, -highest * 0.9999]]), coefficients).numpy()
    assert 0.9 * fold < -close[0, 1] < fold
    np.testing.assert_allclose(distortion.distort(close, coefficients)[0, 1], -highest * 0.9999)


def test_a_solution_beyond_the_fold_is_rejected():
    """Where the polynomial rises again, its points are not those that the lens projects."""
    coefficients = np.array([-0.6, 0.1, 0.0, 0.0, 0.0])
    radii = np.linspace(0, 3, 3001)
    values = radii * (1 - 0.6 * radii**2 + 0.1 * radii**4)
    rising_again = 2.6
    assert np.all(np.diff(values[radii < 0.8]) > 0) and np.diff(values).min() < 0
    beyond = reference.distort((rising_again, 0), coefficients)
    assert beyond[0] > values[radii < 1].max()  # No point before the fold has this image.
    assert np.isnan(distortion.undistort(beyond[np.newaxis], coefficients)).all()


@pytest.mark.parametrize("lens", LENSES)
def test_jacobian_is_the_derivative(lens, rng):
    """A wrong Jacobian would still converge, only more slowly."""
    x, y = rng.uniform(-0.7, 0.7, 2)
    actual = distortion._jacobian(x, y, LENSES[lens])
    delta = 1e-6
    for entry, (axis, step) in zip(actual, [(0, 0), (0, 1), (1, 1)], strict=True):
        shift = delta * np.eye(2)[step]
        high, low = (reference.distort(np.array([x, y]) + s, LENSES[lens]) for s in (shift, -shift))
        np.testing.assert_allclose(entry, (high - low)[axis] / (2 * delta), rtol=1e-8, atol=1e-9)


def test_gradients(rng):
    points = rng.uniform(-0.5, 0.5, [3, 2, 2])
    lenses = np.array([LENSES["room"], LENSES["cushion"], LENSES["moustache"]])
    helpers.check_gradient(distortion.distort, [points, lenses], rng)
    helpers.check_gradient(distortion.undistort, [points, lenses], rng)


def test_gradient_is_exact_at_any_number_of_steps(rng):
    """The gradient is the implicit function's, not that of a few unrolled steps."""
    points = rng.uniform(-0.4, 0.4, [5, 2])
    lens = np.array(LENSES["barrel"])
    upstream = rng.standard_normal([5, 2])

    def gradients(num_steps):
        def solve(points, lens):
            return distortion.undistort(points, lens, num_steps)

        return helpers.upstream_gradients(solve, [points, lens], upstream)[1]

    for few, many in zip(gradients(6), gradients(40), strict=True):
        np.testing.assert_allclose(few, many, rtol=1e-9)


def test_gradient_is_zero_where_there_is_no_inverse(rng):
    points = np.array([[0.9, 0.0], [0.1, 0.2], [np.nan, 1.0], [1e30, 0.0]])
    coefficients = np.array([-0.4, 0, 0, 0, 0])
    value, (gradient, of_lens) = helpers.upstream_gradients(
        lambda p, k: tf.where(tf.math.is_nan(distortion.undistort(p, k)), 0.0,
                              distortion.undistort(p, k)),
        [points, coefficients], np.ones([4, 2]),
    )  # fmt: skip
    assert np.isfinite(value).all() and np.isfinite(of_lens).all()
    np.testing.assert_array_equal(gradient.numpy()[[0, 2, 3]], 0)
    assert np.abs(gradient[1]).min() > 0.5


@pytest.mark.parametrize("function", [distortion.distort, distortion.undistort])
def test_eager_equals_graph_and_compiled(function, rng):
    points = rng.uniform(-0.5, 0.5, [4, 17, 2])
    lenses = np.array([LENSES[name] for name in list(LENSES)[:4]])
    helpers.check_modes(function, [points, lenses], rng, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("function", [distortion.distort, distortion.undistort])
def test_shapes_are_checked(function):
    with pytest.raises(ValueError, match=r"`points` must have shape \[\.\.\., any, 2\]"):
        function(np.zeros([4, 3]), np.zeros(5))
    with pytest.raises(ValueError, match=r"`distortion` must have shape \[\.\.\., 5\]"):
        function(np.zeros([4, 2]), np.zeros(4))
