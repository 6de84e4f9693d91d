import numpy as np
import pytest

import tf_lift
from benchmarks.accuracy import marks
from tf_lift import skeletons

INDEX = skeletons.H36M_17.joint_names.index
LEFT, RIGHT = INDEX("left_shoulder"), INDEX("right_shoulder")


@pytest.fixture(scope="module")
def poses():
    return tf_lift.PosePrior.load("cmu").sample(200, seed=1)


def distance(poses, first, second):
    return np.linalg.norm(poses[:, INDEX(first)] - poses[:, INDEX(second)], axis=-1)


def test_cmu_is_left_as_it_is(poses, rng):
    moved = marks.displace(poses, marks.MARKS["cmu"], rng)
    others = np.arange(17) != 0  # The pelvis becomes the middle of the hips.
    np.testing.assert_allclose(moved[:, others], poses[:, others], atol=1e-9)
    np.testing.assert_allclose(moved[:, 0], poses[:, [1, 4]].mean(1), atol=1e-9)


@pytest.mark.parametrize("name", marks.MARKS)
def test_factors_are_within_their_ranges(poses, rng, name):
    its = marks.MARKS[name]
    moved = marks.displace(poses, its, rng)
    for part, ends in (
        ("hips", ("left_hip", "right_hip")),
        ("shoulders", ("left_shoulder", "right_shoulder")),
        ("forearms", ("left_elbow", "left_wrist")),
        ("forearms", ("right_elbow", "right_wrist")),
    ):
        factor = distance(moved, *ends) / distance(poses, *ends)
        low, high = getattr(its, part)
        assert low - 1e-9 <= factor.min() and factor.max() <= high + 1e-9
        assert np.ptp(factor) >= 0.8 * (high - low)
    lacking = [skeletons.H36M_17.joint_names[j] for j in np.nonzero(np.isnan(moved[0, :, 0]))[0]]
    assert tuple(lacking) == its.lacking


def test_human36m_proportions(poses, rng):
    moved = marks.displace(poses, marks.MARKS["h36m17"], rng)
    neck = distance(moved, "thorax", "neck_nose")
    assert 107 <= neck.min() and neck.max() <= 121
    np.testing.assert_allclose(distance(moved, "neck_nose", "head_top"), 115)
    np.testing.assert_allclose(moved[:, INDEX("thorax")], moved[:, [LEFT, RIGHT]].mean(1))
    # Where the data set's people are: hips 239 to 293 mm apart (CMU's 175), shoulders 257 to 328.
    assert 225 < np.median(distance(moved, "left_hip", "right_hip")) < 310
    assert 250 < np.median(distance(moved, "left_shoulder", "right_shoulder")) < 335


def test_the_front_is_in_front(rng):
    """A person who stands upright, faces +y and has the left side at -x."""
    pose = np.zeros([1, 17, 3])
    for side, x in (("left", -1.0), ("right", 1.0)):
        pose[0, INDEX(f"{side}_hip")] = [80 * x, 0, 900]
        pose[0, INDEX(f"{side}_shoulder")] = [180 * x, 0, 1400]
    for name, z in (("pelvis", 900), ("thorax", 1430), ("neck_nose", 1530), ("head_top", 1630)):
        pose[0, INDEX(name)] = [0, 0, z]
    its = marks.Marks(
        neck=(100.0, 100.0),
        neck_forward=(30.0, 30.0),
        head=(115.0, 115.0),
        hips_up=(20.0, 20.0),
        shoulders_up=(-30.0, -30.0),
    )
    moved = marks.displace(pose, its, rng)[0]
    np.testing.assert_allclose(moved[INDEX("left_hip")], [-80, 0, 920], atol=1e-9)
    np.testing.assert_allclose(moved[INDEX("pelvis")], [0, 0, 920], atol=1e-9)
    np.testing.assert_allclose(moved[LEFT], [-180, 0, 1370], atol=1e-9)
    up = 1370 + 100 * np.cos(np.radians(30))
    np.testing.assert_allclose(moved[INDEX("neck_nose")], [0, 50, up], atol=1e-9)
    np.testing.assert_allclose(moved[INDEX("head_top")], [0, 50, up + 115], atol=1e-9)
    its = marks.Marks(head_up=(10.0, 10.0), head_forward=(20.0, 20.0))
    moved = marks.displace(pose, its, rng)[0]
    np.testing.assert_allclose(moved[INDEX("head_top")], [0, 20, 1640], atol=1e-9)


def test_a_turned_person_has_turned_marks(poses):
    turn = np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]])
    for name in marks.MARKS:
        straight, turned = (
            marks.displace(given, marks.MARKS[name], np.random.default_rng(0))
            for given in (poses, poses @ turn.T)
        )
        np.testing.assert_allclose(turned, straight @ turn.T, atol=1e-6)
