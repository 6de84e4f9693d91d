"""Poses made of limbs and trunks of others."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion import recombination
from tf_lift.data.motion.recombination import draw, is_plausible, recombine

SKELETON = skeletons.CMU_17
INDEX = {name: index for index, name in enumerate(SKELETON.joint_names)}
PARENT, CHILD = np.array(SKELETON.bones).T


def lengths(poses):
    return np.linalg.norm(poses[:, CHILD] - poses[:, PARENT], axis=-1)


def angle(poses, *names):
    """Cosine of the angle at the middle of three joints."""
    first, middle, last = (poses[:, INDEX[name]] for name in names)
    a, b = first - middle, last - middle
    return np.sum(a * b, -1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))


@pytest.fixture
def all_plausible(monkeypatch):
    monkeypatch.setattr(recombination, "is_plausible", lambda poses, _: np.ones(len(poses), bool))


def test_bones_keep_their_lengths_and_the_pelvis_its_place(cmu_prior, rng, all_plausible):
    poses = cmu_prior.sample(40, seed=0)
    donors = cmu_prior.sample(200, seed=1).reshape(40, 5, 17, 3)
    made = recombine(poses, SKELETON, rng, donors, chance=0.7)
    assert np.mean(np.abs(made - poses).max((1, 2)) > 10.0) > 0.8
    np.testing.assert_allclose(lengths(made), lengths(poses), rtol=1e-9)
    fixed = [INDEX[name] for name in ("pelvis", "left_hip", "right_hip")]
    np.testing.assert_allclose(made[:, fixed], poses[:, fixed], atol=1e-9)


def test_parts_bring_the_angles_of_their_joints(cmu_prior, rng, all_plausible):
    poses = cmu_prior.sample(200, seed=0)
    donors = cmu_prior.sample(1000, seed=1).reshape(200, 5, 17, 3)
    made = recombine(poses, SKELETON, rng, donors, chance=1.0)
    for side, leg, arm in (("left", 1, 3), ("right", 2, 4)):
        knee = [f"{side}_{part}" for part in ("hip", "knee", "ankle")]
        elbow = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")]
        for names, own, shared in ((knee, leg, 1), (elbow, arm, 3)):
            found = angle(made, *names)
            from_own = np.isclose(found, angle(donors[:, own], *names), atol=1e-6)
            from_pair = np.isclose(found, angle(donors[:, shared], *names), atol=1e-6)
            assert (from_own | from_pair).all()
            # Both limbs of one donor in half of the poses.
            assert side == "left" or 0.35 < from_pair.mean() < 0.65
    # The trunk's bend at the chest is that of its donor.
    bend = ("pelvis", "spine", "thorax")
    np.testing.assert_allclose(angle(made, *bend), angle(donors[:, 0], *bend), atol=1e-6)


def test_a_pose_recombined_with_itself_stays(cmu_prior, rng, all_plausible):
    poses = cmu_prior.sample(20, seed=0)
    donors = np.repeat(poses[:, np.newaxis], 5, axis=1)
    np.testing.assert_allclose(recombine(poses, SKELETON, rng, donors, 1.0), poses, atol=1e-6)


def test_turning_everything_turns_the_result(cmu_prior):
    poses = cmu_prior.sample(20, seed=0)
    donors = cmu_prior.sample(100, seed=1).reshape(20, 5, 17, 3)
    turn = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    made, turned = (
        recombine(a, SKELETON, np.random.default_rng(0), b)
        for a, b in ((poses, donors), (poses @ turn.T, donors))
    )
    # Only angles within the donors count, not the way that they face.
    np.testing.assert_allclose(turned, made @ turn.T, atol=1e-6)


def test_people_who_would_fall_are_refused(cmu_prior):
    standing = cmu_prior.mean_pose[:1]
    assert is_plausible(standing, SKELETON).all()
    leaning = standing.copy()
    above = standing[..., 2] > standing[..., 2].min() + 200.0
    leaning[..., 1] -= np.where(above, 0.5 * standing[..., 2], 0.0) + 400.0 * above
    assert not is_plausible(leaning, SKELETON).any()


def test_limbs_within_the_trunk_are_refused(cmu_prior):
    crossed = cmu_prior.mean_pose[:1].copy()
    crossed[0, INDEX["left_wrist"]] = crossed[0, INDEX["spine"]]
    assert not is_plausible(crossed, SKELETON).any()


def test_what_is_refused_stays_as_it_was(cmu_prior, rng, monkeypatch):
    monkeypatch.setattr(recombination, "is_plausible", lambda poses, _: np.zeros(len(poses), bool))
    poses = cmu_prior.sample(6, seed=0)
    donors = cmu_prior.sample(30, seed=1).reshape(6, 5, 17, 3)
    np.testing.assert_array_equal(recombine(poses, SKELETON, rng, donors, 1.0), poses)


def test_drawn_poses_follow_the_seed_the_share_and_the_weights(cmu_prior):
    poses = cmu_prior.sample(50, seed=0) + 100.0
    weights = np.where(np.arange(50) < 10, 0.1, 0.0)

    def drawn(seed, share):
        return draw(poses, SKELETON, np.random.default_rng(seed), 400, share=share, weights=weights)

    np.testing.assert_array_equal(drawn(0, 0.5), drawn(0, 0.5))
    assert (drawn(0, 0.5) != drawn(1, 0.5)).any()
    relative = poses[:10] - poses[:10, :1]
    changed = {}
    for share in (0.0, 0.5, 1.0):
        distance = np.abs(drawn(0, share)[:, np.newaxis] - relative).max((2, 3)).min(1)
        changed[share] = np.mean(distance > 1.0)
    assert changed[0.0] == 0.0
    assert 0.2 < changed[0.5] < 0.5 < changed[1.0]


def test_bad_input_is_named(cmu_prior, rng):
    poses = cmu_prior.sample(4, seed=0)
    with pytest.raises(ValueError, match="`share` must be from 0 to 1"):
        draw(poses, SKELETON, rng, 4, share=1.5)
    with pytest.raises(ValueError, match="`count` must be at least 1"):
        draw(poses, SKELETON, rng, 0, share=0.5)
    with pytest.raises(ValueError, match=r"donors.shape=\(4, 3, 17, 3\)"):
        recombine(poses, SKELETON, rng, np.zeros([4, 3, 17, 3]))
    with pytest.raises(ValueError, match="`skeleton` must have the joints of h36m17"):
        is_plausible(np.zeros([1, 17, 3]), skeletons.COCO_17)
