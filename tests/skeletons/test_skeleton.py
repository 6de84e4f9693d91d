import dataclasses

import pytest

from tf_lift.skeletons import Skeleton

NAMES = ("hub", "left_arm", "right_arm")


def test_bones_swap_and_points():
    skeleton = Skeleton("y", NAMES, (-1, 0, 0), points={"hub": "navel"})
    assert skeleton.num_joints == 3
    assert skeleton.swap == (0, 2, 1)
    assert skeleton.bones == ((0, 1), (0, 2))
    assert skeleton.point_names == ("navel", "left_arm", "right_arm")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joint_names": ("hub", "hub", "tail")}, "`joint_names` must not repeat.*'tail'"),
        ({"parents": (-1, 0)}, r"`parents` must lead each of the 3 joints.*\(-1, 0\)"),
        ({"parents": (-1, 2, 1)}, r"`parents` must lead.*\(-1, 2, 1\)"),
        ({"parents": (0, 0, 0)}, r"`parents` must lead.*\(0, 0, 0\)"),
        ({"parents": (-1, 0, 3)}, r"`parents` must lead.*\(-1, 0, 3\)"),
        ({"parents": (-2, 0, 0)}, r"`parents` must lead.*\(-2, 0, 0\)"),
        ({"parents": (-1, 0, -2)}, r"`parents` must lead.*\(-1, 0, -2\)"),
        ({"sources": {"tail": (("hub",),)}}, r"`sources` must name joints.*\['tail'\]"),
        ({"points": {"tail": "hub"}}, r"`points` must name joints.*\['tail'\]"),
        (
            {"sources": {"hub": (("a", "b"), {"a": 0.5, "b": 0.4})}},
            r"`sources` must have weights that sum to 1.*'hub', a sum of 0.9",
        ),
        ({"approximations": {"hub": ({"a": 2.0},)}}, "`approximations` must have weights"),
        ({"sources": {"hub": ((),)}}, "`sources` must have weights .* a sum of 0"),
    ],
)
def test_bad_skeletons(change, message):
    good = Skeleton("y", NAMES, (-1, 0, 0))
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(good, **change)


def test_deep_chains_and_negative_weights_are_fine():
    names = tuple(f"link{index}" for index in range(40))
    chain = Skeleton("chain", names, tuple(range(-1, 39)))
    assert len(chain.bones) == 39
    backwards = Skeleton("chain", names, (*range(1, 40), -1))
    assert backwards.bones[0] == (1, 0)
    Skeleton("y", NAMES, (-1, 0, 0), sources={"hub": ({"a": 1.5, "b": -0.5},)})
