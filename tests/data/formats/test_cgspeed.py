"""The cgspeed BVH files of CMU's motion capture: lost bones and the pose before the recording."""

import numpy as np
import pytest

from tf_lift.data.formats import acclaim_text, bvh, bvh_text, cgspeed, skeleton_maps

ROTATIONS = ("Zrotation", "Yrotation", "Xrotation")
# Name, parent, offset in CMU's unit, as in the files, rounded and with the bones lost.
JOINTS = [
    ("Hips", None, (0, 0, 0)),
    *[("LHipJoint", "Hips", (0, 0, 0)), ("LeftUpLeg", "LHipJoint", (1.5, -1.5, 1))],
    *[("LeftLeg", "LeftUpLeg", (2.5, -7, 0)), ("LeftFoot", "LeftLeg", (2.5, -7, 0))],
    ("LeftFoot_end", "LeftFoot", (0, -0.5, 2)),
    *[("RHipJoint", "Hips", (0, 0, 0)), ("RightUpLeg", "RHipJoint", (-1.5, -1.5, 1))],
    *[("RightLeg", "RightUpLeg", (-2.5, -7, 0)), ("RightFoot", "RightLeg", (-2.5, -7, 0))],
    ("RightFoot_end", "RightFoot", (0, -0.5, 2)),
    *[("LowerBack", "Hips", (0, 0, 0)), ("Spine", "LowerBack", (0, 2, -0.3))],
    *[("Spine1", "Spine", (0, 2, 0.1)), ("Neck", "Spine1", (0, 0, 0))],
    *[("Neck1", "Neck", (0, 1.7, 0.2)), ("Head", "Neck1", (0, 1.7, -0.2))],
    ("Head_end", "Head", (0, 1.7, 0)),
    *[("LeftShoulder", "Spine1", (0, 0, 0)), ("LeftArm", "LeftShoulder", (3.5, 0.5, 0))],
    *[("LeftForeArm", "LeftArm", (5, 0, 0)), ("LeftHand", "LeftForeArm", (3, 0, 0))],
    *[("LeftFingerBase", "LeftHand", (0, 0, 0)), ("LThumb", "LeftHand", (0, 0, 0))],
    ("LThumb_end", "LThumb", (0.6, 0, 0.6)),
    *[("RightShoulder", "Spine1", (0, 0, 0)), ("RightArm", "RightShoulder", (-3.5, 0.5, 0))],
    *[("RightForeArm", "RightArm", (-5, 0, 0)), ("RightHand", "RightForeArm", (-3, 0, 0))],
    *[("RightFingerBase", "RightHand", (0, 0, 0)), ("RThumb", "RightHand", (0, 0, 0))],
    ("RThumb_end", "RThumb", (-0.6, 0, 0.6)),
]
NAMES = [name for name, *_ in JOINTS]
UNIT_MM = 25.4 / 0.45


def hierarchy(**offsets):
    ends = tuple(name.endswith("_end") for name in NAMES)
    channels = [() if end else ROTATIONS for end in ends]
    channels[0] = ("Xposition", "Yposition", "Zposition", *ROTATIONS)
    return bvh_text.Hierarchy(
        tuple(NAMES),
        tuple(NAMES.index(parent) if parent else -1 for _, parent, _ in JOINTS),
        np.array([offsets.get(name, offset) for name, _, offset in JOINTS], np.float64),
        tuple(channels),
        ends,
    )


def rows(rng, frames=5):
    """Random angles, in the first frame those of the pose at rest."""
    columns = hierarchy().columns
    values = rng.uniform(-40, 40, [frames, len(columns)])
    # The last third of the forearm only twists, and no hand here does more.
    for index, (joint, _) in enumerate(columns):
        if joint in ("LeftHand", "RightHand"):
            values[:, index] = 0.0
    values[0, 3:] = [cgspeed.REST_DEGREES.get(column, 0.0) for column in columns[3:]]
    return values


def write(path, found, values):
    path.write_text(bvh_text.compose(found, values, 120.0), encoding="utf-8")
    return path


def test_the_lost_bones_are_restored(rng, tmp_path):
    values = rows(rng)
    path = write(tmp_path / "35_18.bvh", hierarchy(), values)
    clip, raw = bvh.read(path), bvh.read(path, mend=False)
    assert len(clip.positions) == 4  # Without the pose at rest, ...
    assert len(raw.positions) == 5
    raw = raw.positions[1:]

    def place(name):
        return clip.positions[:, NAMES.index(name)], raw[:, NAMES.index(name)]

    for name in NAMES[: NAMES.index("Neck")]:
        np.testing.assert_allclose(*place(name), rtol=0, atol=1e-9)  # ... nothing else below.
    # All joints above are moved by one bone, as long as the one below it.
    length = np.hypot(2, 0.1) * UNIT_MM
    moved = np.subtract(*place("Neck"))
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), length, rtol=1e-4)
    for name in ("Neck1", "Head_end", "LeftArm", "RightForeArm", "LeftHand"):
        np.testing.assert_allclose(np.subtract(*place(name)), moved, rtol=0, atol=1e-9)
    # It is nearly upright where the back is (2 degrees off), and rotates with the back.
    turns = [j for j, (joint, _) in enumerate(hierarchy().columns) if joint != "Hips"]
    values[:, turns] = 0.0
    values[:, 3:6] = 0.0
    straight = bvh.read(write(tmp_path / "straight.bvh", hierarchy(), values))
    up = np.subtract(*straight.positions[0, [NAMES.index("Neck"), NAMES.index("Spine1")]])
    np.testing.assert_allclose(up / length, [0.014, -0.034, 0.9993], rtol=0, atol=1e-3)
    # wrist = elbow + 1.5 (hand - elbow)
    for side in ("Left", "Right"):
        elbow, hand, wrist = (place(side + name)[0] for name in ("ForeArm", "Hand", "FingerBase"))
        np.testing.assert_allclose(wrist, elbow + 1.5 * (hand - elbow), rtol=0, atol=1e-9)
        np.testing.assert_allclose(place(side[0] + "Thumb")[0], wrist, rtol=0, atol=1e-9)


def test_other_files_are_not_changed(rng, tmp_path):
    values = rows(rng)
    whole = hierarchy(LThumb=(0.0, 0.0, 1e-3))
    assert cgspeed.is_damaged(hierarchy())
    assert not cgspeed.is_damaged(whole)
    assert not cgspeed.is_damaged(cgspeed.mend(hierarchy()))
    path = write(tmp_path / "a.bvh", whole, values)
    np.testing.assert_array_equal(bvh.read(path).positions, bvh.read(path, mend=False).positions)


def test_the_first_frame_is_dropped_only_if_it_is_the_rest_pose(rng, tmp_path):
    values = rows(rng)
    assert cgspeed.starts_at_rest(hierarchy(), values)
    assert not cgspeed.starts_at_rest(hierarchy(), values[:1])
    assert not cgspeed.starts_at_rest(hierarchy(), values[1:])
    assert len(bvh.read(write(tmp_path / "a.bvh", hierarchy(), values[1:])).positions) == 4


# Expected poses of each clip, from the other format of the same recording.
@pytest.mark.parametrize("name", ["12_01", "27_01", "35_18"])
def test_real_clips_agree_with_the_poses_of_the_other_format(shared_path, name):
    clip = bvh.read(shared_path(f"data/cmu/clips/{name}.bvh"))
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as content:
        of_clip = content["clip"] == name
        poses, frame = content["poses"][of_clip], content["frame"][of_clip]
    # 10 poses per second of 120 frames.
    found = skeleton_maps.to_skeleton(clip)[12 * frame]
    errors = np.linalg.norm(found - poses, axis=-1).max(axis=0)
    assert clip.fps == 120.0
    assert (errors[:8] < 0.01).all()  # Legs and spine.
    assert (errors[8:] < 3.7).all()
    assert len(clip.positions) // 12 + 1 == len(poses)


def test_the_lost_bone_is_near_that_of_skeletons_that_have_it(shared_path):
    bone = cgspeed.LOST_BONES[0]
    errors, upright_errors = [], []
    for name in ("05_02", "09_01", "16_35"):
        skeleton = acclaim_text.read_asf(shared_path(f"data/cmu/clips/{name}.asf"))
        thorax = skeleton.offsets[skeleton.joint_names.index("thorax")]
        below = np.linalg.norm(skeleton.offsets[skeleton.joint_names.index("upperback")])
        for found, direction in ((errors, bone.direction), (upright_errors, (0, 1, 0))):
            guess = below * bone.scale * np.array(direction)
            found.append(np.linalg.norm(guess - thorax) * skeleton.unit_mm)
    np.testing.assert_allclose(errors, [6.25, 3.89, 2.35], atol=0.01)
    assert np.mean(errors) < np.mean(upright_errors)
