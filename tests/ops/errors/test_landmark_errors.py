"""PCK and OKS against their formulas, one landmark at a time."""

import numpy as np
import pytest

from tf_lift.ops.errors import landmark_errors


def test_pck_counts_landmarks_within_a_fraction_of_the_size():
    true = np.zeros([3, 4, 2])
    predicted = true + [[[0.0, 0.0], [3.0, 4.0], [0.0, 5.1], [30.0, 0.0]]]
    # Sizes of 10, 20 and none: 5 px, 10 px and nothing count as close.
    found = landmark_errors.pck(predicted, true, [10.0, 20.0, np.nan], threshold=0.5)
    np.testing.assert_allclose(found, [0.5, 0.75, 0.0])
    seen = np.array([[True, True, False, False]] * 3)
    found = landmark_errors.pck(predicted, true, [10.0, 8.0, 10.0], seen, threshold=0.5)
    np.testing.assert_allclose(found, [1.0, 0.5, 1.0])


def test_oks_is_that_of_coco(rng):
    true = rng.uniform(0, 300, [5, 17, 2])
    predicted = true + rng.normal(0, 8, true.shape)
    seen = rng.random([5, 17]) < 0.7
    area = rng.uniform(3000, 9000, 5)
    expected = []
    for row in range(5):
        parts = []
        for joint in np.flatnonzero(seen[row]):
            squared = np.sum((predicted[row, joint] - true[row, joint]) ** 2)
            deviation = 2 * landmark_errors.COCO_SIGMAS[joint]
            parts.append(np.exp(-squared / (2 * area[row] * deviation**2)))
        expected.append(np.mean(parts))
    np.testing.assert_allclose(landmark_errors.oks(predicted, true, area, seen), expected)
    np.testing.assert_allclose(landmark_errors.oks(true, true, area), 1.0)


def test_a_landmark_that_was_not_found_is_wrong():
    true = np.zeros([1, 2, 2])
    predicted = np.array([[[0.0, 0.0], [np.nan, np.nan]]])
    assert landmark_errors.pck(predicted, true, [1.0], threshold=0.5) == 0.5
    assert landmark_errors.oks(predicted, true, [9.0], sigmas=[0.1, 0.1]) == 0.5
    hidden = np.array([[True, False]])
    assert landmark_errors.oks(predicted, true, [9.0], hidden, sigmas=[0.1, 0.1]) == 1.0
    assert landmark_errors.oks(predicted, true, [0.0], sigmas=[0.1, 0.1]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: landmark_errors.pck(p, p, [1.0], threshold=0.0), "`threshold` must be positive"),
        (lambda p: landmark_errors.oks(p, p, [1.0], sigmas=[0.1, 0.0]), "`sigmas` must be"),
        (lambda p: landmark_errors.oks(p, p, [1.0]), "`sigmas` must have shape"),
        (lambda p: landmark_errors.pck(p, p[:, :1], [1.0], threshold=1.0), "`true` must have"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros([1, 2, 2]))
