import json
import math

import numpy as np
import pytest

import tf_lift
from tf_lift import skeletons
from tf_lift.inference import pose_files, poses

pytestmark = pytest.mark.usefixtures("untraced_lifts")

NAMES = skeletons.H36M_17.joint_names


@pytest.fixture
def openpose(tiny_prior, rng):
    """OpenPose landmarks [5, 18, 2] of poses of the prior, ears beside `head_top`."""
    world = tiny_prior.sample(5, seed=3)
    landmarks = 0.2 * np.stack([world[..., 0], -world[..., 2]], -1) + [300, 200]
    index = skeletons.OPENPOSE_18.joint_names.index
    mapped = skeletons.joint_map(skeletons.H36M_17, skeletons.OPENPOSE_18) @ landmarks
    head = landmarks[:, NAMES.index("head_top")]
    mapped[:, index("left_ear")] = head + [9, 1]
    mapped[:, index("right_ear")] = head - [9, 1]
    mapped[:, index("nose")] = rng.normal(size=[5, 2]) * 1000  # Must not matter.
    return landmarks, mapped


def test_joints_are_mapped_and_the_rest_is_missing(tiny_prior, openpose):
    landmarks, mapped = openpose
    found = poses.lift_landmarks(mapped, tiny_prior, "openpose18")
    visible = np.array([name not in ("spine", "thorax", "neck_nose") for name in NAMES])
    np.testing.assert_array_equal(found.visibility, np.tile(visible, [5, 1]))
    expected = landmarks.copy()
    expected[:, 0] = (landmarks[:, 1] + landmarks[:, 4]) / 2
    np.testing.assert_allclose(found.landmarks[:, visible], expected[:, visible], atol=1e-4)
    assert np.isnan(found.landmarks[:, ~visible]).all()
    narrowed = tf_lift.prior.narrow(tiny_prior, "openpose18")
    direct = tf_lift.lift(expected.astype(np.float32), narrowed, visibility=[visible] * 5)
    np.testing.assert_allclose(found.joints_3d, direct["joints_3d"], atol=0.5)
    np.testing.assert_allclose(found.projected_landmarks, direct["landmarks"], atol=0.2)
    np.testing.assert_allclose(found.scale, direct["scale"], rtol=1e-3)


@pytest.mark.parametrize("how", ["nan", "score", "zero"])
def test_one_hip_missing_takes_the_pelvis_along(tiny_prior, openpose, how):
    _, mapped = openpose
    scores = np.full([5, 18], 0.8)
    hip = skeletons.OPENPOSE_18.joint_names.index("left_hip")
    if how == "nan":
        mapped[2, hip, 1] = np.nan
    else:
        scores[2, hip] = 0.29 if how == "score" else 0.0
    found = poses.lift_landmarks(
        mapped, tiny_prior, "openpose18", scores, min_score=0.0 if how == "zero" else 0.3
    )
    hidden = {name for name, seen in zip(NAMES, found.visibility[2], strict=True) if not seen}
    assert hidden == {"spine", "thorax", "neck_nose", "left_hip", "pelvis"}
    assert (found.visibility[[0, 1, 3, 4]].sum(1) == 14).all()
    assert (found.scores[2][found.visibility[2]] == 0.8).all()
    assert (found.scores[2][~found.visibility[2]] == 0).all()
    assert np.isfinite(found.joints_3d).all()
    # Drawn: what was found where it was found, the projected pose elsewhere.
    drawn = found.drawn_landmarks()
    np.testing.assert_array_equal(drawn[2, 0], found.projected_landmarks[2, 0])
    np.testing.assert_array_equal(drawn[2, 1], found.landmarks[2, 1])


def test_score_of_a_mean_is_the_least(tiny_prior, openpose):
    scores = np.full([5, 18], 0.8)
    scores[:, skeletons.OPENPOSE_18.joint_names.index("left_hip")] = 0.5
    found = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18", scores)
    np.testing.assert_allclose(found.scores[:, 0], 0.5)
    np.testing.assert_allclose(found.scores[:, NAMES.index("right_hip")], 0.8)


def test_given_scale_is_measured_from_the_pelvis(tiny_prior):
    world = tiny_prior.sample(3, seed=5)
    landmarks = 0.2 * np.stack([world[..., 0], -world[..., 2]], -1) + [300, 200]
    found = poses.lift_landmarks(landmarks, tiny_prior, scale=0.2)
    np.testing.assert_allclose(found.scale, 0.2, rtol=1e-6)
    # Noise of 15 mm is 3 px; where the landmarks stood in the image does not matter.
    np.testing.assert_allclose(found.projected_landmarks, landmarks, atol=12)
    moved = poses.lift_landmarks(landmarks + [50, -70], tiny_prior, scale=0.2)
    np.testing.assert_allclose(moved.joints_3d, found.joints_3d, atol=0.1)
    np.testing.assert_allclose(
        moved.projected_landmarks, found.projected_landmarks + [50, -70], atol=1e-2
    )


def test_empty_poses_are_nan_where_allowed(tiny_prior, openpose):
    landmarks, _ = openpose
    landmarks[1, 3:] = np.nan
    with pytest.raises(ValueError, match="at least 4 joints of h36m17 .*Received: 3 in pose 1"):
        poses.lift_landmarks(landmarks, tiny_prior)
    found = poses.lift_landmarks(landmarks, tiny_prior, allow_empty=True)
    assert np.isnan(found.joints_3d[1]).all()
    assert np.isnan(found.scale[1])
    assert found.mixture_index[1] == -1
    others = poses.lift_landmarks(landmarks[[0, 2, 3, 4]], tiny_prior)
    np.testing.assert_allclose(found.joints_3d[[0, 2, 3, 4]], others.joints_3d, atol=0.5)
    landmarks = openpose[0].copy()
    landmarks[3, 0] = np.nan
    landmarks[1] = landmarks[0]
    with pytest.raises(ValueError, match="joint 'pelvis' where `scale` is given.*none in pose 3"):
        poses.lift_landmarks(landmarks, tiny_prior, scale=0.2)


@pytest.mark.parametrize(
    ("landmarks", "options", "message"),
    [
        (np.zeros([17, 2]), {}, r"`landmarks` must have shape \[N, 17, 2\].*\(17, 2\)"),
        (np.zeros([2, 16, 2]), {}, r"`landmarks` must have shape \[N, 17, 2\].*\(2, 16, 2\)"),
        (np.zeros([0, 17, 2]), {}, "`landmarks` must not be empty"),
        (np.zeros([1, 17, 2]), {"scores": np.ones([1, 16])}, r"`scores` must have .*\(1, 16\)"),
        (np.zeros([1, 17, 2]), {"skeleton": "mpii"}, "`skeleton` must be one of .*'mpii'"),
        (np.zeros([1, 17, 2]), {"estimator": "best"}, "`estimator`.*'best'"),
    ],
)
def test_bad_arguments(tiny_prior, landmarks, options, message):
    with pytest.raises(ValueError, match=message):
        poses.lift_landmarks(landmarks, tiny_prior, **options)


def test_every_skeleton_lifts(tiny_prior, rng):
    """What is seen is what the report says, and joints that are exact stay where they were."""
    world = tiny_prior.sample(3, seed=3)
    landmarks = 0.2 * np.stack([world[..., 0], -world[..., 2]], -1) + [300, 200]
    for name in skeletons.SKELETONS:
        seen = skeletons.convert(landmarks, "h36m17", name).points
        for ear in {"left_ear", "right_ear"} & set(skeletons.get(name).joint_names):
            index = skeletons.get(name).joint_names.index(ear)
            seen[:, index] = landmarks[:, NAMES.index("head_top")]
        found = poses.lift_landmarks(seen, tiny_prior, name)
        assert found.conversion == skeletons.report(name, found.skeleton)
        shown = {joint for joint, ok in zip(NAMES, found.visibility[0], strict=True) if ok}
        assert set(NAMES) - shown == set(found.conversion.missing)
        moved = np.abs(found.landmarks - landmarks)[found.visibility].max()
        # The middle of the hips stands in for the pelvis.
        assert moved < 20
        assert np.isfinite(found.joints_3d).all()


def test_approximate_joints_on_demand(tiny_prior, openpose):
    without = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18")
    with_thorax = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18", approximate=True)
    thorax = NAMES.index("thorax")
    assert not without.visibility[:, thorax].any()
    assert with_thorax.visibility[:, thorax].all()
    neck = openpose[1][:, [2, 5]].mean(1)
    np.testing.assert_allclose(with_thorax.landmarks[:, thorax], neck)
    assert with_thorax.conversion.approximate == ("thorax",)


def test_scores_that_are_no_numbers_are_missing(tiny_prior, openpose):
    scores = np.full([5, 18], 0.8)
    scores[0, 3], scores[1, 3], scores[2, 3] = np.nan, np.inf, -0.5
    found = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18", scores, min_score=0.0)
    elbow = NAMES.index("right_elbow")
    assert found.visibility[:, elbow].tolist() == [False, False, False, True, True]
    assert (found.scores[:3, elbow] == 0).all()


def test_json_holds_everything(tiny_prior, openpose, tmp_path):
    found = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18")
    path = pose_files.write_json(found.to_dict(), tmp_path / "new" / "poses.json")
    content = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["skeleton"] == "h36m17"
    assert content["joint_names"] == list(NAMES)
    assert content["parents"][3] == 2
    assert content["landmarks_skeleton"] == "openpose18"
    assert content["missing_joints"] == ["spine", "thorax", "neck_nose"]
    assert content["versions"]["tf_lift"] == tf_lift.__version__
    assert len(content["poses"]) == 5
    for name, array in found.arrays().items():
        read = np.array([pose[name] for pose in content["poses"]], np.float64)
        np.testing.assert_allclose(read, array, rtol=1e-6)
    assert content["poses"][0]["landmarks"][NAMES.index("spine")] == [None, None]
    assert content["poses"][0]["visibility"][NAMES.index("spine")] is False


def test_npz_holds_everything(tiny_prior, openpose, tmp_path):
    found = poses.lift_landmarks(openpose[1], tiny_prior, "openpose18")
    with np.load(
        pose_files.write_npz(found, tmp_path / "poses.npz"), allow_pickle=False
    ) as content:
        assert tuple(content["joint_names"]) == NAMES
        for name, array in found.arrays().items():
            np.testing.assert_array_equal(content[name], array)


def test_files_are_whole_or_absent(tmp_path):
    pose_files.write_json({"a": 1}, tmp_path / "poses.json")
    with pytest.raises(TypeError):
        pose_files.write_json({"a": object()}, tmp_path / "poses.json")
    assert json.loads((tmp_path / "poses.json").read_text()) == {"a": 1}
    pose_files.write_json({"a": [math.inf, 1.5]}, tmp_path / "poses.json")
    assert json.loads((tmp_path / "poses.json").read_text()) == {"a": [None, 1.5]}
    assert [path.name for path in tmp_path.iterdir()] == ["poses.json"]
