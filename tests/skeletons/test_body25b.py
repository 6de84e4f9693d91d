"""OpenPose's BODY_25B: a detection in it is the same person as in COCO's order."""

import json

import numpy as np

from tf_lift import skeletons


def test_first_joints_are_those_of_coco(shared_path):
    folder = shared_path("cases/12-openpose-body25b")
    content = json.loads((folder / "cam01.0030.json").read_text())
    points = np.reshape(content["people"][0]["pose_keypoints_2d"], [1, 25, 3])[..., :2]
    found = skeletons.convert(points, "openpose25b", "h36m17")
    expected = skeletons.convert(np.load(folder / "coco17_same_person.npy"), "coco17", "h36m17")
    np.testing.assert_allclose(found.points, expected.points, atol=1.0)
    np.testing.assert_array_equal(found.visibility, expected.visibility)
    # The upper neck is above the shoulders, the crown above the ears, the toes below the ankles.
    height = dict(zip(skeletons.OPENPOSE_25B.joint_names, -points[0, :, 1], strict=True))
    assert height["head_top"] > height["left_ear"] > height["upper_neck"] > height["left_shoulder"]
    assert height["left_ankle"] > max(height[f"left_{end}"] for end in ("big_toe", "heel"))
