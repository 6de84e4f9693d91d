"""Tests that a converted prior has the poses, densities and lifts of the other skeleton."""

import numpy as np
import pytest

import tf_lift
from tf_lift import PosePrior, skeletons
from tf_lift.prior import conversion


def make_prior(skeleton, rng, num_bases=5, size=2):
    joints = skeletons.get(skeleton).num_joints
    basis = rng.standard_normal([size, num_bases, joints * 3])
    basis = np.linalg.qr(basis.swapaxes(1, 2))[0].swapaxes(1, 2)
    return PosePrior(
        mean_pose=rng.standard_normal([size, joints, 3]) * 300 + [900, 0, 400],
        basis=basis.reshape(size, num_bases, joints, 3),
        stddev=np.sort(rng.uniform(50, 300, [size, num_bases]))[:, ::-1],
        noise_stddev=rng.uniform(10, 20, size),
        mixture_weights=np.array([0.3, 0.7])[:size],
        skeleton=skeleton,
        credit="nobody",
    )


def covariance(prior, k):
    flat = prior.basis[k].reshape(prior.num_bases, -1)
    return flat.T @ np.diag(prior.stddev[k] ** 2) @ flat


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("coco17", "openpose18"),
        ("h36m17", "mpii16"),
        ("mediapipe33", "coco17"),
        ("mpii16", "lsp14"),
    ],
)
def test_mean_and_covariance_are_those_of_the_combined_joints(source, target, rng):
    prior = make_prior(source, rng)
    converted = conversion.convert(prior, target, approximate=True)
    weights = skeletons.joint_map(source, target, approximate=True).astype(np.float64)
    assert converted.skeleton == target
    assert converted.credit == "nobody"
    np.testing.assert_array_equal(converted.mixture_weights, prior.mixture_weights)
    for k in range(2):
        mean = weights @ prior.mean_pose[k]
        np.testing.assert_allclose(converted.mean_pose[k], mean - mean[0], atol=1e-4)
        # The full computation: the pose as one vector, relative to its joint 0.
        matrix = np.kron(weights - weights[:1], np.eye(3))
        expected = matrix @ covariance(prior, k) @ matrix.T
        np.testing.assert_allclose(covariance(converted, k), expected, atol=1e-2)
        # The same total variance of the noise, spread evenly over the joints.
        noise = prior.noise_stddev[k] ** 2 * np.trace(weights @ weights.T)
        actual = converted.noise_stddev[k] ** 2 * converted.num_joints
        np.testing.assert_allclose(actual, noise, rtol=1e-6)
    assert not converted.mean_pose[:, 0].any()
    np.testing.assert_allclose(converted.basis[:, :, 0], 0, atol=1e-12)


def test_samples_are_converted_samples(rng):
    prior = make_prior("h36m17", rng)
    converted = prior
    for name in ("mpii16", "lsp14"):
        converted = conversion.convert(converted, name, approximate=True)
    expected = skeletons.convert(prior.sample(40_000, seed=1), "h36m17", "lsp14", approximate=True)
    expected = expected.points - expected.points[:, :1]
    actual = converted.sample(40_000, seed=2)
    # The standard error of a mean is 800 mm / sqrt(40,000) = 4 mm; allow 4 of them.
    np.testing.assert_allclose(actual.mean(0), expected.mean(0), atol=16)
    np.testing.assert_allclose(actual.std(0), expected.std(0), atol=16)


def test_lifts_landmarks_as_the_prior_does_with_the_rest_missing(rng):
    """From MPII to LSP joints are picked, not combined, so that nothing is approximated."""
    prior = make_prior("mpii16", rng)
    converted = tf_lift.prior.convert(prior, "lsp14")
    np.testing.assert_allclose(converted.noise_stddev, prior.noise_stddev)
    poses = prior.sample(6, seed=4, noise=True)
    landmarks = skeletons.convert(poses[..., [0, 2]] * [0.3, -0.3], "mpii16", "lsp14")
    whole = skeletons.convert(landmarks.points, "lsp14", "mpii16")
    # LSP has neither joint: converting would average hips and shoulders.
    visible = np.array([name not in ("pelvis", "thorax") for name in skeletons.MPII_16.joint_names])
    assert whole.visibility[:, visible].all()
    expected = tf_lift.lift(np.nan_to_num(whole.points), prior, [visible] * 6, camera="level")
    actual = tf_lift.lift(landmarks.points, converted, camera="level")
    for name in ("mixture_index", "rotation_angle", "scale", "energy"):
        np.testing.assert_allclose(actual[name], expected[name], rtol=1e-4)
    joints_3d = skeletons.convert(expected["joints_3d"].numpy(), "mpii16", "lsp14").points
    np.testing.assert_allclose(actual["joints_3d"], joints_3d - joints_3d[:, :1], atol=0.5)


def test_shipped_prior_stands_on_its_right_ankle():
    converted = conversion.convert(PosePrior.load("cmu"), "lsp14", approximate=True)
    for pose in converted.mean_pose:
        joints = dict(zip(skeletons.LSP_14.joint_names, pose, strict=True))
        assert not joints["right_ankle"].any()
        height = [joints[name][2] for name in ("left_ankle", "left_knee", "left_hip", "neck")]
        assert np.all(np.diff([*height, joints["head_top"][2]]) > 0)
    # The upright component has the height of a person, less that of the ankle.
    assert 1450 < converted.mean_pose[:, -1, 2].max() < 1800


def test_own_skeleton_changes_nothing_but_the_origin(tiny_prior, rng):
    converted = conversion.convert(tiny_prior, "h36m17")
    for k in range(2):
        np.testing.assert_allclose(covariance(converted, k), covariance(tiny_prior, k), atol=1e-6)
    np.testing.assert_allclose(converted.mean_pose, tiny_prior.mean_pose, atol=1e-9)
    np.testing.assert_allclose(converted.noise_stddev, tiny_prior.noise_stddev)
    poses = tiny_prior.sample(4, seed=2)
    np.testing.assert_allclose(
        converted.log_likelihood(poses), tiny_prior.log_likelihood(poses), rtol=1e-9
    )


def test_more_bases_than_coordinates_and_still_ones(rng):
    """45 bases of 17 joints become 42 of 14; some move no joint of the other skeleton."""
    prior = make_prior("h36m17", rng, num_bases=45)
    converted = conversion.convert(prior, "lsp14", approximate=True)
    assert converted.num_bases == 42
    # Joint 0 does not move, so that three directions have no variance.
    assert ((converted.stddev > 1e-2).sum(1) == 39).all()
    basis = np.zeros([1, 2, 17, 3])
    basis[0, 0, 7] = [1, 0, 0]  # The spine, which LSP lacks.
    basis[0, 1, 3] = [0, 0.6, 0.8]
    still = PosePrior(prior.mean_pose[:1], basis, [[100.0, 50.0]], [10.0], [1.0])
    converted = conversion.convert(still, "lsp14", approximate=True)
    assert np.isfinite(converted.basis).all()
    np.testing.assert_allclose(converted.stddev[0], [50 * np.sqrt(14 - 1), 1e-3], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "approximate", "message"),
    [
        ("coco17", False, r"h36m17\. Received: coco17, with nose, .*right_ear in addition$"),
        ("lsp14", False, "lsp14, with neck in addition; `approximate=True` gives neck$"),
        ("openpose18", True, "with nose, right_eye, left_eye, right_ear, left_ear in addition$"),
        ("spider", False, "`skeleton` must be one of .*'spider'"),
    ],
)
def test_skeletons_that_the_prior_does_not_reach(tiny_prior, name, approximate, message):
    with pytest.raises(ValueError, match=message):
        conversion.convert(tiny_prior, name, approximate=approximate)
