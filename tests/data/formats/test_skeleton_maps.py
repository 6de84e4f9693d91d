"""Maps from the joints of files to those of a skeleton."""

import json
import pathlib
import sys

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import skeleton_maps
from tf_lift.data.motion import clip as motion

LSP = skeletons.get("lsp14").joint_names
CMU_ASF = (
    *("root", "lhipjoint", "lfemur", "ltibia", "lfoot", "ltoes", "rhipjoint", "rfemur", "rtibia"),
    *("rfoot", "rtoes", "lowerback", "upperback", "thorax", "lowerneck", "upperneck", "head"),
    *("lclavicle", "lhumerus", "lradius", "lwrist", "lhand", "lfingers", "lthumb", "rclavicle"),
    *("rhumerus", "rradius", "rwrist", "rhand", "rfingers", "rthumb"),
)
CGSPEED = (
    *("Hips", "LHipJoint", "LeftUpLeg", "LeftLeg", "LeftFoot", "RHipJoint", "RightUpLeg"),
    *("RightLeg", "RightFoot", "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head", "Head_end"),
    *("LeftShoulder", "LeftArm", "LeftForeArm", "LeftHand", "LeftFingerBase", "LThumb"),
    *("RightShoulder", "RightArm", "RightForeArm", "RightHand", "RightFingerBase", "RThumb"),
)


def make(names, positions=None, **fields):
    if positions is None:
        positions = np.random.default_rng(4).normal(0, 500, [3, len(names), 3])
    return motion.Motion(positions, names, (-1,) * len(names), fps=10, **fields)


def a_map(**changes):
    """A map of a studio to LSP's 14 joints, with all forms of entries."""
    joints = {joint: f"M_{joint}" for joint in LSP}
    joints["neck"] = ["LSHO", "RSHO"]
    joints["left_wrist"] = {"LELB": -0.5, "LHAND": 1.5}
    return {"name": "studio", "target": "lsp14", "joints": joints | changes}


NAMES = (*(f"M_{joint}" for joint in LSP), "LSHO", "RSHO", "LELB", "LHAND", "EXTRA")


def write(folder, content, name="studio.json"):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_map_of_the_user(tmp_path):
    clip = make(NAMES)
    poses = skeleton_maps.to_skeleton(clip, "lsp14", write(tmp_path, a_map()))
    place = {name: clip.positions[:, j] for j, name in enumerate(NAMES)}
    assert poses.shape == (3, 14, 3)
    for joint, pose in zip(LSP, np.moveaxis(poses, 1, 0), strict=True):
        if joint == "neck":
            expected = (place["LSHO"] + place["RSHO"]) / 2
        elif joint == "left_wrist":
            expected = place["LELB"] + 1.5 * (place["LHAND"] - place["LELB"])
        else:
            expected = place[f"M_{joint}"]
        np.testing.assert_allclose(pose, expected, rtol=1e-12)


@pytest.mark.parametrize("ending", ["yaml", "yml", "YML"])
def test_a_map_in_yaml(tmp_path, ending):
    lines = ["# a remark", "target: lsp14", "joints:"]
    lines += [f"  {joint}: {json.dumps(entry)}" for joint, entry in a_map()["joints"].items()]
    path = write(tmp_path, "\n".join(lines), f"ours.{ending}")
    found = skeleton_maps.load(path)
    assert found.name == "ours"
    assert found.joints == skeleton_maps.load(write(tmp_path, a_map())).joints


def test_yaml_needs_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = write(tmp_path, "joints: {}", "a.yaml")
    with pytest.raises(ImportError, match=r'reading maps in YAML needs `pip install "tf-lift'):
        skeleton_maps.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (a_map(left_wrist={"LELB": -0.5, "LHAND": 1.4}), "'left_wrist' must sum to 1. .*0.9"),
        (a_map(left_wrist={"LELB": float("nan")}), "'left_wrist' must sum to 1. Received: nan"),
        (a_map(left_wrist={"LELB": True}), "'left_wrist' must be a name, a list"),
        (a_map(left_wrist={"LELB": "1"}), "'left_wrist' must be a name, a list"),
        (a_map(left_wrist={}), "'left_wrist' must be a name, a list.*Received: {}"),
        (a_map(left_wrist=[]), "'left_wrist' must be a name, a list"),
        (a_map(left_wrist=[["a"]]), "'left_wrist' must be a name, a list"),
        (a_map(left_wrist=3), "'left_wrist' must be a name, a list.*Received: 3"),
        (a_map(left_paw="LPAW"), "lsp14 has no joint 'left_paw'; it has"),
        ({"target": "lsp14", "joints": {"neck": "a"}}, "all joints of lsp14. Missing:"),
        (a_map() | {"target": "lsp15"}, "lsp15"),
        ([], "must have `joints`"),
        ({"joints": []}, "must have `joints`"),
        ('{"joints": {"neck": "a", "neck": "b"}}', "names must be different. .*'neck'"),
        ('{"joints": ', "line 1 column"),
        ("", "line 1 column 1"),
    ],
)
def test_errors_in_a_map_are_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=f"studio.json: .*{message}"):
        skeleton_maps.load(write(tmp_path, content))


def test_broken_yaml_is_named_in_one_line(tmp_path):
    with pytest.raises(ValueError, match="a.yaml: must be YAML") as error:
        skeleton_maps.load(write(tmp_path, "joints: [a", "a.yaml"))
    assert "\n" not in str(error.value)


def test_a_joint_that_the_clip_lacks_is_named(tmp_path):
    clip = make(NAMES[:-2], clip="walk")
    with pytest.raises(
        ValueError, match="walk: the map 'studio' needs 'LHAND' for 'left_wrist'. Received: M_"
    ):
        skeleton_maps.to_skeleton(clip, "lsp14", write(tmp_path, a_map()))


def test_a_map_for_another_skeleton_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'studio' must be for 'h36m17'. Received: 'lsp14'"):
        skeleton_maps.to_skeleton(make(NAMES), "h36m17", write(tmp_path, a_map()))


def test_a_file_or_a_map_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.json"):
        skeleton_maps.to_skeleton(make(NAMES), "lsp14", tmp_path / "none.json")
    with pytest.raises(ValueError, match="`map` must be a file or one of cmu_asf, .*'cmu'"):
        skeleton_maps.get("cmu")
    with pytest.raises(ValueError, match="`map` must be a file or one of cmu_asf, .*'vicon'"):
        skeleton_maps.to_skeleton(make(NAMES), "h36m17", "vicon")


def test_prefixes_are_not_needed_where_names_are_unique():
    clip = make([f"mixamorig:{joint}" for joint in skeletons.H36M_17.joint_names])
    np.testing.assert_array_equal(skeleton_maps.to_skeleton(clip), clip.positions)
    two = [f"{person}:{joint}" for person in "ab" for joint in skeletons.H36M_17.joint_names]
    with pytest.raises(ValueError, match="fit no known map"):
        skeleton_maps.to_skeleton(make(two))


def test_a_map_as_a_matrix():
    matrix = skeleton_maps.get("cmu_asf").matrix(CMU_ASF)
    assert matrix.shape == (17, 31)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert not matrix[:, [CMU_ASF.index(name) for name in ("root", "lradius", "lhand")]].any()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (CMU_ASF, "cmu_asf"),
        (CGSPEED, "cgspeed_bvh"),
        (skeletons.H36M_17.joint_names, "h36m17"),
        (skeletons.get("h36m32").joint_names, "h36m32"),
        ((*skeletons.H36M_17.joint_names, "pelvis_to_spine"), "h36m17"),
    ],
)
def test_known_files_need_no_map(names, expected):
    assert skeleton_maps.guess(names).name == expected
    shuffled = sorted(names)
    poses = skeleton_maps.to_skeleton(make(names))
    again = make(names).positions[:, [names.index(name) for name in shuffled]]
    np.testing.assert_allclose(skeleton_maps.to_skeleton(make(shuffled, again)), poses)


def test_human36m_of_32_joints_has_the_17_among_them():
    names = skeletons.get("h36m32").joint_names
    clip = make(names)
    poses = skeleton_maps.to_skeleton(clip)
    for joint, name in enumerate(skeletons.H36M_17.joint_names):
        np.testing.assert_array_equal(poses[:, joint], clip.positions[:, names.index(name)])


def test_known_joints_are_where_the_maps_of_cmu_have_them():
    clip = make(CGSPEED)
    place = {name: clip.positions[:, j] for j, name in enumerate(CGSPEED)}
    poses = dict(
        zip(
            skeletons.H36M_17.joint_names,
            np.moveaxis(skeleton_maps.to_skeleton(clip), 1, 0),
            strict=True,
        )
    )
    np.testing.assert_allclose(
        poses["right_wrist"],
        place["RightForeArm"] + 1.5 * (place["RightHand"] - place["RightForeArm"]),
    )
    np.testing.assert_allclose(poses["pelvis"], (place["LeftUpLeg"] + place["RightUpLeg"]) / 2)
    np.testing.assert_allclose(poses["spine"], (place["Spine"] + place["Spine1"]) / 2)
    # The forearm is radius and wrist; the root is not a joint of the body.
    asf = skeleton_maps.get("cmu_asf").joints
    assert asf["left_wrist"] == {"lwrist": 1.0}
    assert asf["right_wrist"] == {"rwrist": 1.0}
    assert asf["pelvis"] == {"lhipjoint": 0.5, "rhipjoint": 0.5}
    assert asf["spine"] == {"lowerback": 0.5, "upperback": 0.5}
    assert asf["thorax"] == {"lowerneck": 1.0}
    for joint in skeletons.H36M_17.joint_names:
        side = joint.partition("_")[0]
        if side in ("left", "right"):
            others = [n for n in CGSPEED if n.startswith({"left": "R", "right": "L"}[side])]
            used = skeleton_maps.get("cgspeed_bvh").joints[joint]
            assert not set(used) & set(others)
            letter = {"left": "r", "right": "l"}[side]
            used = skeleton_maps.get("cmu_asf").joints[joint]
            assert not [n for n in used if n.startswith(letter)]


def test_the_error_for_unknown_joints_lists_the_missing_ones():
    names = [name for name in CGSPEED if name not in ("Neck1", "Head")]
    with pytest.raises(
        ValueError,
        match="run_7: its joints fit no known map to h36m17, so `map` must be given; the nearest "
        "is 'humanik': 15 of the 16 joints that it needs are there, it lacks Head. Received: the "
        "joints Hips, LHipJoint",
    ):
        skeleton_maps.to_skeleton(make(names, clip="run_7"))
    with pytest.raises(ValueError, match="so `map` must be given. Received: the joints a, b"):
        skeleton_maps.guess(("a", "b"))
    with pytest.raises(ValueError, match="no_such"):
        skeleton_maps.guess(("a", "b"), "no_such")


def test_every_map_of_the_library_is_listed():
    folder = pathlib.Path(skeleton_maps.__file__).parent / "maps"
    assert {path.stem for path in folder.iterdir()} == set(skeleton_maps.BUILT_IN)
    for name in skeleton_maps.BUILT_IN:
        assert skeleton_maps.get(name).name == name
