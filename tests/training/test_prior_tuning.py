"""Tests that tuning a prior lowers errors, is seeded, and names bad input."""

import dataclasses

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.motion.bodies import BodyVariation
from tf_lift.layers import TrainablePPCALifting
from tf_lift.prior import PosePrior
from tf_lift.prior.gaussian import alignment, symmetry
from tf_lift.training import prior_tuning
from tf_lift.training.prior_tuning import TuningConfig, draw_views, tune

QUICK = TuningConfig(steps=30, batch_size=32, num_rotations=6, learning_rate=1e-2)


def mean_error(prior, views):
    layer = TrainablePPCALifting(prior, QUICK.num_rotations, QUICK.temperature)
    lifted = layer(np.float32(views[..., :2])).numpy()
    return np.linalg.norm(lifted - views, axis=-1).mean()


@pytest.fixture(scope="module")
def wrong_prior(tiny_prior):
    rng = np.random.default_rng(1)
    return PosePrior(
        mean_pose=tiny_prior.mean_pose + 40 * rng.standard_normal(tiny_prior.mean_pose.shape),
        basis=tiny_prior.basis,
        stddev=tiny_prior.stddev,
        noise_stddev=tiny_prior.noise_stddev,
        mixture_weights=tiny_prior.mixture_weights,
        credit="thanks",
    )


def test_a_tuned_prior_lifts_better(tiny_prior, wrong_prior, rng):
    poses = tiny_prior.sample(300, seed=3)
    progress = []
    tuned = tune(
        wrong_prior, poses, config=QUICK, on_progress=lambda *values: progress.append(values)
    )
    # Poses that are not training data.
    views = draw_views(tiny_prior.sample(200, seed=4), skeletons.H36M_17, rng, 200)
    assert mean_error(tuned, views) < 0.8 * mean_error(wrong_prior, views)
    assert tuned.credit == "thanks"
    fractions, errors = zip(*progress, strict=True)
    np.testing.assert_allclose(fractions, np.arange(1, 31) / 30)
    assert errors[-1] < errors[0]


def test_the_same_seed_gives_the_same_prior(tiny_prior):
    poses = tiny_prior.sample(50, seed=3)
    config = TuningConfig(steps=2, batch_size=8, num_rotations=4)
    first, second = (tune(tiny_prior, poses, config=config) for _ in range(2))
    np.testing.assert_array_equal(first.mean_pose, second.mean_pose)
    other = tune(
        tiny_prior, poses, config=TuningConfig(steps=2, batch_size=8, num_rotations=4, seed=1)
    )
    assert (other.mean_pose != first.mean_pose).any()


def test_views_are_the_poses_turned_or_mirrored(tiny_prior, rng):
    poses = tiny_prior.sample(5, seed=0)
    views = draw_views(poses, skeletons.H36M_17, rng, 40)
    np.testing.assert_array_equal(views[:, 0], 0)
    centred = poses - poses[:, :1]
    swap = list(skeletons.H36M_17.swap)
    both = np.concatenate([centred, centred[:, swap] * [-1, 1, 1]])
    found = []
    for view in views:
        # A turn about the vertical changes neither heights nor distances from the axis.
        heights = np.abs(-view[:, 1] - both[..., 2]).max(axis=1)
        radii = np.hypot(view[:, 0], view[:, 2]) - np.hypot(both[..., 0], both[..., 1])
        match = np.flatnonzero((heights < 1e-9) & (np.abs(radii).max(axis=1) < 1e-9))
        # One angle turns all joints, so that the view is no mirror image.
        turns = np.arctan2(view[:, 2], view[:, 0]) - np.arctan2(
            both[match[0], :, 1], both[match[0], :, 0]
        )
        spread = np.abs(np.exp(1j * turns[3:]) - np.exp(1j * turns[3])).max()
        assert spread < 1e-6
        found.append(match[0])
    assert {index < 5 for index in found} == {True, False}


def test_groups_count_the_same(tiny_prior, rng):
    # One pose of 100 is a whole clip, so that half of the views show it.
    poses = np.tile(tiny_prior.sample(1, seed=0), [100, 1, 1])
    poses[0] *= 2
    views = draw_views(poses, skeletons.H36M_17, rng, 400, groups=np.arange(100) > 0)
    heights = np.ptp(views[..., 1], axis=1)
    assert 0.4 < (heights > 1.5 * heights.min()).mean() < 0.6


def test_bodies_vary_where_asked(tiny_prior, rng, monkeypatch):
    calls = []
    monkeypatch.setattr(
        prior_tuning, "vary_bodies", lambda poses, *others: calls.append(others[-1]) or poses
    )
    bodies = BodyVariation(bones=0.05)
    draw_views(tiny_prior.sample(2, seed=0), skeletons.H36M_17, rng, 4, bodies=bodies)
    draw_views(tiny_prior.sample(2, seed=0), skeletons.H36M_17, rng, 4)
    assert calls == [bodies]


def test_a_tuned_prior_is_its_own_mirror_image(tiny_prior, wrong_prior):
    poses = tiny_prior.sample(100, seed=3)
    # One mixture of two components of their own image, and one of a pair.
    first, second = (part[:1] for part in (wrong_prior.mean_pose, wrong_prior.basis))
    image = [alignment.mirror(part, skeletons.H36M_17) for part in (first, second)]
    pair = dataclasses.replace(
        wrong_prior,
        mean_pose=np.concatenate([first, image[0]]),
        basis=np.concatenate([second, image[1]]),
        stddev=wrong_prior.stddev[[0, 0]],
        noise_stddev=wrong_prior.noise_stddev[[0, 0]],
    )
    for prior, partners in ((tiny_prior, [0, 1]), (pair, [1, 0])):
        tuned = tune(prior, poses, config=dataclasses.replace(QUICK, steps=5))
        assert symmetry.mirror_error(tuned, skeletons.H36M_17) < 1e-6
        assert symmetry.partners_of(tuned, skeletons.H36M_17).tolist() == partners
        assert np.abs(tuned.mean_pose - prior.mean_pose).max() > 0.1
        np.testing.assert_allclose(tuned.mean_pose[:, 0], 0.0, atol=1e-9)
        np.testing.assert_allclose(tuned.basis[:, :, 0], 0.0, atol=1e-9)


@pytest.mark.parametrize(
    ("poses", "groups", "message"),
    [
        (np.zeros([4, 16, 3]), None, r"`poses` must have shape \[N, 17, 3\]"),
        (np.zeros([0, 17, 3]), None, r"`poses` must have shape \[N, 17, 3\]"),
        (np.full([4, 17, 3], np.nan), None, "`poses` must be finite"),
        (np.ones([4, 17, 3]), np.zeros(3), r"`groups` must have shape \[4\]"),
    ],
)
def test_bad_input_is_named(tiny_prior, poses, groups, message):
    with pytest.raises(ValueError, match=message):
        tune(tiny_prior, poses, groups, QUICK)


@pytest.mark.parametrize(
    "settings",
    [{"steps": 0}, {"learning_rate": 0.0}, {"temperature": -1.0}],
)
def test_bad_settings_are_named(settings):
    with pytest.raises(ValueError, match=f"`{next(iter(settings))}` must"):
        TuningConfig(**settings)
