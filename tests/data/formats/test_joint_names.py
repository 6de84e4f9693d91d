"""Joints found by name, whatever programs put in front of it."""

import pytest

from tf_lift.data.formats.joint_names import NameIndex, people

NAMES = ["Hips", "Spine", "Neck", "Head", "LeftArm", "RightArm", "LeftUpLeg", "RightUpLeg"]


@pytest.mark.parametrize(
    "prefix",
    ["", "mixamorig:", "mixamorig1:", "mixamorig", "Character1_", "a|b:", "Bip01 ", "Ann_"],
)
def test_prefixes_of_characters_are_not_needed(prefix):
    index = NameIndex(["Reference", *(prefix + name for name in NAMES)])
    assert [index.find(name) for name in NAMES] == list(range(1, 9))
    assert index.find("Tail") is None


def test_spellings_differ():
    index = NameIndex(["hips", "left_up_leg", "RIGHT-UPLEG", "spine.001"])
    assert index.find("LeftUpLeg") == 1
    assert index.find("RightUpLeg") == 2
    assert index.find("Spine001") == 3
    assert index.find("LeftUpLeg", exactly=True) is None
    assert index.find("hips", exactly=True) == 0


def test_a_name_as_written_wins_over_other_spellings():
    index = NameIndex(["left_hip", "LeftHip", "a:LeftHip"])
    assert index.find("left_hip") == 0
    assert index.find("LeftHip") == 1
    assert index.find("LEFTHIP") is None


def test_what_fits_several_joints_fits_none():
    index = NameIndex(["a:Hips", "b:Hips", "a:Head"])
    assert index.find("Hips") is None
    assert index.find("Head") == 2


def test_people_are_told_by_names_that_repeat():
    assert people([f"{who}:{name}" for who in ("Ann", "Bob") for name in NAMES]) == ["Ann", "Bob"]
    assert people([f"Ann:{name}" for name in NAMES] + ["prop:Ball"]) == []
