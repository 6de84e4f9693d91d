import numpy as np
from reference import people as reference

from tf_lift.inference.people import anchors


def test_anchors():
    assert len(anchors.anchors()) == 2254
    np.testing.assert_allclose(anchors.anchors(), reference.anchors(), atol=1e-12)


def test_decode_takes_what_scores_enough(rng):
    boxes = rng.normal(size=[2254, 12]).astype(np.float32) * 20
    logits = np.full([2254, 1], -200.0, np.float32)
    logits[[3, 2000], 0] = [0.1, 3.0]
    found, points, scores = anchors.decode(boxes, logits, 0.5)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp([-0.1, -3.0])), rtol=1e-6)
    centre = reference.anchors()
    for row, index in enumerate((3, 2000)):
        x, y, width, height = boxes[index, :4] / 224
        x, y = x + centre[index, 0], y + centre[index, 1]
        expected = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        np.testing.assert_allclose(found[row], expected, rtol=1e-5)
        for point in range(4):
            offset = boxes[index, 4 + 2 * point : 6 + 2 * point] / 224
            np.testing.assert_allclose(points[row, point], centre[index] + offset, rtol=1e-5)


def test_decode_of_nobody():
    found = anchors.decode(np.zeros([2254, 12]), np.full([2254, 1], -1e9), 0.5)
    assert [part.shape for part in found] == [(0, 4), (0, 4, 2), (0,)]
