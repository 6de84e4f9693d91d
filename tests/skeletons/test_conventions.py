"""Skeletons: the orders that data and papers use, mirror images, maps between them."""

import numpy as np
import pytest

from tf_lift import PosePrior, skeletons
from tf_lift.skeletons import COCO_17, H36M_17, OPENPOSE_18


def test_human36m_order_is_the_papers():
    """Pelvis; right leg, left leg; spine to head; left arm, right arm."""
    names = H36M_17.joint_names
    assert names[0] == "pelvis"
    for first, side in ((1, "right"), (4, "left")):
        legs = [f"{side}_{part}" for part in ("hip", "knee", "ankle")]
        assert list(names[first : first + 3]) == legs
    assert names[7:11] == ("spine", "thorax", "neck_nose", "head_top")
    for first, side in ((11, "left"), (14, "right")):
        arms = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist")]
        assert list(names[first : first + 3]) == arms


def test_order_of_motion_capture(shared_path):
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as data:
        assert tuple(data["parents"]) == H36M_17.parents
        short = [
            name.replace("r_", "right_").replace("l_", "left_") for name in data["joint_names"]
        ]
    same = {"hip": "pelvis", "head": "head_top"}
    assert tuple(same.get(name, name) for name in short) == H36M_17.joint_names


def test_order_of_the_shipped_prior():
    """Its mean poses stand: heads up, feet down, left towards +x as they face -y."""
    for pose in PosePrior.load().mean_pose:
        joints = dict(zip(H36M_17.joint_names, pose, strict=True))
        up = ("right_ankle", "right_knee", "pelvis", "spine", "thorax", "neck_nose", "head_top")
        assert np.all(np.diff([joints[name][2] for name in up]) > 0)
        for name in ("hip", "shoulder"):
            assert joints[f"left_{name}"][0] > joints[f"right_{name}"][0] + 50


@pytest.mark.parametrize("skeleton", skeletons.SKELETONS.values(), ids=lambda s: s.name)
def test_swap_and_bones(skeleton):
    swap = np.array(skeleton.swap)
    np.testing.assert_array_equal(swap[swap], np.arange(skeleton.num_joints))
    for joint, mirrored in enumerate(swap):
        name, other = skeleton.joint_names[joint], skeleton.joint_names[mirrored]
        assert name == other or {name.split("_")[0], other.split("_")[0]} == {"left", "right"}
    assert len(set(skeleton.joint_names)) == skeleton.num_joints == len(skeleton.parents)
    # The mirror image of a bone is a bone, so drawings are symmetric.
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert {frozenset(int(swap[joint]) for joint in bone) for bone in bones} == bones


@pytest.mark.parametrize("source", [OPENPOSE_18, COCO_17], ids=lambda s: s.name)
def test_joint_map_takes_namesakes_and_means(source, rng):
    landmarks = rng.standard_normal([source.num_joints, 2])
    mapped = skeletons.joint_map(source, H36M_17) @ landmarks
    at = dict(zip(source.joint_names, landmarks, strict=True))
    for name in ("right_wrist", "left_knee"):
        np.testing.assert_allclose(mapped[H36M_17.joint_names.index(name)], at[name], rtol=1e-6)
    hips = (at["left_hip"] + at["right_hip"]) / 2
    np.testing.assert_allclose(mapped[0], hips, rtol=1e-6)


def test_joint_map_marks_what_is_not_there():
    weights = skeletons.joint_map(OPENPOSE_18, H36M_17)
    assert set(weights.sum(1).round(6)) == {0.0, 1.0}
    assert not weights[H36M_17.joint_names.index("spine")].any()
    np.testing.assert_array_equal(skeletons.joint_map(H36M_17, H36M_17), np.eye(17))


def test_unknown_skeleton_is_named():
    with pytest.raises(ValueError, match="`skeleton` must be one of .* Received: 'spider'"):
        skeletons.get("spider")
