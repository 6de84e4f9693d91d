import numpy as np
import pytest

from tf_lift import skeletons


@pytest.fixture
def masks():
    from benchmarks.lift import masks

    return masks


def _missing(drawn):
    assert drawn.dtype == bool and drawn.shape[1] == 17
    return (~drawn).sum(1)


def test_random_masks_hide_every_number_of_any_landmarks(masks, rng):
    drawn = masks.random(rng, 3000, 17, 6)
    counts = np.bincount(_missing(drawn))
    # 429 each, standard deviation 19.
    assert len(counts) == 7 and counts.min() > 350 and counts.max() < 510
    # 3000 x 3 / 17 = 529 each, standard deviation 22.
    np.testing.assert_allclose((~drawn).sum(0), 529, atol=100)
    assert len(np.unique(masks.random(rng, 500, 17, 6, distinct=8), axis=0)) <= 8


def test_every_number_of_missing_landmarks_is_as_frequent(masks, rng):
    drawn = masks.every_number(rng, 31, 17, 14)
    assert sorted(np.bincount(_missing(drawn))) == [2] * 14 + [3]
    assert list(_missing(drawn)) != sorted(_missing(drawn))


def test_independent_masks_hide_each_landmark_with_the_probability(masks, rng):
    drawn = masks.independent(rng, 4000, 17, 0.15)
    # 600 each, standard deviation 23.
    np.testing.assert_allclose((~drawn).sum(0), 600, atol=100)
    assert len(np.unique(_missing(drawn))) > 6


def test_upper_bodies_have_no_legs(masks, rng):
    drawn = masks.upper_bodies(rng, 1000, "h36m17")
    names = np.array(skeletons.get("h36m17").joint_names)
    legs = np.isin(names, [f"{s}_{p}" for s in ("left", "right") for p in ("hip", "knee", "ankle")])
    assert legs.sum() == 6 and not drawn[:, legs].any()
    assert set(_missing(drawn)) == set(range(8, 13))
    assert drawn[:, ~legs].any(0).all() and not drawn[:, ~legs].all(0).any()


@pytest.mark.parametrize("count", [9, 17])
def test_one_pose_alone_lacks_landmarks(masks, rng, count):
    missing = _missing(masks.one_pose(rng, 50, 17, count))
    assert sorted(missing) == [0] * 49 + [count]
