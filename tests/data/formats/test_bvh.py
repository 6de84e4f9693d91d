"""BVH files as positions, and positions as BVH files."""

import re

import numpy as np
import pytest
from reference import motion_capture

from tf_lift import skeletons
from tf_lift.data.formats import bvh
from tf_lift.data.motion import clip as motion

ALL = ["Xposition", "Yposition", "Zposition", "Zrotation", "Yrotation", "Xrotation"]
ZXY, XYZ = ["Zrotation", "Xrotation", "Yrotation"], ["Xrotation", "Yrotation", "Zrotation"]
# Name, parent, offset (cm, y up), channels: a person with all kinds of channels that the format
# allows.
PERSON = [
    ("Hips", None, (0, 0, 0), ["Zrotation", "Yposition", "Xrotation", "Yrotation", "Xposition"]),
    ("LeftUpLeg", "Hips", (9, -9, 0), ZXY),
    ("LeftLeg", "LeftUpLeg", (0, -42, 1), ["Xrotation"]),
    ("LeftFoot", "LeftLeg", (0, -41, -2), ["Yrotation", "Zrotation"]),
    ("LeftFoot_end", "LeftFoot", (0, -4, 15), []),
    ("RightUpLeg", "Hips", (-9, -9, 0), XYZ),
    ("RightLeg", "RightUpLeg", (0, -42, 1), ["Zrotation", "Yrotation", "Zrotation"]),
    ("RightFoot", "RightLeg", (0, -41, -2), []),
    ("RightFoot_end", "RightFoot", (0, -4, 15), []),
    ("Spine", "Hips", (0, 20, 0), XYZ),
    ("Head", "Spine", (0, 35, 3), ZXY),
    ("Head_end", "Head", (0, 20, 0), []),
    ("LeftArm", "Spine", (18, 25, 0), ["Yrotation", "Zrotation", "Xrotation"]),
    ("LeftForeArm", "LeftArm", (28, 0, 0), ZXY),
    ("LeftForeArm_end", "LeftForeArm", (25, 0, 0), []),
    ("RightArm", "Spine", (-18, 25, 0), ["Yrotation", "Xrotation", "Zrotation"]),
    ("RightForeArm", "RightArm", (-28, 0, 0), ZXY),
    ("RightForeArm_end", "RightForeArm", (-25, 0, 0), []),
]


def to_text(joints, values, frame_time=0.05):
    """Text of a BVH file; joints with _end in their names are end sites."""
    lines = ["HIERARCHY"]

    def add(name, offset, channels, depth):
        indent = "  " * depth
        end = "_end" in name
        lines.append(indent + ("End Site" if end else f"{'JOINT' if depth else 'ROOT'} {name}"))
        lines.append(f"{indent}{{ OFFSET {' '.join(map(str, offset))}")
        if not end:
            lines.append(f"{indent}CHANNELS {len(channels)} {' '.join(channels)}")
        for child, parent, *rest in joints:
            if parent == name:
                add(child, *rest, depth + 1)
        lines.append(indent + "}")

    for name, parent, offset, channels in joints:
        if parent is None:
            add(name, offset, channels, 0)
    lines += ["MOTION", f"Frames: {len(values)}", f"Frame Time: {frame_time}"]
    lines += [" ".join(f"{number:.9f}" for number in row) for row in values]
    return "\n".join(lines) + "\n"


def random_rows(rng, joints, frames=7, angle=60.0):
    """Numbers for all channels."""
    columns = [channel for *_, channels in joints for channel in channels]
    turns = np.array([column.endswith("rotation") for column in columns])
    return rng.uniform(-1, 1, [frames, len(columns)]) * np.where(turns, angle, 30.0)


def expected(joints, rows):
    """Positions [T, J, 3] in the file's unit and axes by the slow reference."""
    frames = [motion_capture.bvh_frame(joints, row) for row in rows]
    return np.array([[frame[name] for name, *_ in joints] for frame in frames])


def read_text(tmp_path, text, name="09_01.bvh", **options):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return bvh.read(tmp_path / name, **options)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n\t"])
def test_any_hierarchy_and_any_channels(rng, tmp_path, line_end):
    rows = random_rows(rng, PERSON)
    # A joint is translated before it is rotated, in whatever order its channels are.
    root = (*PERSON[0][:3], ["Yposition", "Xposition", "Zrotation", "Xrotation", "Yrotation"])
    ordered = np.concatenate([rows[:, [1, 4, 0, 2, 3]], rows[:, 5:]], axis=1)
    text = to_text(PERSON, rows).replace("\n", line_end)
    clip = read_text(tmp_path, text, unit_mm=10.0, up="y")
    x, y, z = np.moveaxis(expected([root, *PERSON[1:]], ordered), -1, 0) * 10.0
    np.testing.assert_allclose(clip.positions, np.stack([x, -z, y], axis=-1), rtol=0, atol=1e-6)
    assert clip.joint_names == tuple(name for name, *_ in PERSON)
    assert clip.parents[4:7] == (3, 0, 5)
    assert (clip.fps, clip.clip, clip.subject) == (20.0, "09_01", "09")


def test_unit_and_up_axis_are_found(rng, tmp_path):
    rows = random_rows(rng, PERSON, angle=30.0)
    clip = read_text(tmp_path, to_text(PERSON, rows), unit_mm=10.0, up="y")
    found = read_text(tmp_path, to_text(PERSON, rows))
    np.testing.assert_array_equal(found.positions, clip.positions)
    # The same person in metres and z up: (x, y, z) -> (x, -z, y), which rotates
    # the axes of the channels too.
    turned = {"X": ("X", 1), "Y": ("Z", 1), "Z": ("Y", -1)}
    joints, signs = [], []
    for name, parent, (x, y, z), channels in PERSON:
        new = [turned[channel[0]][0] + channel[1:] for channel in channels]
        signs += [turned[c[0]][1] * (1.0 if c.endswith("rotation") else 0.01) for c in channels]
        joints.append((name, parent, (x / 100, -z / 100, y / 100), new))
    found = read_text(tmp_path, to_text(joints, rows * signs))
    np.testing.assert_allclose(found.positions, clip.positions, rtol=0, atol=1e-4)


@pytest.mark.parametrize("adds", [False, True])
def test_position_channels_hold_positions_or_differences_from_the_offset(rng, tmp_path, adds):
    joints = [(name, parent, offset, ALL if ch else ch) for name, parent, offset, ch in PERSON]
    joints[0] = ("Hips", None, (3, 90, 2), ALL)
    rows = random_rows(rng, joints)
    place = np.array([c.endswith("position") for *_, ch in joints for c in ch])
    rows[:, place] *= 0.01
    absolute = rows.copy()
    absolute[:, place] += np.concatenate([offset for _, _, offset, ch in joints if ch])
    clip = read_text(tmp_path, to_text(joints, rows if adds else absolute), unit_mm=1.0, up="z")
    np.testing.assert_allclose(clip.positions, expected(joints, rows), rtol=0, atol=1e-6)


def test_hips_below_a_point_on_the_floor_do_not_count(rng, tmp_path):
    # Their OFFSET is the person's position in the room, longer than all bones together.
    joints = [("Reference", None, (0, 0, 0), ALL)]
    joints += [
        (name, parent or "Reference", o, ALL if ch else ch) for name, parent, o, ch in PERSON
    ]
    joints[1] = ("Hips", "Reference", (1, 94, -900), ALL)
    rows = random_rows(rng, joints)
    place = np.array([c.endswith("position") for *_, ch in joints for c in ch])
    rows[:, place] = np.concatenate([offset for _, _, offset, ch in joints if ch])
    rows[:, 6:9] = rng.uniform(-1, 1, [7, 3]) + [0, 93, -9]
    clip = read_text(tmp_path, to_text(joints, rows), unit_mm=1.0, up="z")
    still = [(name, parent, (0, 0, 0) if ch else o, ch) for name, parent, o, ch in joints]
    np.testing.assert_allclose(clip.positions, expected(still, rows), rtol=0, atol=1e-6)
    hips_alone = [
        (*joint[:3], joint[3] if index < 2 else joint[3][3:]) for index, joint in enumerate(joints)
    ]
    columns = [
        c for index, (*_, ch) in enumerate(joints) for c in [index < 2] * 3 + [True] * 3 if ch
    ]
    clip = read_text(tmp_path, to_text(hips_alone, rows[:, columns]), unit_mm=1.0, up="z")
    np.testing.assert_allclose(clip.positions, expected(still, rows), rtol=0, atol=1e-6)


def test_the_position_of_a_root_alone_is_not_added_to_its_offset(tmp_path):
    joints = [("Hips", None, (5, 95, 1), ALL), ("Head", "Hips", (0, 60, 0), ZXY)]
    clip = read_text(tmp_path, to_text(joints, [[4, 90, 2, 0, 0, 0, 0, 0, 0]]), unit_mm=1, up="z")
    np.testing.assert_allclose(clip.positions[0], [[4, 90, 2], [4, 150, 2]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "in frame [0-9] of 7 must follow.*end of the file"),
        (lambda text: "", "line 1: must continue with 'HIERARCHY'"),
        (lambda text: text.replace("-41", "nan"), "line [0-9]+: OFFSET of 'LeftFoot' must be 3"),
    ],
)
def test_the_file_with_an_error_is_named(rng, tmp_path, change, message):
    text = change(to_text(PERSON, random_rows(rng, PERSON)))
    with pytest.raises(ValueError, match=f"bad.bvh: .*{message}"):
        read_text(tmp_path, text, name="bad.bvh")


def test_an_unknown_unit_must_be_given(rng, tmp_path):
    joints = [(name, parent, np.array(o) * 6.5, ch) for name, parent, o, ch in PERSON]
    text = to_text(joints, random_rows(rng, PERSON))
    with pytest.raises(
        ValueError, match=r"09_01.bvh: the file\'s unit must be given \(`--unit`, .*1.59 mm"
    ):
        read_text(tmp_path, text)
    assert read_text(tmp_path, text, unit_mm=1.3).positions.shape == (7, 18, 3)


def check_round_trip(clip, folder, tolerance=0.1, **options):
    """Writes a clip and returns the one read back."""
    bvh.write(folder / "again.bvh", clip)
    again = bvh.read(folder / "again.bvh", **options)
    order = [again.joint_names.index(name) for name in clip.joint_names]
    difference = np.linalg.norm(again.positions[:, order] - clip.positions, axis=-1)
    assert difference.max() < tolerance
    assert again.fps == pytest.approx(clip.fps, rel=1e-6)
    return again


def channels_of(path):
    return [
        line.split()[1:] for line in path.read_text().splitlines() if line.strip()[:4] == "CHAN"
    ]


def test_clips_are_written_with_the_same_joints(rng, tmp_path):
    joints = [*PERSON, ("LeftFoot_end2", "LeftFoot", (3, -4, 14), [])]
    clip = read_text(tmp_path, to_text(joints, random_rows(rng, joints, 40, 25.0)))
    assert clip.joint_names[5] == "LeftFoot_end2"
    again = check_round_trip(clip, tmp_path, tolerance=0.001)
    # End sites stay end sites.
    assert "_end" not in "".join(re.findall(r"JOINT (.*)", (tmp_path / "again.bvh").read_text()))
    # The spine, the arms and the head rotate separately; only the root has position channels.
    assert [ch[0] for ch in channels_of(tmp_path / "again.bvh")].count("6") == 1
    assert set(clip.joint_names) <= set(again.joint_names)
    third = check_round_trip(again, tmp_path, tolerance=0.001)
    assert third.joint_names == again.joint_names
    assert third.parents == again.parents


def test_poses_of_seventeen_joints_are_written(poses, tmp_path):
    clip = motion.Motion(poses, skeletons.H36M_17.joint_names, skeletons.H36M_17.parents, 10.0)
    again = check_round_trip(clip, tmp_path)
    between = [name for name in again.joint_names if name not in clip.joint_names]
    for name in between:
        joint = again.joint_names.index(name)
        gap = again.positions[:, joint] - again.positions[:, again.parents[joint]]
        assert np.abs(gap).max() < 1e-4


@pytest.mark.parametrize("frames", [1, 6])
def test_a_clip_whose_bones_change_has_position_channels(rng, tmp_path, frames):
    skeleton = skeletons.H36M_17
    positions = rng.normal(0, 300, [frames, 17, 3])
    positions[:, 12] = positions[:, 11]  # No upper arm ...
    positions[0, 15] = positions[0, 14]  # ... and one that has no length in one frame.
    clip = motion.Motion(positions, skeleton.joint_names, skeleton.parents, 29.97)
    check_round_trip(clip, tmp_path, unit_mm=10.0, up="y")


@pytest.mark.parametrize("turn", [0.0, 90.0, 180.0])
def test_bones_that_point_back_or_along_an_axis_are_written(tmp_path, turn):
    # Opposite to the rest pose in later frames, where the shortest rotation is not unique.
    names = ("Hips", "Spine", "Head", "LeftFoot", "LeftToe")
    pose = np.array([[0, 0, 900], [0, 0, 1300], [0, 0, 1700], [0, 0, 60], [0, -150, 0.0]])
    bent = (pose - pose[0]) @ motion_capture.turn("X", turn)[:3, :3].T * [1, 1, 1] + pose[0]
    folded = pose.copy()
    folded[2] = folded[0]
    clip = motion.Motion(np.stack([pose, bent, folded]), names, (-1, 0, 1, 0, 3), 30.0)
    check_round_trip(clip, tmp_path, unit_mm=10.0)


def test_a_lying_person_keeps_the_up_axis(rng, tmp_path):
    clip = read_text(tmp_path, to_text(PERSON, random_rows(rng, PERSON, angle=10.0)))
    lying = motion.Motion(
        clip.positions @ motion_capture.turn("X", 88.0)[:3, :3].T,
        clip.joint_names,
        clip.parents,
        clip.fps,
    )
    check_round_trip(lying, tmp_path)


def test_angles_are_continuous_over_half_a_turn(tmp_path):
    # A person who rotates on the spot; no number may jump by 360 degrees.
    pose = np.array([[0, 0, 900], [0, 0, 1700], [200, 0, 900.0]])
    frames = [pose @ motion_capture.turn("Z", angle)[:3, :3].T for angle in np.linspace(0, 700, 71)]
    clip = motion.Motion(np.stack(frames), ("Hips", "Head", "LeftFoot"), (-1, 0, 0), 30.0)
    check_round_trip(clip, tmp_path, unit_mm=10.0, up="y")
    text = (tmp_path / "again.bvh").read_text().split("Frame Time:")[1].splitlines()[1:]
    angles = np.array([row.split() for row in text], float)[:, 3:6]
    assert np.abs(np.diff(angles, axis=0)).max() < 11.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parents": (-1, -1)}, "`clip.parents` must have one root.*Received: 2 roots"),
        ({"joint_names": ("a", "b{")}, r"`clip.joint_names` must be words.*'b\{'"),
        ({"joint_names": ("a", "b\nc")}, "`clip.joint_names` must be words"),
        ({"joint_names": ("a", "")}, "`clip.joint_names` must be words"),
    ],
)
def test_a_failure_to_write_leaves_no_file(tmp_path, changes, message):
    fields = {"joint_names": ("a", "b"), "parents": (-1, 0)} | changes
    clip = motion.Motion(np.zeros([1, 2, 3]), fps=1.0, **fields)
    with pytest.raises(ValueError, match=message):
        bvh.write(tmp_path / "x.bvh", clip)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["12_01", "27_01", "35_18"])
@pytest.mark.parametrize("mend", [True, False])
def test_real_clips_survive_two_round_trips(shared_path, tmp_path, name, mend):
    clip = bvh.read(shared_path(f"data/cmu/clips/{name}.bvh"), mend=mend)
    again = check_round_trip(clip, tmp_path, mend=False)
    assert again.joint_names == clip.joint_names
    assert again.parents == clip.parents
    third = check_round_trip(again, tmp_path, mend=False)
    assert np.abs(third.positions - clip.positions).max() < 0.1
    # Bones are rigid, so angles alone reproduce them.
    assert [ch[0] for ch in channels_of(tmp_path / "again.bvh")].count("6") == 1
