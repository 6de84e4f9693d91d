"""Maps, checked with a body whose points are all known, and their reports."""

import dataclasses
import itertools
import pathlib

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.skeletons import COCO_17, H36M_17, MPII_16, OPENPOSE_18, Skeleton

NAMES = list(skeletons.SKELETONS)
PAIRS = pytest.mark.parametrize(("source", "target"), list(itertools.product(NAMES, NAMES)))


def body(rng):
    """Points of a body by convention and joint; those that stand in a relation obey it.

    The relations are those of the conventions' documentation, written out by hand.
    """
    names = {name for skeleton in skeletons.SKELETONS.values() for name in skeleton.joint_names}
    point = {name: rng.standard_normal(3) for name in sorted(names)}
    hips = (point["left_hip"] + point["right_hip"]) / 2
    shoulders = (point["left_shoulder"] + point["right_shoulder"]) / 2
    ears = (point["left_ear"] + point["right_ear"]) / 2
    crown = shoulders + (ears - shoulders) * 4 / 3
    own = {
        "h36m17": {"pelvis": hips, "head_top": ears},
        "cmu17": {"pelvis": hips, "head_top": ears},
        "openpose18": {"neck": shoulders},
        "openpose25": {"neck": shoulders, "mid_hip": hips},
        "openpose25b": {"head_top": crown},
        **dict.fromkeys(
            ("halpe26", "halpe136"), {"head_top": crown, "neck": shoulders, "pelvis": hips}
        ),
        "mpii16": {"pelvis": hips, "thorax": shoulders, "head_top": crown},
        "lsp14": {"neck": point["upper_neck"], "head_top": crown},
        # Its inner joints are other points.
        "mpi_inf_3dhp17": {"head_top": crown}
        | {name: rng.standard_normal(3) for name in ("neck", "spine", "head", "pelvis")},
        "h36m32": {"pelvis": hips, "spine_base": hips, "head_top": ears}
        | {f"{side}_collar": point["thorax"] for side in ("left", "right")}
        | {f"{side}_thumb_base": point[f"{side}_wrist"] for side in ("left", "right")}
        | {f"{side}_hand_end": point[f"{side}_hand"] for side in ("left", "right")},
    }
    return {
        name: np.array([(point | own.get(name, {}))[joint] for joint in skeleton.joint_names])
        for name, skeleton in skeletons.SKELETONS.items()
    }


@PAIRS
def test_every_joint_is_where_the_other_skeleton_has_it(source, target, rng):
    points = body(rng)
    converted = skeletons.convert(points[source], source, target)
    expected = points[target].copy()
    assert converted.visibility.any()
    expected[~converted.visibility] = np.nan
    # Human3.6M's head_top is at the height of the ears in this body, and does not give the crown.
    np.testing.assert_allclose(converted.points, expected, atol=1e-12)


@PAIRS
@pytest.mark.parametrize("approximate", [False, True])
def test_matrices(source, target, approximate):
    weights = skeletons.joint_map(source, target, approximate=approximate)
    source, target = skeletons.get(source), skeletons.get(target)
    assert weights.shape == (target.num_joints, source.num_joints)
    assert weights.dtype == np.float32
    used = (weights != 0).any(1)
    np.testing.assert_allclose(weights.sum(1), used, atol=1e-6)
    # Left and right have the same sources.
    mirrored = weights[np.ix_(target.swap, source.swap)]
    np.testing.assert_array_equal(mirrored, weights)
    report = skeletons.report(source, target, approximate=approximate)
    assert {*report.same, *report.combined, *report.approximate} == {
        name for name, there in zip(target.joint_names, used, strict=True) if there
    }
    kinds = (report.same, report.combined, report.approximate, report.missing)
    assert sorted(itertools.chain(*kinds)) == sorted(target.joint_names)
    assert not report.approximate or approximate
    idle = ~(weights != 0).any(0)
    assert list(report.unused) == np.array(source.joint_names)[idle].tolist()
    if source is target:
        np.testing.assert_array_equal(weights, np.eye(source.num_joints))


MISSING = {
    # Joints of the prior that other landmarks lack.
    **{
        (name, "h36m17"): "spine thorax neck_nose"
        for name in NAMES
        if name not in ("h36m17", "cmu17", "h36m32")
    },
    ("cmu17", "h36m17"): "",
    ("h36m17", "cmu17"): "",
    ("h36m32", "h36m17"): "",
    # Joints of other skeletons that the prior lacks.
    ("h36m17", "mpii16"): "upper_neck",
    ("h36m17", "lsp14"): "neck",
    ("h36m17", "mpi_inf_3dhp17"): "neck pelvis spine head",
    ("h36m17", "openpose18"): "nose right_eye left_eye right_ear left_ear",
    ("h36m17", "coco17"): "nose left_eye right_eye left_ear right_ear",
    ("h36m17", "h36m32"): "right_toe_base right_toe_end left_toe_base left_toe_end "
    "left_thumb_end left_hand left_hand_end right_thumb_end right_hand right_hand_end",
    ("openpose25", "openpose18"): "",
    ("openpose25", "coco17"): "",
    ("coco17", "openpose18"): "",
    ("mediapipe33", "openpose25"): "left_big_toe left_small_toe right_big_toe right_small_toe",
    ("mpii16", "lsp14"): "",
    ("lsp14", "mpii16"): "",
    ("h36m32", "mpii16"): "upper_neck head_top",
}


@pytest.mark.parametrize("pair", MISSING, ids="-".join)
def test_missing_joints(pair):
    assert " ".join(skeletons.report(*pair).missing) == MISSING[pair]


def test_the_documented_counts():
    """The table of docs/skeletons.md: joints that are there, + those that stand in."""
    text = (pathlib.Path(__file__).parents[2] / "docs" / "skeletons.md").read_text("utf-8")
    table = text.partition("| from \\ to |")[2].partition("\n\n")[0].splitlines()
    header, _, *rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table)
    assert header == NAMES
    assert [name for name, *_ in rows] == NAMES
    for source, *cells in rows:
        for target, cell in zip(NAMES, cells, strict=True):
            on_demand = len(skeletons.report(source, target, approximate=True).approximate)
            there = skeletons.get(target).num_joints
            there -= len(skeletons.report(source, target).missing)
            assert cell == f"{there}+{on_demand}".removesuffix("+0"), (source, target)


def test_report_lists_the_kinds_of_joints():
    report = skeletons.report("mpii16", "h36m17")
    assert report.combined == ("head_top",)
    assert report.same[0] == "pelvis"
    assert report.unused == ("thorax", "upper_neck")
    assert str(report) == (
        "mpii16 has 14 of the 17 joints of h36m17; missing: spine, thorax, neck_nose"
    )
    report = skeletons.report("mpi_inf_3dhp17", "h36m17", approximate=True)
    assert report.approximate == ("spine", "thorax", "neck_nose")
    # The middle of the hips is known, so the approximate pelvis is not used.
    assert report.combined == ("pelvis", "head_top")
    assert str(report).endswith("joints of h36m17; approximate: spine, thorax, neck_nose")
    # OpenPose's mid_hip is the pelvis itself, and is visible without the hips.
    assert skeletons.report("openpose25", "h36m17").combined == ("head_top",)
    assert skeletons.report("openpose25", "mpii16").same[6:8] == ("pelvis", "thorax")
    assert str(skeletons.report("mpii16", "lsp14")) == "mpii16 has 14 of the 14 joints of lsp14"


def test_joints_of_one_name_but_different_points_are_kept_apart():
    """MPII's `thorax` and `head_top`, LSP's and OpenPose's `neck`, 3DHP's inner joints."""
    apart = [
        ("mpii16", "h36m17", "thorax"),
        ("h36m17", "mpii16", "thorax"),
        ("lsp14", "openpose18", "neck"),
        ("openpose18", "lsp14", "neck"),
        ("mpi_inf_3dhp17", "lsp14", "neck"),
        ("mpi_inf_3dhp17", "h36m17", "spine"),
        ("mpi_inf_3dhp17", "mpii16", "pelvis"),
        ("h36m17", "mpii16", "head_top"),
        ("lsp14", "h36m17", "head_top"),
        ("h36m32", "lsp14", "head_top"),
    ]
    for source, target, joint in apart:
        source, target = skeletons.get(source), skeletons.get(target)
        weights = skeletons.joint_map(source, target, approximate=False)
        row, column = target.joint_names.index(joint), source.joint_names.index(joint)
        assert weights[row, column] not in (1.0,), (source.name, target.name, joint)


def test_approximations_are_used_only_on_demand():
    index = H36M_17.joint_names.index
    weights = skeletons.joint_map("mpi_inf_3dhp17", "h36m17", approximate=True)
    names = skeletons.MPI_INF_3DHP_17.joint_names
    for joint, other in (("spine", "spine"), ("thorax", "neck"), ("neck_nose", "head")):
        assert names[weights[index(joint)].argmax()] == other
        assert weights[index(joint)].max() == 1
    weights = skeletons.joint_map("coco17", "h36m17", approximate=True)
    names = [COCO_17.joint_names[column] for column in np.flatnonzero(weights[index("thorax")])]
    assert names == ["left_shoulder", "right_shoulder"]
    assert not weights[index("neck_nose")].any()  # A nose is no neck.
    assert not skeletons.report("h36m17", "lsp14", approximate=True).missing
    assert not skeletons.report("h36m17", "mpi_inf_3dhp17", approximate=True).missing


def test_the_crown_and_back(rng):
    """Neither way loses anything, wherever the joints are."""
    points = rng.standard_normal([4, 16, 2])
    there = skeletons.convert(points, "mpii16", "h36m17")
    back = skeletons.convert(there.points, "h36m17", "mpii16")
    kept = [name not in ("upper_neck",) for name in MPII_16.joint_names]
    kept[MPII_16.joint_names.index("thorax")] = False  # Made of the shoulders on the way back.
    np.testing.assert_allclose(back.points[:, kept], points[:, kept], atol=1e-12)
    head = there.points[:, H36M_17.joint_names.index("head_top")]
    shoulders = points[:, [12, 13]].mean(1)
    np.testing.assert_allclose(head, shoulders + 0.75 * (points[:, 9] - shoulders), atol=1e-12)


def test_order_of_the_source_does_not_matter(rng):
    order = rng.permutation(18)
    where = np.argsort(order)
    parents = np.array(OPENPOSE_18.parents)[order]
    shuffled = dataclasses.replace(
        OPENPOSE_18,
        name="shuffled",
        joint_names=tuple(OPENPOSE_18.joint_names[index] for index in order),
        parents=tuple(int(where[parent]) if parent >= 0 else -1 for parent in parents),
    )
    points = rng.standard_normal([3, 18, 2])
    expected = skeletons.convert(points, OPENPOSE_18, "h36m17")
    actual = skeletons.convert(points[:, order], shuffled, "h36m17")
    np.testing.assert_array_equal(actual.points, expected.points)
    weights = skeletons.joint_map(OPENPOSE_18, "h36m17")
    np.testing.assert_array_equal(skeletons.joint_map(shuffled, "h36m17"), weights[:, order])


def test_a_joint_is_visible_where_all_its_parts_are(rng):
    points = rng.standard_normal([5, 17, 3])
    visibility = np.ones([5, 17], bool)
    index = COCO_17.joint_names.index
    visibility[1, index("left_hip")] = False
    points[2, index("right_ear"), 1] = np.nan
    points[3, index("nose")] = np.inf  # Plays no part.
    converted = skeletons.convert(points, "coco17", "h36m17", visibility)
    lost = {1: {"pelvis", "left_hip"}, 2: {"head_top"}}
    for pose in range(5):
        missing = {"spine", "thorax", "neck_nose"} | lost.get(pose, set())
        expected = [name not in missing for name in H36M_17.joint_names]
        np.testing.assert_array_equal(converted.visibility[pose], expected)
        np.testing.assert_array_equal(np.isnan(converted.points[pose]).all(-1), ~np.array(expected))
        assert np.isfinite(converted.points[pose][expected]).all()
    assert converted.visibility.dtype == bool


def test_parts_of_negative_weight_must_be_visible_too(rng):
    points = rng.standard_normal([17, 3])
    visibility = np.ones(17, bool)
    visibility[H36M_17.joint_names.index("right_shoulder")] = False
    converted = skeletons.convert(points, "h36m17", "mpii16", visibility)
    hidden = {
        name
        for name, visible in zip(MPII_16.joint_names, converted.visibility, strict=True)
        if not visible
    }
    assert hidden == {"right_shoulder", "thorax", "upper_neck", "head_top"}


def test_weights_become_the_least(rng):
    points = rng.standard_normal([2, 17, 2])
    weights = rng.uniform(0.1, 2.0, [2, 17])
    index = COCO_17.joint_names.index
    weights[1, index("left_ear")] = 0
    weights[1, index("left_wrist")] = np.nan
    converted = skeletons.convert(points, "coco17", "h36m17", weights)
    at = H36M_17.joint_names.index
    hips = weights[:, [index("left_hip"), index("right_hip")]].min(1)
    np.testing.assert_array_equal(converted.visibility[:, 0], hips)
    assert converted.visibility[1, at("head_top")] == 0
    assert converted.visibility[1, at("left_wrist")] == 0
    assert np.isnan(converted.points[1, at("left_wrist")]).all()
    assert (converted.visibility[:, at("spine")] == 0).all()
    elbow = weights[:, index("left_elbow")]
    np.testing.assert_array_equal(converted.visibility[:, at("left_elbow")], elbow)
    # Points do not depend on their weights.
    plain = skeletons.convert(points, "coco17", "h36m17")
    np.testing.assert_array_equal(converted.points[0], plain.points[0])


def test_leading_dimensions(rng):
    points = rng.standard_normal([2, 3, 33, 3])
    converted = skeletons.convert(points, "mediapipe33", "openpose25")
    assert converted.points.shape == (2, 3, 25, 3)
    assert converted.visibility.shape == (2, 3, 25)
    one = skeletons.convert(points[1, 2], "mediapipe33", "openpose25")
    np.testing.assert_array_equal(one.points, converted.points[1, 2])
    empty = skeletons.convert(points[:0], "mediapipe33", "openpose25")
    assert empty.points.shape == (0, 3, 25, 3)


def test_a_skeleton_of_the_user(rng):
    snake = Skeleton(
        "snake",
        ("head", "tail"),
        (-1, 0),
        sources={"head": ({"left_ear": 0.75, "right_ear": 0.25},), "tail": (("navel",),)},
    )
    points = rng.standard_normal([17, 2])
    converted = skeletons.convert(points, COCO_17, snake)
    np.testing.assert_allclose(converted.points[0], 0.75 * points[3] + 0.25 * points[4])
    assert converted.report.missing == ("tail",)
    assert converted.report.source == "coco17"
    assert converted.report.target == "snake"


@pytest.mark.parametrize(
    ("shape", "visibility", "message"),
    [
        ((16, 2), None, r"`points` must have shape \[..., 17, D\] for coco17.*\(16, 2\)"),
        ((17,), None, r"`points` must have shape \[..., 17, D\].*\(17,\)"),
        ((4, 17, 2), np.ones(17), r"`visibility` must have shape \[4, 17\].*\(17,\)"),
        ((17, 2), -np.ones(17), "`visibility` must be bool or weights.* Received: -1"),
    ],
)
def test_bad_points(shape, visibility, message):
    with pytest.raises(ValueError, match=message):
        skeletons.convert(np.zeros(shape), "coco17", "h36m17", visibility)


@pytest.mark.parametrize("function", [skeletons.joint_map, skeletons.report])
def test_unknown_names(function):
    for names in (("coco17", "spider"), ("spider", "coco17")):
        with pytest.raises(ValueError, match="`skeleton` must be one of .* Received: 'spider'"):
            function(*names)
