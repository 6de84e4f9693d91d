"""Bodies of other widths, lengths and stature."""

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion.bodies import LEG_PER_STATURE, BodyVariation, vary_bodies

SKELETON = skeletons.CMU_17
INDEX = {name: index for index, name in enumerate(SKELETON.joint_names)}
SAME = {"bones": 0.0, "stature": 0.0, "own_widths": 0.0}


def length(poses, first, second):
    return np.linalg.norm(poses[:, INDEX[first]] - poses[:, INDEX[second]], axis=-1)


def stature(poses):
    legs = sum(
        length(poses, f"{side}_hip", f"{side}_knee")
        + length(poses, f"{side}_knee", f"{side}_ankle")
        for side in ("left", "right")
    )
    return legs / 2 / LEG_PER_STATURE


@pytest.mark.parametrize(
    ("name", "ends", "moving"),
    [
        ("hips", ("left_hip", "right_hip"), ("hip", "knee", "ankle")),
        ("shoulders", ("left_shoulder", "right_shoulder"), ("shoulder", "elbow", "wrist")),
    ],
)
def test_widths_are_uniform_in_their_range_and_limbs_follow(cmu_prior, rng, name, ends, moving):
    poses = cmu_prior.sample(2000, seed=0)
    varied = vary_bodies(poses, SKELETON, rng, BodyVariation(**SAME, **{name: (0.1, 0.19)}))
    share = length(varied, *ends) / stature(poses)
    assert 0.1 <= share.min() < 0.102
    assert 0.188 < share.max() <= 0.19
    np.testing.assert_allclose(np.mean(share), 0.145, atol=0.002)
    np.testing.assert_allclose(stature(varied), stature(poses), rtol=1e-6)
    moved = {INDEX[f"{side}_{part}"] for side in ("left", "right") for part in moving}
    others = [index for index in range(17) if index not in moved]
    np.testing.assert_allclose(varied[:, others], poses[:, others], atol=1e-9)
    for side in ("left", "right"):
        top, *below = (INDEX[f"{side}_{part}"] for part in moving)
        for joint in below:
            np.testing.assert_allclose(
                varied[:, joint] - varied[:, top], poses[:, joint] - poses[:, top], atol=1e-6
            )
    # Both sides by as much, so that the middle stays.
    ends = [INDEX[end] for end in ends]
    np.testing.assert_allclose(varied[:, ends].mean(1), poses[:, ends].mean(1), atol=1e-6)


def test_forearms_keep_their_direction(cmu_prior, rng):
    poses = cmu_prior.sample(500, seed=0)
    varied = vary_bodies(poses, SKELETON, rng, BodyVariation(**SAME, forearm=(0.15, 0.15)))
    both = sum(length(varied, f"{side}_elbow", f"{side}_wrist") for side in ("left", "right")) / 2
    np.testing.assert_allclose(both / stature(poses), 0.15, rtol=1e-6)
    before, after = (p[:, INDEX["left_wrist"]] - p[:, INDEX["left_elbow"]] for p in (poses, varied))
    cosine = np.sum(before * after, -1)
    cosine /= np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    np.testing.assert_allclose(cosine, 1.0, atol=1e-9)


def test_a_share_keeps_its_widths(cmu_prior, rng):
    poses = cmu_prior.sample(1000, seed=0)
    variation = BodyVariation(0.0, 0.0, hips=(0.15, 0.15), forearm=(0.2, 0.2), own_widths=0.3)
    varied = vary_bodies(poses, SKELETON, rng, variation)
    kept = np.abs(varied - poses).max((1, 2)) < 1e-9
    assert 0.25 < kept.mean() < 0.35
    np.testing.assert_allclose(
        length(varied, "left_hip", "right_hip")[~kept] / stature(varied)[~kept], 0.15, rtol=1e-6
    )


def test_stature_scales_all_bones(cmu_prior, rng):
    poses = cmu_prior.sample(3000, seed=0)
    varied = vary_bodies(poses, SKELETON, rng, BodyVariation(bones=0.0, stature=0.04))
    factor = stature(varied) / stature(poses)
    np.testing.assert_allclose(np.log(factor).std(), 0.04, rtol=0.1)
    relative = varied - varied[:, :1]
    expected = factor[:, np.newaxis, np.newaxis] * (poses - poses[:, :1])
    np.testing.assert_allclose(relative, expected, atol=1e-6)


def test_the_same_seed_gives_the_same_bodies(cmu_prior):
    poses = cmu_prior.sample(5, seed=0)
    variation = BodyVariation(hips=(0.1, 0.19), shoulders=(0.15, 0.23), forearm=(0.14, 0.17))
    first, second, other = (
        vary_bodies(poses, SKELETON, np.random.default_rng(seed), variation) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize(
    "settings",
    [
        {"own_widths": 1.5},
        {"bones": -0.1},
        {"stature": np.nan},
        {"hips": (0.2, 0.1)},
        {"shoulders": (20.0, 30.0)},
    ],
)
def test_bad_settings_are_named(settings):
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` must"):
        BodyVariation(**settings)
