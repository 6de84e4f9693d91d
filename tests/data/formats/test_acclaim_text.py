"""The text of ASF and AMC files, and the messages about errors in it."""

import numpy as np
import pytest

from tf_lift.data.formats import acclaim_text

ASF = """:version 1.10
:units
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 1 2 3
  orientation 0 0 0
:bonedata
  begin
    id 1
    name hip   # remark
    direction 0 -2 0
    length 5
    axis 0 0 20 ZYX
    dof rz rx
    limits (-1 1)
           (-2 2)
  end
  begin
    id 2
    name toe
    direction 0 0 1
    length 2
  end
:hierarchy
  begin
    root hip
    hip toe
  end
"""
AMC = """#!OML:ASF x
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 4 5 6
hip 7 8
2
hip 9 10
root 1 2 3 4 5 6

3
root 1 2 3 4 5 6
hip 1e1 -1e-14
"""


@pytest.fixture
def skeleton(tmp_path):
    (tmp_path / "a.asf").write_text(ASF, encoding="utf-8")
    return acclaim_text.read_asf(tmp_path / "a.asf")


def test_a_skeleton(skeleton):
    assert skeleton.joint_names == ("root", "hip", "toe")
    assert skeleton.parents == (-1, 0, 1)
    np.testing.assert_array_equal(skeleton.offsets, [[1, 2, 3], [0, -5, 0], [0, 0, 2]])
    assert skeleton.channels == (("TX", "TY", "TZ", "RX", "RY", "RZ"), ("RZ", "RX"), ())
    assert skeleton.orders == ("XYZ", "ZYX", "XYZ")
    assert skeleton.degrees
    # 1/0.45 inch; not 0.45 inches.
    assert skeleton.unit_mm == pytest.approx(56.444, abs=0.001)


def test_a_clip(skeleton):
    numbers, degrees = acclaim_text.parse_amc(AMC, skeleton)
    np.testing.assert_array_equal(numbers[1], [[7, 8], [9, 10], [10, -1e-14]])
    np.testing.assert_array_equal(numbers[0], [range(1, 7)] * 3)
    assert numbers[2].shape == (3, 0)
    assert degrees


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":x", "must have a section :hierarchy.*units, root, bonedata, x"),
        (ASF, "", "must have a section :root. Received: nothing"),
        ("length 0.45", "length zero", "line 3: must have 1 numbers. Received: zero"),
        ("length 0.45", "length 0", "line 3: length must be positive. Received: 0"),
        ("position 1 2 3", "position 1 2", "line 8: must have 3 numbers. Received: 1 2"),
        ("direction 0 -2 0", "direction 0 nan 0", "line 14: must have 3 numbers"),
        ("    length 5\n", "", "line 19: the bone that ends here has no length"),
        ("name toe", "name hip", "line 26: bone names must be unique. Received: 'hip'"),
        ("ZYX", "ZZX", "line 16: axes of 'hip' must be X, Y, Z. Received: ZZX"),
        ("dof rz rx", "dof rz l", "line 17: degrees of freedom of 'hip' must be among.*rz l"),
        ("dof rz rx", "dof rz rz", "line 17: degrees of freedom of 'hip' must be among.*each once"),
        ("    hip toe\n", "", r"hierarchy must hold all bones. Received: none for \['toe'\]"),
        ("root hip\n    hip toe", "hip toe", "line 29: 'hip' must be below the root"),
        ("hip toe", "hip hip", "line 30: the bone 'hip' has two parents"),
        ("hip toe", "hip toes", "line 30: the bone 'toes' is in no :bonedata"),
        ("    length 2\n  end\n", "    length 2\n", "the bone must have an end"),
        ("  begin\n    id 2", "    id 2", "line 21: must be begin. Received: 'id'"),
    ],
)
def test_errors_in_a_skeleton_are_named(tmp_path, old, new, message):
    assert ASF.count(old) == 1
    (tmp_path / "a.asf").write_text(ASF.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"a.asf: .*{message}"):
        acclaim_text.read_asf(tmp_path / "a.asf")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hip 7 8\n", "", "line 6: frame 1 must have the bone 'hip'; it has 1 of 2.*frame 2"),
        ("hip 1e1 -1e-14\n", "", "line 12: frame 3 must have the bone 'hip'.*end of the file"),
        ("hip 9 10", "hip 9", "line 8: frame 2 must have 2 numbers for the bone 'hip', once.* 9$"),
        ("hip 9 10", "hip", "line 8: frame 2 must have 2 numbers.*Received: none"),
        ("hip 9 10", "hip 9 10\nhip 9 10", "line 9: frame 2 must have 2 numbers for.*once"),
        ("hip 9 10", "tail 9 10", "line 8: frame 2 has the bone 'tail'.*another person's"),
        ("hip 9 10", "toe 9 10", "line 8: frame 2 has the bone 'toe', which does not move"),
        ("hip 9 10", "hip 9 nan", "line 8: frame 2, bone 'hip' must have finite.*9 nan"),
        ("hip 9 10", "hip 9 1-0", "line 8: frame 2, bone 'hip' must have finite.*9 1-0"),
        ("\n2\n", "\n4\n", "line 7: frame 2 must be next. Received: 4"),
        ("\n1\n", "\n", "line 4: must be a frame's number. Received: 'root'"),
        (AMC, "", "must have frames. Received: none"),
    ],
)
def test_errors_in_a_clip_are_named(skeleton, old, new, message):
    assert AMC.count(old) == 1
    with pytest.raises(ValueError, match=message):
        acclaim_text.parse_amc(AMC.replace(old, new), skeleton)


# A cut between two frames cannot be detected.
WHOLE = [AMC.index(f"\n{number}\n") + shift for number in (2, 3) for shift in (-1, 0, 1)]


@pytest.mark.parametrize("length", [n for n in range(30, len(AMC) - 8, 7) if n not in WHOLE])
def test_a_clip_cut_inside_a_frame_is_never_half_read(skeleton, length):
    with pytest.raises(ValueError, match="^must have frames|^line [0-9]+: frame [0-9]"):
        acclaim_text.parse_amc(AMC[:length], skeleton)
