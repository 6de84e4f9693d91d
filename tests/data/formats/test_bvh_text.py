"""The text of BVH files, and the messages about errors in it."""

import numpy as np
import pytest

from tf_lift.data.formats import bvh_text

# Tabs, CRLF, exponents, a colon and spaces in names, channels in any number and order, two
# end sites of one joint, one of zero length, and frames that are split over lines.
TEXT = (
    "HIERARCHY\r\n"
    "ROOT mixamorig:Hips\r\n{\r\n"
    "\tOFFSET 0.0 1e1 -2.5E-1\r\n"
    "\tCHANNELS 6 Zposition Xposition Yposition Xrotation Zrotation Yrotation\r\n"
    "\tJOINT Bip01 L Thigh {\r\n"
    "\t\tOFFSET\t1 2 3\r\n"
    "\t\tCHANNELS 2 yrotation XROTATION\r\n"
    "\t\tEnd Site\r\n\t\t{\r\n\t\t\tOFFSET 0 -4 0\r\n\t\t}\r\n"
    "\t\tEnd Site { OFFSET 0 -4 .5 }\r\n"
    "\t}\r\n"
    "\tJOINT Head\r\n\t{\r\n\t\tOFFSET 0 5 0\r\n\t\tCHANNELS 0\r\n"
    "\t\tEnd Site\r\n\t\t{\r\n\t\t\tOFFSET 0 0 0\r\n\t\t}\r\n\t}\r\n"
    "}\r\n"
    "MOTION\r\nFrames:2\r\nFrame Time: .0083333\r\n"
    "1 2 3 4 5 6\r\n 7 8e0\r\n\r\n"
    "-1 -2 -3 -4 -5 -6 -7 -8\r\n"
)


def test_everything_the_format_allows():
    hierarchy, values, fps = bvh_text.parse(TEXT)
    assert hierarchy.joint_names == (
        "mixamorig:Hips",
        "Bip01 L Thigh",
        "Bip01 L Thigh_end",
        "Bip01 L Thigh_end2",
        "Head",
    )
    assert hierarchy.parents == (-1, 0, 1, 1, 0)
    assert hierarchy.end_sites == (False, False, True, True, False)
    np.testing.assert_array_equal(
        hierarchy.offsets, [[0, 10, -0.25], [1, 2, 3], [0, -4, 0], [0, -4, 0.5], [0, 5, 0]]
    )
    assert hierarchy.channels[0][:4] == ("Zposition", "Xposition", "Yposition", "Xrotation")
    assert hierarchy.channels[1:] == (("Yrotation", "Xrotation"), (), (), ())
    np.testing.assert_array_equal(values, [range(1, 9), range(-1, -9, -1)])
    assert fps == 120.0


def test_composed_text_is_parsed():
    hierarchy, values, _ = bvh_text.parse(TEXT)
    text = bvh_text.compose(hierarchy, values, 29.97)
    again, numbers, fps = bvh_text.parse(text)
    for field in ("joint_names", "parents", "channels", "end_sites"):
        assert getattr(again, field) == getattr(hierarchy, field)
    np.testing.assert_array_equal(again.offsets, hierarchy.offsets)
    np.testing.assert_array_equal(numbers, values)
    assert fps == pytest.approx(29.97, rel=1e-7)
    # Every leaf has an end site, as the format requires.
    assert text.count("End Site") == 3


def test_several_roots_as_for_props():
    prop = "ROOT Ball { OFFSET 1 2 3 CHANNELS 1 Xposition End Site { OFFSET 0 0 0 } }"
    text = TEXT.replace("}\r\nMOTION", "}\r\n" + prop + "\r\nMOTION").replace("8e0", "8 9")
    hierarchy, values, _ = bvh_text.parse(text.replace("-7 -8", "-7 -8 -9"))
    assert hierarchy.joint_names[-1] == "Ball"
    assert hierarchy.parents == (-1, 0, 1, 1, 0, -1)
    again = bvh_text.parse(bvh_text.compose(hierarchy, values, 24.0))
    assert again[0].parents == hierarchy.parents
    assert again[2] == 24.0
    np.testing.assert_array_equal(again[1][:, -1], [9, -9])


@pytest.mark.parametrize(
    ("frame_time", "fps"),
    [
        (".0083333", 120.0),
        ("0.033", 30.0),
        ("0.0333667", 1 / 0.0333667),
        ("1.6667e-2", 60.0),
        ("0.04", 25.0),
        ("2", 0.5),
    ],
)
def test_frame_times_give_whole_rates(frame_time, fps):
    assert bvh_text.frame_rate(frame_time, 1) == fps


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "HIERACHY", "line 1: must be 'HIERARCHY'. Received: 'HIERACHY'"),
        ("OFFSET\t1 2 3", "OFFSET 1 two 3", r"line 7: OFFSET of 'Bip01 L Thigh' must be 3 num"),
        ("OFFSET\t1 2 3", "OFFSET 1 nan 3", r"line 7: OFFSET of 'Bip01 L Thigh' must be 3 num"),
        ("yrotation", "Wrotation", r"line 8: the 2 CHANNELS of 'Bip01 L Thigh'.*Wrotation"),
        ("CHANNELS 2", "CHANNELS two", "line 8: CHANNELS of 'Bip01 L Thigh' must be an integer"),
        ("CHANNELS 0", "JOINTS 0", "line 18: must be part of a joint. Received: 'JOINTS'"),
        ("JOINT Head", "JOINT mixamorig:Hips", "line 15: each joint must have its own name"),
        ("JOINT Head", "JOINT", "line 15: each joint must have its own name. Received: ''"),
        ("JOINT Head", "ROOT Head", "line 15: ROOT Head must not be here"),
        ("ROOT mixamorig:Hips", "JOINT a", "line 2: JOINT a must not be here"),
        ("\t\tOFFSET 0 5 0\r\n", "", "line 22: 'Head' has no OFFSET"),
        ("}\r\nMOTION", "MOTION", "line 24: '}' of 'mixamorig:Hips' must come before MOTION"),
        ("}\r\nMOTION", "}\r\n}\r\nMOTION", "line 25: must be ROOT or MOTION. Received: '}'"),
        ("Frames:2", "Frames: two", "line 26: the number of frames must be an integer"),
        ("Frames:2", "Frames: 0", "must have frames and channels. Received: 0 and 8"),
        (".0083333", "0", "line 27: the frame time must be positive. Received: '0'"),
        (".0083333", "x", "line 27: the frame time must be positive. Received: 'x'"),
        ("8e0", "8x0", r"line 29: Xrotation of 'Bip01 L Thigh' in frame 0 of 2.*'8x0'"),
        ("-5", "nan", r"line 31: Zrotation of 'mixamorig:Hips' in frame 1 of 2.*'nan'"),
        ("-5", "1e999", r"line 31: Zrotation of 'mixamorig:Hips' in frame 1 of 2.*'1e999'"),
        ("-7 -8", "", r"line 31: Yrotation of 'Bip01 L Thigh' in frame 1 of 2 must follow"),
        ("-7 -8", "-7", r"line 31: Xrotation of 'Bip01 L Thigh' in frame 1 of 2 must follow"),
        ("-7 -8", "-7 -8 -9", "2 frames of 8 numbers.*17 numbers, enough for 2.125 frames"),
        ("Frames:2", "Frames:1", "must have 1 frames of 8 numbers.*enough for 2 frames"),
        ("Frames:2", "Frames:3", "line 31: Zposition of 'mixamorig:Hips' in frame 2 of 3 must fol"),
    ],
)
def test_errors_are_named(old, new, message):
    assert TEXT.count(old) == 1
    with pytest.raises(ValueError, match=message):
        bvh_text.parse(TEXT.replace(old, new))


def test_a_line_that_lost_a_number_is_named_where_it_is():
    text = TEXT.replace("5 6\r\n 7 8e0\r\n\r\n", "5 6 7\r\n")
    with pytest.raises(ValueError, match="line 28: frame 0 of 2 must have 8 numbers. Received: 7"):
        bvh_text.parse(text)


@pytest.mark.parametrize("length", range(0, len(TEXT) - 40, 23))
def test_a_file_cut_anywhere_is_never_half_read(length):
    with pytest.raises(ValueError, match="^line [0-9]+: .*(end of the file|Received)"):
        bvh_text.parse(TEXT[:length])


def test_decimal_commas_are_read_where_there_are_no_points():
    commas = TEXT.replace("8e0", "8,5").replace(".0083333", ",0083333")
    hierarchy, values, fps = bvh_text.parse(commas)
    assert values[0, -1] == 8.5
    assert fps == 120.0
    with pytest.raises(ValueError, match=r"line 29: Xrotation of 'Bip01 L Thigh'.*'8,5'"):
        bvh_text.parse(commas.replace("-5", "-5.0"))


def test_numbers_that_run_together_are_read_with_a_note():
    notes = []
    _, values, _ = bvh_text.parse(TEXT.replace("-7 -8", "-7-8"), notes)
    np.testing.assert_array_equal(values, bvh_text.parse(TEXT)[1])
    assert notes == ["line 31 runs numbers together: '-7-8' is read as -7 and -8"]
    # Exponents do not: nothing is split where the count is right.
    assert bvh_text.parse(TEXT.replace("8e0", "8e-1"), notes)[1][0, -1] == 0.8
    assert len(notes) == 1


def test_the_first_numbers_that_run_together_are_named_where_more_is_wrong():
    text = TEXT.replace("-7 -8", "-7-8 9 9")
    with pytest.raises(ValueError, match=r"; line 31 runs numbers together: '-7-8'"):
        bvh_text.parse(text)


def test_offsets_run_together_too():
    text = TEXT.replace("OFFSET 0 5 0", "OFFSET 0-5 0")
    expected = bvh_text.parse(TEXT.replace("OFFSET 0 5 0", "OFFSET 0 -5 0"))[0].offsets
    np.testing.assert_array_equal(bvh_text.parse(text)[0].offsets, expected)
