"""Quick drawings of people: where lines are, and what is left out."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.viewing import annotation

SKELETON = skeletons.H36M_17


@pytest.fixture
def joints(tiny_prior):
    return tiny_prior.mean_pose[:1] + np.array([0.0, 0.0, 900.0])


def flat(joints, zoom=0.1):
    return joints[:, :, [0, 2]] * [zoom, -zoom] + [100, 170]


def test_bones_are_where_the_landmarks_are(joints):
    image = np.full([200, 200, 3], 40, np.uint8)
    landmarks = flat(joints)
    drawn = annotation.annotate(image, landmarks, SKELETON)
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert (image == 40).all()
    changed = (drawn != 40).any(-1)
    for x, y in np.round(landmarks[0]).astype(int):
        assert changed[y, x]
    rows, columns = np.nonzero(changed)
    low, high = landmarks[0].min(0), landmarks[0].max(0)
    assert rows.min() > low[1] - 5 and rows.max() < high[1] + 5
    assert columns.min() > low[0] - 5 and columns.max() < high[0] + 5


def test_unknown_joints_are_left_out_and_unseen_ones_thin(joints):
    image = np.full([200, 200, 3], 40, np.uint8)
    landmarks = flat(joints)
    assert (annotation.annotate(image, landmarks * np.nan, SKELETON, [0]) == 40).all()
    assert (annotation.annotate(image, landmarks[:0], SKELETON, []) == 40).all()

    def area(visible):
        drawn = annotation.annotate(image, landmarks, SKELETON, None, visible)
        return (drawn != 40).any(-1).sum()

    seen = np.ones([1, 17], bool)
    assert area(~seen) < area(seen)


def test_people_have_numbers_in_the_picture(joints):
    image = np.full([200, 200, 3], 40, np.uint8)
    # Above the upper edge, so that only the number shows.
    landmarks = flat(joints) - [0, 250]
    assert (annotation.annotate(image, landmarks, SKELETON, [7]) != 40).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1)])
def test_images_of_any_shape(joints, size):
    image = np.zeros([*size, 3], np.uint8)
    drawn = annotation.annotate(image, flat(joints), SKELETON, [1])
    panel = annotation.Panel(joints, SKELETON, size[0]).draw(joints, [1])
    assert annotation.beside(drawn, panel).shape == (size[0], size[1] + size[0], 3)


def test_a_panel_shows_who_is_where(joints):
    people = np.concatenate([joints, joints + [1500.0, 0, 0]])
    panel = annotation.Panel(people, SKELETON, 200)
    empty = panel.draw(people[:0])
    assert empty.shape == (200, 200, 3)
    nobody = panel.draw(people * np.nan, [0, 1])
    np.testing.assert_array_equal(empty, nobody)

    def middle(rows):
        changed = (panel.draw(people[rows]) != empty).any(-1)
        assert changed.any()
        return np.nonzero(changed)[1].mean()

    assert middle([0]) + 40 < middle([1])
    # A person stands on the floor: the feet are lower in the picture than the head.
    up = panel.draw(joints)
    down = panel.draw(joints * [1, 1, -1] + [0, 0, 1800])
    assert (up != down).any()


def test_a_panel_without_anybody(joints):
    panel = annotation.Panel(joints[:0], SKELETON, 64)
    assert panel.draw(joints[:0]).shape == (64, 64, 3)
    image = np.zeros([32, 20, 3], np.uint8)
    assert annotation.beside(image, panel.draw(joints[:0])).shape == (32, 52, 3)
