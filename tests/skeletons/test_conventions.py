"""The orders that data sets, detectors and papers use, mirror images, bones."""

import numpy as np
import pytest

from tf_lift import PosePrior, skeletons
from tf_lift.skeletons import H36M_17, H36M_32

ALL = pytest.mark.parametrize("skeleton", skeletons.SKELETONS.values(), ids=lambda s: s.name)

# Joints in the order of each convention's documentation.
PUBLISHED = {
    "coco17": "nose,l_eye,r_eye,l_ear,r_ear,l_shoulder,r_shoulder,l_elbow,r_elbow,l_wrist,"
    "r_wrist,l_hip,r_hip,l_knee,r_knee,l_ankle,r_ankle",
    "openpose18": "nose,neck,r_shoulder,r_elbow,r_wrist,l_shoulder,l_elbow,l_wrist,r_hip,r_knee,"
    "r_ankle,l_hip,l_knee,l_ankle,r_eye,l_eye,r_ear,l_ear",
    "openpose25": "nose,neck,r_shoulder,r_elbow,r_wrist,l_shoulder,l_elbow,l_wrist,mid_hip,r_hip,"
    "r_knee,r_ankle,l_hip,l_knee,l_ankle,r_eye,l_eye,r_ear,l_ear,l_big_toe,l_small_toe,l_heel,"
    "r_big_toe,r_small_toe,r_heel",
    "mpii16": "r_ankle,r_knee,r_hip,l_hip,l_knee,l_ankle,pelvis,thorax,upper_neck,head_top,"
    "r_wrist,r_elbow,r_shoulder,l_shoulder,l_elbow,l_wrist",
    "lsp14": "r_ankle,r_knee,r_hip,l_hip,l_knee,l_ankle,r_wrist,r_elbow,r_shoulder,l_shoulder,"
    "l_elbow,l_wrist,neck,head_top",
    "mediapipe33": "nose,l_eye_inner,l_eye,l_eye_outer,r_eye_inner,r_eye,r_eye_outer,l_ear,r_ear,"
    "l_mouth,r_mouth,l_shoulder,r_shoulder,l_elbow,r_elbow,l_wrist,r_wrist,l_pinky,r_pinky,"
    "l_index,r_index,l_thumb,r_thumb,l_hip,r_hip,l_knee,r_knee,l_ankle,r_ankle,l_heel,r_heel,"
    "l_foot_index,r_foot_index",
    "mpi_inf_3dhp17": "head_top,neck,r_shoulder,r_elbow,r_wrist,l_shoulder,l_elbow,l_wrist,r_hip,"
    "r_knee,r_ankle,l_hip,l_knee,l_ankle,pelvis,spine,head",
    "h36m17": "pelvis,r_hip,r_knee,r_ankle,l_hip,l_knee,l_ankle,spine,thorax,neck_nose,head_top,"
    "l_shoulder,l_elbow,l_wrist,r_shoulder,r_elbow,r_wrist",
}
PUBLISHED["openpose25b"] = (
    PUBLISHED["coco17"] + ",upper_neck,head_top,l_big_toe,l_small_toe,l_heel,r_big_toe,"
    "r_small_toe,r_heel"
)
PUBLISHED["cmu17"] = PUBLISHED["h36m17"]
PUBLISHED["posenet17"] = PUBLISHED["coco17"]
PUBLISHED["halpe26"] = (
    PUBLISHED["coco17"] + ",head_top,neck,pelvis,l_big_toe,r_big_toe,l_small_toe,r_small_toe,"
    "l_heel,r_heel"
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_order(name):
    names = PUBLISHED[name].split(",")
    full = {"l": "left", "r": "right"}
    full = ["_".join([full.get(first, first), *rest]) for first, *rest in map(_split, names)]
    assert skeletons.get(name).joint_names == tuple(full)


def _split(name):
    return name.split("_")


def test_every_skeleton_is_checked_but_for_32_joints_and_whole_bodies():
    others = {"h36m32", "coco_wholebody133", "halpe136"}
    assert set(skeletons.SKELETONS) == {*PUBLISHED} | others
    for name, skeleton in skeletons.SKELETONS.items():
        assert skeletons.get(name) is skeleton
        assert skeleton.name == name
        assert name.removesuffix("b").endswith(str(skeleton.num_joints))


@pytest.mark.parametrize(
    ("name", "body", "face", "left_hand", "right_hand"),
    [("coco_wholebody133", "coco17", 23, 91, 112), ("halpe136", "halpe26", 26, 94, 115)],
)
def test_whole_bodies_are_a_body_a_face_and_hands(name, body, face, left_hand, right_hand):
    """Indices of the conventions' documentation; of the face, the pairs of the 68 marks."""
    names = skeletons.get(name).joint_names
    assert names[: skeletons.get(body).num_joints] == skeletons.get(body).joint_names
    assert (names[left_hand], names[right_hand]) == ("left_hand_root", "right_hand_root")
    assert names[left_hand + 8] == "left_forefinger_4"
    assert names[right_hand + 20] == "right_little_finger_4"
    assert names[face + 8] == "chin"
    assert names[face + 30] == "nose_bridge_4"
    swap = skeletons.get(name).swap
    pairs = [(k, 16 - k) for k in range(17)] + [(k, 43 - k) for k in range(17, 27)]
    pairs += [(31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)]
    pairs += [(48, 54), (49, 53), (50, 52), (59, 55), (58, 56), (60, 64), (61, 63), (67, 65)]
    for first, second in pairs:
        assert swap[face + first] == face + second
    for middle in (8, 27, 28, 29, 30, 33, 51, 57, 62, 66):
        assert swap[face + middle] == face + middle


def test_feet_of_coco_wholebody():
    feet = "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
    assert " ".join(skeletons.COCO_WHOLEBODY_133.joint_names[17:23]) == feet


def test_the_17_of_human36m_in_its_32():
    """The indices that the paper's training code picks; the rest are not among the 17."""
    indices = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    assert [H36M_32.joint_names[index] for index in indices] == list(H36M_17.joint_names)
    # Toes and ends of chains have the right parents.
    parents = dict(zip(H36M_32.joint_names, H36M_32.parents, strict=True))
    for child, parent in {
        "right_toe_base": 3,
        "left_toe_end": 9,
        "spine_base": 0,
        "thorax": 12,
        "left_collar": 12,
        "right_collar": 12,
        "left_thumb_base": 19,
        "left_hand": 19,
        "right_hand_end": 30,
    }.items():
        assert parents[child] == parent


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
    for pose in PosePrior.load("cmu").mean_pose:
        joints = dict(zip(H36M_17.joint_names, pose, strict=True))
        up = ("right_ankle", "right_knee", "pelvis", "spine", "thorax", "neck_nose", "head_top")
        assert np.all(np.diff([joints[name][2] for name in up]) > 0)
        for name in ("hip", "shoulder"):
            assert joints[f"left_{name}"][0] > joints[f"right_{name}"][0] + 50


def test_head_top_of_motion_capture_is_three_quarters_up_to_the_crown(shared_path):
    """Stature by the legs, 0.491 of it, against the two estimates of where the crown is."""
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as data:
        joints = dict(zip(H36M_17.joint_names, np.moveaxis(data["poses"], 1, 0), strict=True))
    trunk = joints["thorax"] - joints["pelvis"]
    up = trunk / np.linalg.norm(trunk, axis=-1, keepdims=True)
    shoulders = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    leg = np.linalg.norm(joints["left_hip"] - joints["left_knee"], axis=-1)
    leg += np.linalg.norm(joints["left_knee"] - joints["left_ankle"], axis=-1)
    height = np.sum((joints["head_top"] - shoulders) * up, -1)
    upright = up[:, 2] > 0.97
    fraction = np.median(height[upright]) / np.median(leg[upright] / 0.491)
    weights = skeletons.MPII_16.sources["head_top"][0]
    over_shoulders = fraction * weights["head_top"]
    assert 0.168 < over_shoulders < 0.182


@ALL
def test_swap_and_bones(skeleton):
    swap = np.array(skeleton.swap)
    np.testing.assert_array_equal(swap[swap], np.arange(skeleton.num_joints))
    for joint, mirrored in enumerate(swap):
        name, other = skeleton.joint_names[joint], skeleton.joint_names[mirrored]
        assert name == other or {name.split("_")[0], other.split("_")[0]} == {"left", "right"}
        assert (joint == mirrored) == (name.split("_")[0] not in ("left", "right"))
    assert len(set(skeleton.joint_names)) == skeleton.num_joints == len(skeleton.parents)
    # The mirror image of a bone is a bone, so drawings are symmetric.
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert {frozenset(int(swap[joint]) for joint in bone) for bone in bones} == bones


@ALL
def test_bones_are_one_tree(skeleton):
    assert skeleton.parents.count(-1) == 1
    assert len(skeleton.bones) == skeleton.num_joints - 1
    reached = {skeleton.parents.index(-1)}
    for _ in range(skeleton.num_joints):
        reached |= {child for parent, child in skeleton.bones if parent in reached}
    assert reached == set(range(skeleton.num_joints))
    # Limbs are connected on their own side: knees to hips, elbows to shoulders.
    names = skeleton.joint_names
    for side in ("left", "right"):
        for child, parent in (("knee", "hip"), ("ankle", "knee"), ("elbow", "shoulder")):
            child = skeleton.parents[names.index(f"{side}_{child}")]
            assert names[child] == f"{side}_{parent}"


def test_unknown_skeleton_is_named():
    with pytest.raises(ValueError, match="`skeleton` must be one of .* Received: 'spider'"):
        skeletons.get("spider")


def test_proportions_of_motion_capture_are_those_of_its_people(shared_path):
    """The quantiles that the proportions of `cmu17` state."""
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as data:
        poses, subject = data["poses"].astype(np.float64), data["subject"]
    index = skeletons.CMU_17.joint_names.index

    def length(rows, *ends):
        first, last = (poses[rows, index(end)] for end in ends)
        return np.median(np.linalg.norm(first - last, axis=-1))

    shares = []
    for name in np.unique(subject):
        rows = subject == name

        def both(first, last, rows=rows):
            return sum(length(rows, f"{s}_{first}", f"{s}_{last}") for s in ("left", "right")) / 2

        stature = (both("hip", "knee") + both("knee", "ankle")) / 0.491
        ends = {
            "hips": length(rows, "left_hip", "right_hip"),
            "shoulders": length(rows, "left_shoulder", "right_shoulder"),
            "forearm": both("elbow", "wrist"),
            "neck": length(rows, "thorax", "neck_nose"),
            "head": length(rows, "neck_nose", "head_top"),
        }
        shares.append([ends[part] / stature for part in skeletons.CMU_17.proportions])
    found = np.percentile(shares, [5, 95], axis=0).T
    np.testing.assert_allclose(found, list(skeletons.CMU_17.proportions.values()), atol=6e-4)


def test_human36m_has_wider_hips_and_narrower_shoulders_than_motion_capture():
    wide, own = skeletons.H36M_17.proportions, skeletons.CMU_17.proportions
    assert wide["hips"][0] > own["hips"][1]
    assert wide["shoulders"][1] < own["shoulders"][0]


@pytest.mark.parametrize(
    ("proportions", "message"),
    [
        ({"tail": (0.1, 0.2)}, "`proportions` must be of hips.*'tail'"),
        ({"hips": (0.2, 0.1)}, "fractions of the stature.*'hips'"),
        ({"hips": (170.0, 180.0)}, "fractions of the stature"),
    ],
)
def test_bad_proportions_are_named(proportions, message):
    with pytest.raises(ValueError, match=message):
        skeletons.Skeleton("two", ("a", "b"), (-1, 0), proportions=proportions)
