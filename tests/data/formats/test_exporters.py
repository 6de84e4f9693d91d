"""Files of many exporters, which convert without a map of the user."""

import json
import pathlib
import re

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.datasets import conversion
from tf_lift.data.formats import bvh, bvh_text, readers, skeleton_maps
from tf_lift.data.motion.clip import Motion

CASES = pathlib.Path(__file__).parents[2] / "cases"
H36M = skeletons.H36M_17
LIMBS = [i for i, n in enumerate(H36M.joint_names) if n.startswith(("left_", "right_"))]

# Names as exporters write them, more than a map needs.
EXPORTERS = {
    "humanik": (
        "Reference Hips LeftUpLeg LeftLeg LeftFoot LeftToeBase RightUpLeg RightLeg RightFoot Spine "
        "Spine1 Spine2 Spine3 LeftShoulder LeftArm LeftForeArm LeftForeArmRoll LeftHand "
        "LeftHandIndex1 RightShoulder RightArm RightForeArm RightHand Neck Neck1 Head"
    ),
    # LaFAN1.
    "humanik ": (
        "Hips LeftUpLeg LeftLeg LeftFoot LeftToe RightUpLeg RightLeg RightFoot RightToe Spine "
        "Spine1 Spine2 Neck Head LeftShoulder LeftArm LeftForeArm LeftHand RightShoulder RightArm "
        "RightForeArm RightHand"
    ),
    # Rokoko's own skeleton.
    "humanik  ": (
        "Hips Spine1 Spine2 Spine3 Spine4 Neck Head HeadEnd RightShoulder RightArm RightForeArm "
        "RightHand LeftShoulder LeftArm LeftForeArm LeftHand RightThigh RightShin RightFoot "
        "RightToe LeftThigh LeftShin LeftFoot LeftToe"
    ),
    "xsens": (
        "Hips Chest Chest2 Chest3 Chest4 Neck Head Head_end RightCollar RightShoulder RightElbow "
        "RightWrist LeftCollar LeftShoulder LeftElbow LeftWrist RightHip RightKnee RightAnkle "
        "RightToe LeftHip LeftKnee LeftAnkle LeftToe"
    ),
    "xsens_segments": (
        "Pelvis L5 L3 T12 T8 Neck Head RightShoulder RightUpperArm RightForeArm RightHand "
        "LeftShoulder LeftUpperArm LeftForeArm LeftHand RightUpperLeg RightLowerLeg RightFoot "
        "RightToe LeftUpperLeg LeftLowerLeg LeftFoot LeftToe"
    ),
    "bandai_namco": (
        "joint_Root Hips Spine Chest Neck Head Shoulder_L UpperArm_L LowerArm_L Hand_L Shoulder_R "
        "UpperArm_R LowerArm_R Hand_R UpperLeg_L LowerLeg_L Foot_L Toes_L UpperLeg_R LowerLeg_R "
        "Foot_R Toes_R"
    ),
    "ipi": (
        "Hip LowerSpine MiddleSpine Chest Neck Head Head_end RClavicle RShoulder RForearm RHand "
        "LClavicle LShoulder LForearm LHand RThigh RShin RFoot RToe LThigh LShin LFoot LToe"
    ),
    "motive": (
        "Hip Ab Chest Neck Head LShoulder LUArm LFArm LHand RShoulder RUArm RFArm RHand LThigh "
        "LShin LFoot LToe RThigh RShin RFoot RToe"
    ),
    "daz": (
        "hip abdomen chest neck head lCollar lShldr lForeArm lHand rCollar rShldr rForeArm rHand "
        "lButtock lThigh lShin lFoot rButtock rThigh rShin rFoot"
    ),
    "unreal": (
        "root pelvis spine_01 spine_02 spine_03 neck_01 head clavicle_l upperarm_l lowerarm_l "
        "hand_l clavicle_r upperarm_r lowerarm_r hand_r thigh_l calf_l foot_l ball_l thigh_r "
        "calf_r foot_r"
    ),
    "plug_in_gait": (
        "LFHD RFHD LBHD RBHD C7 T10 CLAV STRN LSHO RSHO LASI RASI LPSI RPSI LKNE RKNE LANK RANK "
        "PELO PELP LFEP LFEO LTIO LTOO RFEP RFEO RTIO LCLO LHUO LRAO LHNO RCLO RHUO RRAO TRXO HEDO "
        "LHipAngles"
    ),
    "plug_in_gait_markers": (
        "LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM LWRA LWRB LFIN RSHO RUPA "
        "RELB RFRM RWRA RWRB RFIN LASI RASI LPSI RPSI LTHI LKNE LTIB LANK LHEE LTOE RTHI RKNE RTIB "
        "RANK RHEE RTOE"
    ),
    "qualisys_markers": (
        "HeadL HeadTop HeadR HeadFront LShoulderTop LShoulderBack LArm LElbowOut LWristOut "
        "LWristIn LHandOut RShoulderTop RShoulderBack RArm RElbowOut RWristOut RWristIn RHandOut "
        "Chest SpineTop BackL BackR WaistLFront WaistRFront WaistLBack WaistRBack LThigh LKneeOut "
        "LShin LAnkleOut LHeelBack RThigh RKneeOut RShin RAnkleOut"
    ),
    "openpose": (
        "RHip RKnee RAnkle RBigToe RSmallToe RHeel LHip LKnee LAnkle Neck Head Nose RShoulder "
        "RElbow RWrist LShoulder LElbow LWrist"
    ),
    # COCO's 17, which have ears instead of a neck and a crown.
    "openpose ": (
        "Nose LEye REye LEar REar LShoulder RShoulder LElbow RElbow LWrist RWrist LHip RHip LKnee "
        "RKnee LAnkle RAnkle"
    ),
    "mediapipe": " ".join(skeletons.MEDIAPIPE_33.joint_names),
    "theia": (
        "worldbody pelvis l_thigh l_shank l_foot l_toes r_thigh r_shank r_foot r_toes torso "
        "l_clavicle l_uarm l_larm l_hand r_clavicle r_uarm r_larm r_hand head pelvis_shifted"
    ),
}


def clip_of(names):
    rng = np.random.default_rng(3)
    return Motion(rng.normal(0, 500, [3, len(names), 3]), names, (-1,) * len(names), fps=30)


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("form", ["{}", "Ann:{}", "S01_{}"])
def test_names_of_exporters_are_known(exporter, form):
    names = [form.format(name) for name in EXPORTERS[exporter].split()]
    assert skeleton_maps.guess(names).name == exporter.strip()
    clip, bare = clip_of(names), clip_of(EXPORTERS[exporter].split())
    np.testing.assert_array_equal(skeleton_maps.to_skeleton(clip), skeleton_maps.to_skeleton(bare))


# Spellings of left, each with that of right.
SIDES = (
    ("^Left", "^Right"),
    ("^left", "^right"),
    ("Left$", "Right$"),
    ("_L$", "_R$"),
    ("_l$", "_r$"),
    ("(?<=Head)L$", "(?<=Head)R$"),
    ("(?<=^Waist)L", "(?<=^Waist)R"),
    ("(?<=^J_Bip_)L", "(?<=^J_Bip_)R"),
    ("^l(?=[_A-Z])", "^r(?=[_A-Z])"),
    ("^L(?=[ _A-Z])", "^R(?=[ _A-Z])"),
)


def test_the_map_of_the_documentation_fits_real_names(tmp_path):
    pytest.importorskip("yaml", reason="needs the extra `mocap`")
    page = (pathlib.Path(__file__).parents[3] / "docs" / "mocap.md").read_text(encoding="utf-8")
    (text,) = re.findall("```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "vicon.yaml").write_text(text)
    found = skeleton_maps.load(tmp_path / "vicon.yaml")
    assert found.missing(tuple(EXPORTERS["plug_in_gait"].split())) == []
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", page)))
    assert set(skeleton_maps.BUILT_IN) <= set(listed)


def mirrored(name):
    """The name of a joint's mirror image."""
    for pair in SIDES:
        for this, other in (pair, pair[::-1]):
            if re.search(this, name):
                return re.sub(this, re.sub(r"\(.*?\)|[\^$]", "", other), name)
    return name


@pytest.mark.parametrize("name", skeleton_maps.BUILT_IN)
def test_left_and_right_of_a_map_mirror_each_other(name):
    found = skeleton_maps.get(name)
    if name in ("cmu_asf", "cgspeed_bvh"):
        pytest.skip("tested by its own names")
    for joint, other in zip(H36M.joint_names, H36M.swap, strict=True):
        for choice, image in zip(
            (found.joints[joint], *found.alternatives.get(joint, ())),
            (
                found.joints[H36M.joint_names[other]],
                *found.alternatives.get(H36M.joint_names[other], ()),
            ),
            strict=True,
        ):
            turned = {mirrored(source): weight for source, weight in choice.items()}
            assert turned == pytest.approx(image), joint
            if joint.startswith("left_"):
                assert turned != choice


@pytest.mark.parametrize("name", skeleton_maps.BUILT_IN)
def test_every_map_and_each_alternative_finds_its_own_file(name):
    found = skeleton_maps.get(name)
    for index in range(max(map(len, found.alternatives.values()), default=0) + 1):
        sources = dict.fromkeys(
            source
            for joint in found.joints
            for source in ((found.joints[joint], *found.alternatives.get(joint, ()))[: index + 1])[
                -1
            ]
        )
        assert not found.missing(tuple(sources))
    assert skeleton_maps.guess(found.sources).name == name


@pytest.mark.parametrize(
    ("file", "map_file"),
    [
        ("01-bvh-humanik/humanik.bvh", "01-bvh-humanik/humanik.json"),
        ("01-bvh-humanik/mixamo.bvh", "01-bvh-humanik/humanik.json"),
        ("01-bvh-humanik/xsens.bvh", None),
    ],
)
def test_bvh_files_of_exporters_convert(file, map_file, tmp_path):
    result = conversion.convert([CASES / file], tmp_path / "poses.npz", fps=30)
    assert not result.skipped
    (clip,) = result.clips
    assert clip.num_poses == 12
    assert clip.unit_mm == 10.0
    assert 1500 < clip.height_mm < 1700
    (motion,) = readers.read(CASES / file)
    poses = skeleton_maps.to_skeleton(motion)
    if map_file is None:
        place = dict(zip(motion.joint_names, np.moveaxis(motion.positions, 1, 0), strict=True))
        np.testing.assert_array_equal(poses[:, 13], place["LeftWrist"])
        np.testing.assert_array_equal(poses[:, 3], place["RightAnkle"])
        return
    expected = skeleton_maps.to_skeleton(motion, map=CASES / map_file)
    # The map of the case has the spine's joint 74 mm lower.
    others = [i for i in range(17) if i != H36M.joint_names.index("spine")]
    np.testing.assert_allclose(poses[:, others], expected[:, others], atol=1e-6)


def test_the_map_of_the_case_fits_a_file_whose_end_sites_are_empty(tmp_path):
    """`Head_end` has no length in the file, so it is `Head`."""
    file, given = (CASES / "01-bvh-humanik" / name for name in ("xsens.bvh", "xsens.json"))
    result = conversion.convert([file], tmp_path / "poses.npz", map=given)
    assert not result.skipped
    (motion,) = readers.read(file)
    head = motion.positions[:, motion.joint_names.index("Head")]
    np.testing.assert_array_equal(skeleton_maps.to_skeleton(motion, map=given)[:, 10], head)


def test_joint_centres_of_vicon_convert(tmp_path):
    """Row 02: a C3D file with the names that Plug-in Gait writes."""
    given = json.loads((CASES / "02-c3d" / "pig_joint_centres.json").read_text())["joints"]
    poses = mocap_files.walk(30)
    place = dict(zip(H36M.joint_names, np.moveaxis(poses, 1, 0), strict=True))
    points = {source: place[joint] for joint, source in given.items() if isinstance(source, str)}
    for joint, sources in given.items():
        for source in sources if not isinstance(sources, str) else ():
            points.setdefault(source, place[joint])
    labels = [f"Ann:{name}" for name in points]
    mocap_files.write_c3d(tmp_path / "a.c3d", np.stack(list(points.values()), 1), labels)
    result = conversion.convert([tmp_path / "a.c3d"], tmp_path / "poses.npz", fps=50)
    assert not result.skipped
    (motion,) = readers.read(tmp_path / "a.c3d")
    found = skeleton_maps.to_skeleton(motion)
    np.testing.assert_allclose(found[:, LIMBS], poses[:, LIMBS], atol=0.01)
    theirs = skeleton_maps.to_skeleton(motion, map=CASES / "02-c3d" / "pig_joint_centres.json")
    np.testing.assert_allclose(found[:, LIMBS], theirs[:, LIMBS], atol=1e-9)


def test_files_of_bandai_namco_convert(tmp_path):
    """Row 03: their names, and position channels on every joint."""
    given = json.loads((CASES / "03-bvh-bandai" / "bandai.json").read_text())["joints"]
    poses = mocap_files.walk(30)
    place = dict(zip(H36M.joint_names, np.moveaxis(poses, 1, 0), strict=True))
    limbs = {source: joint for joint, source in given.items() if isinstance(source, str)}
    chain = ["Hips", *limbs, "Chest"]
    place |= {"Hips": place["pelvis"], "Chest": place["spine"] + [0, 0, 90.0]}
    world = np.stack([place[limbs.get(name, name)] for name in chain], axis=1)[..., [1, 2, 0]] / 10
    offsets = world[0] - world[0, :1]
    channels = ("Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation")
    hierarchy = bvh_text.Hierarchy(
        tuple(chain),
        (-1, *([0] * (len(chain) - 1))),
        offsets,
        (channels,) * len(chain),
        (False,) * len(chain),
    )
    moves = world - world[:, :1]
    moves[:, 0] = world[:, 0]
    values = np.concatenate([moves, np.zeros_like(moves)], axis=2).reshape(len(world), -1)
    path = tmp_path / "dataset-1_walk.bvh"
    path.write_text(bvh_text.compose(hierarchy, values, fps=30.0))
    result = conversion.convert([path], tmp_path / "poses.npz", fps=30, unit="cm", up="y")
    assert not result.skipped
    motion = bvh.read(path, unit_mm=10.0, up="y")
    assert skeleton_maps.guess(motion.joint_names).name == "bandai_namco"
    found = skeleton_maps.to_skeleton(motion)
    theirs = skeleton_maps.to_skeleton(motion, map=CASES / "03-bvh-bandai" / "bandai.json")
    np.testing.assert_allclose(found, theirs, atol=1e-9)
    root = found[:, :1]
    turned = (poses - poses[:, :1])[..., [1, 2, 0]][..., [0, 2, 1]] * [1, -1, 1]
    np.testing.assert_allclose((found - root)[:, LIMBS], turned[:, LIMBS], atol=0.01)


@pytest.mark.parametrize("file", ["decimal_comma", "missing_space"])
def test_badly_written_numbers_are_read(file, tmp_path):
    """Row 04: decimal commas, and numbers that run together."""
    folder = CASES / "04-bvh-slimevr"
    (found,), (whole,) = readers.read(folder / f"{file}.bvh"), readers.read(folder / "whole.bvh")
    if file == "decimal_comma":
        np.testing.assert_array_equal(found.positions, whole.positions)
        assert found.notes == ()
        return
    # The space that is missing stood before a number that the minus sign now turns.
    text = (folder / "missing_space.bvh").read_text()
    (tmp_path / "mended.bvh").write_text(re.sub(r"(?<=\d)-", " -", text))
    (mended,) = readers.read(tmp_path / "mended.bvh")
    np.testing.assert_array_equal(found.positions, mended.positions)
    assert found.notes == (
        "line 110 runs numbers together: '-0.000000-2.199954' is read as -0.000000 and -2.199954",
    )
    report = conversion.convert([folder / "missing_space.bvh"], tmp_path / "p.npz").clips[0]
    assert "line 110 runs numbers together" in report.notes[0]


def test_an_odd_unit_shows_in_the_height(tmp_path):
    """Row 05: taken for inches, the person has 1,082 mm from ankles to head, in 37 mm 1,578."""
    path = CASES / "05-bvh-unit" / "odd_unit.bvh"
    (guessed,) = conversion.convert([path], tmp_path / "a.npz").clips
    assert guessed.unit_mm == 25.4
    assert guessed.height_mm == pytest.approx(1082, rel=0.02)
    assert any("give the file's unit with `--unit`" in note for note in guessed.notes)
    (told,) = conversion.convert([path], tmp_path / "a.npz", unit="37").clips
    assert told.unit_mm == 37.0
    assert told.height_mm == pytest.approx(1578, rel=0.02)
    assert told.notes == ()


@pytest.mark.parametrize("unit", ["120", "10"])
def test_impossible_heights_are_refused(unit, tmp_path):
    path = CASES / "05-bvh-unit" / "odd_unit.bvh"
    result = conversion.convert([path], tmp_path / "a.npz", unit=unit)
    assert result.output is None
    assert "give the file's unit with `--unit`" in result.skipped[0].reason


def test_hips_and_knees_are_inside_the_markers_of_a_standing_person():
    """Known values: a pelvis 250 mm wide and 160 mm deep, by the fractions of Bell et al."""
    names = EXPORTERS["plug_in_gait_markers"].split()
    clip = clip_of(names)
    place = dict.fromkeys(names, (0.0, 0.0, 0.0)) | {
        "LASI": (-125, 0, 900), "RASI": (125, 0, 900), "LPSI": (-40, -160, 900),
        "RPSI": (40, -160, 900), "C7": (0, -140, 1350), "CLAV": (0, -20, 1350),
        "RKNE": (140, -50, 450), "RANK": (130, -60, 70), "RSHO": (190, -80, 1400),
    }  # fmt: skip
    positions = np.tile(np.array([place[name] for name in names]), (3, 1, 1))
    clip = Motion(positions, names, clip.parents, fps=30)
    pose = dict(zip(H36M.joint_names, skeleton_maps.to_skeleton(clip)[0], strict=True))
    np.testing.assert_allclose(pose["right_hip"], [125 - 35, -0.33 * 160, 900 - 76.5])
    np.testing.assert_allclose(pose["left_hip"], [-90, -52.8, 823.5])
    np.testing.assert_allclose(pose["right_knee"], [90, -50, 450])
    np.testing.assert_allclose(pose["right_ankle"], [95, -60, 70])
    np.testing.assert_allclose(pose["right_shoulder"], [190, -80, 1355])


def test_a_body_without_arms_is_refused_with_the_nearest_map():
    """As SlimeVR writes it for trackers of the legs."""
    names = (
        "HMD Head Neck Chest Waist Hip Left-Hip Left-Knee Left-Ankle Left-Foot Right-Hip "
        "Right-Knee Right-Ankle Right-Foot"
    ).split()
    with pytest.raises(
        ValueError,
        match="the nearest is 'xsens': 9 of the 15 joints .* it lacks LeftShoulder, LeftElbow",
    ):
        skeleton_maps.guess(names)


def test_a_rest_pose_that_lies_along_one_axis_is_read(tmp_path):
    """As Rokoko writes it: with all angles 0, trunk and legs point along x."""
    bones = {  # Name, parent, offset (cm), angle about z.
        "Hips": ("", (0, 94, 0), 0), "Spine": ("Hips", (0, 13, 0), 90),
        "Spine1": ("Spine", (12.7, 0, 0), 0), "Spine2": ("Spine1", (12.8, 0, 0), 0),
        "LeftShoulder": ("Spine2", (10.4, -7, 2), 0),
        "LeftArm": ("LeftShoulder", (3, -13, 0), 180),
        "LeftForeArm": ("LeftArm", (26, 0, 0), 0), "LeftHand": ("LeftForeArm", (27, 0, 0), 0),
        "Neck": ("Spine2", (18.2, 0, 0), 0), "Head": ("Neck", (11, 0, 0), 0),
        "RightShoulder": ("Spine2", (10.4, 7, 2), 0),
        "RightArm": ("RightShoulder", (3, 13, 0), 180),
        "RightForeArm": ("RightArm", (26, 0, 0), 0), "RightHand": ("RightForeArm", (27, 0, 0), 0),
        "LeftUpLeg": ("Hips", (8.1, 0, 0), -90), "LeftLeg": ("LeftUpLeg", (43, 0, 0), 0),
        "LeftFoot": ("LeftLeg", (43, 0, 0), 0), "LeftToeBase": ("LeftFoot", (5, 0, 14), 0),
        "RightUpLeg": ("Hips", (-8.1, 0, 0), -90), "RightLeg": ("RightUpLeg", (43, 0, 0), 0),
        "RightFoot": ("RightLeg", (43, 0, 0), 0), "RightToeBase": ("RightFoot", (5, 0, 14), 0),
    }  # fmt: skip
    names = tuple(bones)
    hierarchy = bvh_text.Hierarchy(
        names,
        tuple(names.index(parent) if parent else -1 for parent, _, _ in bones.values()),
        np.array([offset for _, offset, _ in bones.values()], float),
        (("Xposition", "Yposition", "Zposition", "Zrotation"), *([("Zrotation",)] * 21)),
        (False,) * len(names),
    )
    row = [0.0, 94.0, 0.0, *(angle for _, _, angle in bones.values())]
    steps = np.arange(6)[:, None] * ([0.0, 0.0, 2.0] + [0.0] * (len(row) - 3))
    text = bvh_text.compose(hierarchy, np.array(row) + steps, fps=100.0)
    (tmp_path / "dance.bvh").write_text(text)
    (clip,) = conversion.convert([tmp_path / "dance.bvh"], tmp_path / "poses.npz").clips
    assert clip.unit_mm == 10.0
    # From the ankles: 86 cm to the hips, 56.7 to the neck, 22 to the top joint.
    assert clip.height_mm == pytest.approx(1647, abs=2)
    poses = skeleton_maps.to_skeleton(bvh.read(tmp_path / "dance.bvh"))[0]
    pose = dict(zip(H36M.joint_names, poses, strict=True))
    np.testing.assert_allclose(pose["thorax"] - pose["pelvis"], [0, 0, 567], atol=0.1)
    np.testing.assert_allclose(pose["left_hip"] - pose["right_hip"], [162, 0, 0], atol=0.1)
    assert pose["left_shoulder"][0] > 100 > pose["right_shoulder"][0]
