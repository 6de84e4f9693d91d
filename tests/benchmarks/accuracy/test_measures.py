import numpy as np
import pytest

from benchmarks.accuracy import measures


@pytest.fixture
def truth(rng):
    poses = 300 * rng.standard_normal([6, 17, 3])
    return poses - poses[:, [1, 4]].mean(1, keepdims=True)


def test_errors_are_over_the_limbs_and_relative_to_the_hips(truth):
    found = truth + [5.0, -7.0, 11.0]  # The place does not count.
    found[:, 8] += [0, 30, 40]  # The thorax: not a limb.
    found[:, 13] += [30, 0, 40]  # A wrist.
    result = measures.measure(found, truth)
    assert result["num_poses"] == 6 and result["num_failed"] == 0
    np.testing.assert_allclose(result["mpjpe_mm"], 50 / 12)
    np.testing.assert_allclose(result["mpjpe_all_mm"], 100 / 17)
    assert 0 < result["pa_mpjpe_mm"] < 10 and "within_1" not in result


def test_scale_and_rotation_are_found(truth):
    scaled = measures.measure(1.3 * truth, truth)
    np.testing.assert_allclose([scaled["n_mpjpe_mm"], scaled["n_mpjpe_all_mm"]], 0, atol=1e-3)
    assert scaled["mpjpe_mm"] > 50
    turned = measures.measure(truth[..., [1, 2, 0]], truth)
    np.testing.assert_allclose(turned["pa_mpjpe_mm"], 0, atol=1e-2)


def test_unknown_joints_do_not_count(truth):
    found, unknown = truth.copy(), truth.copy()
    found[:, [8, 16]] += 1000.0
    unknown[:, [8, 16]] = np.nan
    result = measures.measure(found, unknown, np.full([6, 17], 1.0))
    assert all(result[name] < 1e-3 for name in result if name.endswith("_mm"))
    assert result["within_1"] == result["within_1_all"] == 1


def test_shares_within_the_deviations(truth):
    found = truth.copy()
    found[:, 13] += [30, 0, 40]  # Off by 50 mm.
    for stddev, within_1, within_2 in ((51, 12, 12), (49, 11, 12), (26, 11, 12), (24, 11, 11)):
        result = measures.measure(found, truth, np.full([6, 17], float(stddev)))
        np.testing.assert_allclose(
            [result["within_1"], result["within_2"]], np.array([within_1, within_2]) / 12
        )
        np.testing.assert_allclose(result["within_1_all"], (within_1 + 4) / 16)


def test_failed_poses_are_counted_apart(truth):
    found = truth.copy()
    found[2] = np.nan
    result = measures.measure(found, truth, np.ones([6, 17]))
    assert result["num_poses"] == 6 and result["num_failed"] == 1
    np.testing.assert_allclose(result["mpjpe_mm"], 0, atol=1e-9)
    assert measures.measure(np.full_like(truth, np.nan), truth) == {"num_poses": 6, "num_failed": 6}
    assert measures.measure(truth[:0], truth[:0]) == {}


def test_bad_shape(truth):
    with pytest.raises(ValueError, match="must have shape"):
        measures.measure(truth[:, :16], truth[:, :16])
