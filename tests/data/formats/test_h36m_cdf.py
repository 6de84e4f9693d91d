"""Human3.6M's CDF files."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import h36m_cdf
from tf_lift.data.motion import gaps
from tf_lift.io import extras

pytest.importorskip("cdflib")
POSES = mocap_files.walk(6)


def test_joints_subject_and_action(tmp_path):
    path = tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions" / "Directions 1.cdf"
    mocap_files.write_cdf(path, POSES)

    motion = h36m_cdf.read(path)

    assert (motion.subject, motion.clip, motion.fps) == ("S9", "S9_Directions 1", 50.0)
    assert motion.joint_names == skeletons.H36M_32.joint_names
    for joint, place in zip(mocap_files.NAMES, mocap_files.OF_32, strict=True):
        assert motion.joint_names[place] == joint
    np.testing.assert_allclose(motion.positions[:, mocap_files.OF_32], POSES, atol=1e-3)


def test_without_a_folder_of_the_subject(tmp_path):
    motion = h36m_cdf.read(mocap_files.write_cdf(tmp_path / "Eating.cdf", POSES))
    assert (motion.subject, motion.clip) == ("", "Eating")


def test_unit_axis_and_rate_can_be_given(tmp_path):
    path = mocap_files.write_cdf(tmp_path / "a.cdf", POSES[:, :, [0, 2, 1]] * [1, -1, 1] / 1000)
    motion = h36m_cdf.read(path, unit_mm=1000.0, up="-y", fps=25.0)
    expected = POSES * [1, 1, 1]
    np.testing.assert_allclose(motion.positions[:, mocap_files.OF_32], expected, atol=1e-3)
    assert motion.fps == 25.0


def test_missing_joints_are_gaps(tmp_path):
    poses = POSES.copy()
    poses[4, 16] = np.nan
    motion = h36m_cdf.read(mocap_files.write_cdf(tmp_path / "a.cdf", poses))
    np.testing.assert_array_equal(np.argwhere(gaps.missing_of(motion)), [[4, 27]])


def test_truncation_anywhere_is_an_error(tmp_path):
    path = mocap_files.write_cdf(tmp_path / "a.cdf", POSES)
    content = path.read_bytes()
    for length in range(0, len(content), 61):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"a.cdf: must (be a readable CDF|hold the variable)"):
            h36m_cdf.read(path)


def test_damage_is_an_error_or_harmless(tmp_path, rng):
    path = mocap_files.write_cdf(tmp_path / "a.cdf", POSES)
    original = path.read_bytes()
    failures = 0
    for _ in range(100):
        damaged = bytearray(original)
        for place in rng.integers(0, 900, 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            h36m_cdf.read(path)
        except ValueError as error:
            assert "a.cdf: " in str(error)
            failures += 1
    assert failures > 20


def test_other_contents_are_errors(tmp_path):
    path = mocap_files.write_cdf(tmp_path / "a.cdf", POSES, variable="Angles")
    with pytest.raises(ValueError, match=r"must hold the variable `Pose`. Received: \['Angles'\]"):
        h36m_cdf.read(path)
    with pytest.raises(FileNotFoundError, match="none.cdf: no such file"):
        h36m_cdf.read(tmp_path / "none.cdf")
    with pytest.raises(ValueError, match="32 or 17 joints. Received: 25"):
        h36m_cdf.joints(25)


def test_a_missing_library_names_the_extra(tmp_path, monkeypatch):
    def absent(module):
        raise ImportError(f"No module named {module!r}")

    monkeypatch.setattr(extras.importlib, "import_module", absent)
    with pytest.raises(ImportError, match=r'reading .cdf files needs `pip install "tf-lift\[mocap'):
        h36m_cdf.read(tmp_path / "a.cdf")
