import numpy as np
import pytest
from reference import people as reference

from tf_lift.inference.people import suppression


def random_boxes(rng, count):
    corner = rng.uniform(0, 5, [count, 2])
    return np.concatenate([corner, corner + rng.uniform(0.5, 4, [count, 2])], 1)


def test_overlap_is_that_of_counted_points(rng):
    one, two = random_boxes(rng, 12), random_boxes(rng, 12)
    actual = suppression.intersection_over_union(one, two)
    expected = [reference.shared_fraction(*pair) for pair in zip(one, two, strict=True)]
    np.testing.assert_allclose(actual, expected, atol=0.01)
    assert 0 < sum(actual == 0) < 12


def test_overlap_of_degenerate_boxes():
    point, box = np.array([1.0, 1, 1, 1]), np.array([0.0, 0, 2, 2])
    assert suppression.intersection_over_union(point, point) == 0
    assert suppression.intersection_over_union(point, box) == 0
    assert suppression.intersection_over_union(box, box) == 1


@pytest.mark.parametrize("count", [1, 2, 30])
def test_suppression_merges_as_loops_do(rng, count):
    boxes, points = random_boxes(rng, count), rng.normal(size=[count, 4, 2])
    scores = rng.uniform(0.4, 1, count)
    actual = suppression.weighted_suppression(boxes, points, scores, 0.3)
    expected = reference.suppress(boxes, points, scores, 0.3)
    assert count < 30 or len(actual[0]) < count
    for part, oracle in zip(actual, expected, strict=True):
        np.testing.assert_allclose(part, oracle, rtol=1e-10)
    assert (np.diff(actual[2]) <= 0).all()


def test_suppression_of_nothing():
    empty = suppression.weighted_suppression(np.zeros([0, 4]), np.zeros([0, 4, 2]), np.zeros(0))
    assert [part.shape for part in empty] == [(0, 4), (0, 4, 2), (0,)]


def test_boxes_without_area_are_each_a_person():
    boxes, scores = np.array([[1.0, 1, 1, 1], [1, 1, 1, 1]]), np.array([0.5, 0.9])
    merged = suppression.weighted_suppression(boxes, np.zeros([2, 4, 2]), scores)
    np.testing.assert_array_equal(merged[2], [0.9, 0.5])
