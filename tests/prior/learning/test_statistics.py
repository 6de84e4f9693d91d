import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.prior.gaussian import alignment
from tf_lift.prior.learning import statistics
from tf_lift.prior.learning.statistics import Moments, PoseData

SKELETON = skeletons.H36M_17


def test_moments_are_weighted_mean_and_covariance(rng):
    vectors, weights = rng.standard_normal([100, 6]) + 3.0, rng.uniform(0.1, 2.0, 100)

    moments = Moments.of(vectors[:30], weights[:30]) + Moments.of(vectors[30:], weights[30:])

    assert moments.weight == pytest.approx(weights.sum())
    np.testing.assert_allclose(moments.mean, np.average(vectors, axis=0, weights=weights))
    expected = np.cov(vectors.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(moments.covariance, expected, atol=1e-12)


def test_mirrored_moments_are_those_of_mirrored_poses(rng):
    poses, weights = rng.standard_normal([20, 17, 3]), rng.uniform(0.1, 2.0, 20)

    found = Moments.of(poses.reshape(20, -1), weights).mirrored(SKELETON)

    mirrored = alignment.mirror(poses, SKELETON).reshape(20, -1)
    expected = Moments.of(mirrored, weights)
    np.testing.assert_allclose(found.first, expected.first, atol=1e-12)
    np.testing.assert_allclose(found.second, expected.second, atol=1e-12)
    assert found.weight == expected.weight


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_chunks_come_in_order_centred_and_leave_the_poses_alone(rng, monkeypatch, dtype):
    monkeypatch.setattr(statistics, "CHUNK", 3)
    poses = rng.standard_normal([10, 17, 3]).astype(dtype)
    before = poses.copy()
    data = PoseData(poses, np.full(10, 0.1), SKELETON)

    chunks = list(data.map(lambda rows, chunk: (rows, chunk)))

    assert [rows.stop - rows.start for rows, _ in chunks] == [3, 3, 3, 1]
    together = np.concatenate([chunk for _, chunk in chunks])
    assert together.dtype == np.float64
    expected = poses.astype(np.float64)
    np.testing.assert_array_equal(together, expected - expected[:, :1])
    np.testing.assert_array_equal(poses, before)


def test_an_error_in_a_chunk_comes_out(rng, monkeypatch):
    monkeypatch.setattr(statistics, "CHUNK", 2)
    data = PoseData(rng.standard_normal([9, 17, 3]), np.full(9, 1 / 9), SKELETON)

    def fail(rows, poses):
        if rows.start == 4:
            raise ValueError("bad chunk")

    with pytest.raises(ValueError, match="bad chunk"):
        list(data.map(fail))


def test_a_subset_keeps_proportions(rng):
    weights = rng.uniform(0.5, 1.5, 50)
    data = PoseData(rng.standard_normal([50, 17, 3]), weights / weights.sum(), SKELETON)

    few = data.subset(20, seed=1)

    assert data.subset(50, seed=1) is data
    rows = [int(np.flatnonzero((data.poses == pose).all((1, 2)))[0]) for pose in few.poses]
    assert len(set(rows)) == 20
    assert rows == sorted(rows)
    np.testing.assert_allclose(few.weights, weights[rows] / weights[rows].sum())
    assert (data.subset(20, seed=2).poses != few.poses).any()


def test_poses_are_not_copied():
    for dtype in (np.float32, np.float64):
        poses = np.zeros([4, 17, 3], dtype)
        assert statistics.poses_array(poses) is poses
    assert statistics.poses_array(np.zeros([4, 17, 3], np.float16)).dtype == np.float64


def test_bad_values_are_counted_and_placed(monkeypatch):
    monkeypatch.setattr(statistics, "CHUNK", 4)
    poses = np.zeros([10, 17, 3], np.float32)
    poses[6, 3], poses[9, 0, 0] = np.nan, np.inf

    with pytest.raises(ValueError, match="4 NaN or infinite values of 510, the first in pose 6"):
        statistics.poses_array(poses)
    with pytest.raises(ValueError, match="`poses` must be an array of poses.*3.0"):
        statistics.poses_array(3.0)
