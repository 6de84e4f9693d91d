import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.prior.gaussian import alignment
from tf_lift.prior.learning import clustering
from tf_lift.prior.learning.statistics import Moments, PoseData

SKELETON = skeletons.H36M_17


@pytest.fixture
def model(tiny_prior):
    """The tiny prior's first component as a single model."""
    basis = tiny_prior.basis[0].reshape(4, -1)
    return tiny_prior.mean_pose[0].ravel(), basis, tiny_prior.stddev[0], 15.0


@pytest.mark.parametrize("mirror", [True, False])
def test_clusters_are_those_of_the_nearest_centres(tiny_prior, model, rng, mirror):
    poses = tiny_prior.sample(60, seed=1, noise=True)
    poses -= poses[:, :1]
    weights = rng.uniform(0.5, 1.5, 60)
    data = PoseData(poses, weights / weights.sum(), SKELETON, mirror)
    angles = rng.uniform(-np.pi, np.pi, 60)

    found = clustering.cluster_moments(data, angles, model, 3, seed=4)

    sides = [alignment.rotate(poses, angles).reshape(60, -1)]
    image = None
    if mirror:
        basis = model[1].reshape(-1, 17, 3)
        image = alignment.mirror(basis, SKELETON).reshape(len(basis), -1) @ model[1].T
        sides.append(alignment.mirror(sides[0].reshape(60, 17, 3), SKELETON).reshape(60, -1))
    vectors, shares = np.concatenate(sides), np.tile(data.weights / len(sides), len(sides))
    points = (vectors - model[0]) @ model[1].T
    centres = clustering.find_centres(points, shares, 3, np.random.default_rng(4), image)
    nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
    for k in range(3):
        expected = Moments.of(vectors[nearest == k], shares[nearest == k])
        assert found[k].weight == pytest.approx(expected.weight)
        np.testing.assert_allclose(found[k].first, expected.first, atol=1e-9)
        np.testing.assert_allclose(found[k].second, expected.second, atol=1e-6)
    assert sum(moments.weight for moments in found) == pytest.approx(1.0)


def test_lloyd_steps_lower_the_distance(rng):
    groups = rng.standard_normal([4, 2]) * 100.0
    points = np.repeat(groups, 25, axis=0) + rng.standard_normal([100, 2])
    weights = np.full(100, 0.01)

    centres = clustering.find_centres(points, weights, 4, np.random.default_rng(0))

    nearest = np.linalg.norm(points[:, None] - centres, axis=-1).argmin(axis=1)
    for k in range(4):
        np.testing.assert_allclose(centres[k], points[nearest == k].mean(axis=0))
    assert sorted(np.bincount(nearest)) == [25, 25, 25, 25]


def test_centres_are_their_own_mirror_images(rng):
    image = np.diag([-1.0, 1.0, 1.0])
    points = rng.standard_normal([300, 3]) * [200.0, 100.0, 50.0]
    points = np.concatenate([points, points @ image])
    for count in (1, 4, 7):
        centres = clustering.find_centres(
            points, np.full(600, 1 / 600), count, np.random.default_rng(0), image
        )
        distance = np.linalg.norm(centres[:, np.newaxis] - centres @ image, axis=-1)
        np.testing.assert_allclose(distance.min(1), 0.0, atol=1e-9)
        assert sorted(distance.argmin(1)) == list(range(count))


def test_centres_of_few_poses_are_near(tiny_prior, model, monkeypatch):
    # Two kinds of pose are far apart, so that half of the poses suffice to find them.
    poses = np.repeat(tiny_prior.mean_pose, 50, axis=0)
    poses += np.random.default_rng(3).standard_normal(poses.shape)
    poses[50:, :, 2] *= 0.5
    poses -= poses[:, :1]
    data = PoseData(poses, np.full(100, 0.01), SKELETON, mirror=False)
    monkeypatch.setattr(clustering, "MAX_POSES", 50)

    moments = clustering.cluster_moments(data, np.zeros(100), model, 2, seed=0)

    np.testing.assert_allclose([part.weight for part in moments], 0.5)


def test_more_clusters_than_poses_are_refused(model):
    data = PoseData(np.ones([10, 17, 3]), np.full(10, 0.1), SKELETON, mirror=False)

    with pytest.raises(ValueError, match="`mixture_size` must be at most the number.*2"):
        clustering.cluster_moments(data, np.zeros(10), model, 2, seed=0)
