"""VideoPose3D's files: dictionaries of arrays in a pickle."""

import os
import pickle
import zipfile

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import videopose3d
from tf_lift.data.motion import gaps

POSES = mocap_files.walk(5)


def write(path, content):
    np.savez(path, positions_3d=np.array(content, dtype=object))
    return path


def test_clips_by_subject_and_action(tmp_path):
    path = tmp_path / "data_3d_h36m.npz"
    joints = np.zeros([5, 32, 3])
    joints[:, mocap_files.OF_32] = POSES
    mocap_files.write_videopose3d(
        path, {"S1": {"Walking 1": POSES, "Posing": POSES[:2]}, "S9": {"Walking": joints}}
    )

    motions = videopose3d.read(path)

    assert [motion.clip for motion in motions] == ["S1_Walking 1", "S1_Posing", "S9_Walking"]
    assert [motion.subject for motion in motions] == ["S1", "S1", "S9"]
    assert {motion.fps for motion in motions} == {50.0}
    np.testing.assert_allclose(motions[0].positions, POSES, atol=1e-3)
    assert motions[0].joint_names == skeletons.H36M_17.joint_names
    assert motions[2].joint_names == skeletons.H36M_32.joint_names
    assert motions[2].parents == skeletons.H36M_32.parents
    wrist = motions[2].joint_names.index("right_wrist")
    np.testing.assert_allclose(motions[2].positions[:, wrist], POSES[:, 16], atol=1e-3)


def test_unit_axis_and_rate_can_be_given(tmp_path):
    path = write(tmp_path / "a.npz", {"S1": {"Walking": POSES[:, :, [0, 2, 1]] * [1, 1, -1] / 10}})
    (motion,) = videopose3d.read(path, unit_mm=10.0, up="y", fps=25.0)
    np.testing.assert_allclose(motion.positions, POSES, atol=1e-6)
    assert motion.fps == 25.0


def test_missing_joints_are_gaps(tmp_path):
    poses = POSES.copy() / 1000
    poses[2, 3] = np.nan
    (motion,) = videopose3d.read(write(tmp_path / "a.npz", {"S1": {"Walking": poses}}))
    np.testing.assert_array_equal(np.argwhere(gaps.missing_of(motion)), [[2, 3]])


class Program:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_programs_in_the_pickle_do_not_run(tmp_path, depth):
    content = Program(str(tmp_path / "harm"))
    for name in ("Walking", "S1")[2 - depth :]:
        content = {name: content}
    path = write(tmp_path / "a.npz", content)
    with pytest.raises(ValueError, match=r"a.npz: .*arrays in dictionaries only.*posix.mkdir"):
        videopose3d.read(path)
    assert not (tmp_path / "harm").exists()
    with np.load(path, allow_pickle=True) as archive:
        assert archive["positions_3d"] is not None
    assert (tmp_path / "harm").exists()  # The pickle is dangerous indeed.


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol_of_pickles_is_read(tmp_path, protocol):
    # As NumPy writes an npy file of objects; Python 2 wrote protocols 0 to 2.

    content = np.array({"S1": {"Walking": POSES / 1000, "Sitting": [p / 1000 for p in POSES]}})
    header = np.lib.format.header_data_from_array_1_0(content)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("positions_3d.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        pickle.dump(content, stream, protocol=protocol)
    for motion in videopose3d.read(path):
        np.testing.assert_allclose(motion.positions, POSES)


def test_files_of_numpy_1_are_read(tmp_path):
    content = pickle.dumps(np.array({"S1": {"Walking": POSES / 1000}}), protocol=2)
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    stream_path = tmp_path / "positions_3d.npy"
    with open(stream_path, "wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        stream.write(old)

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(stream_path, "positions_3d.npy")
    np.testing.assert_allclose(videopose3d.read(tmp_path / "a.npz")[0].positions, POSES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "must be a dictionary by subject"),
        ([1, 2], r"`positions_3d` must be a dictionary. Received: an array of shape \(2,\)"),
        ({"S1": POSES}, r"`positions_3d\['S1'\]` must be a dictionary by action. .*ndarray"),
        ({"S1": {"Eating": POSES[0]}}, r"\['S1'\]\['Eating'\]` must be numbers of shape"),
        ({"S1": {"Eating": "fish"}}, r"\['S1'\]\['Eating'\]` must be numbers.*str"),
        ({"S1": {"Eating": POSES[:, :15]}}, "S1_Eating: Human3.6M's poses must have 32 or 17.*15"),
        ({"S1": {"Eating": POSES[:0]}}, "S1_Eating: `positions` must have shape.*T > 0"),
    ],
)
def test_other_contents_are_errors(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        videopose3d.read(write(tmp_path / "a.npz", content))


def test_other_files_are_errors(tmp_path):
    np.savez(tmp_path / "a.npz", positions_2d=np.zeros(3))
    with pytest.raises(ValueError, match="must hold `positions_3d`.*positions_2d.npy"):
        videopose3d.read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", positions_3d=np.zeros([3, 17, 3]))
    with pytest.raises(ValueError, match=r"must be a dictionary. Received: an array of .*float64"):
        videopose3d.read(tmp_path / "b.npz")
    with pytest.raises(FileNotFoundError):
        videopose3d.read(tmp_path / "none.npz")


def test_damage_anywhere_is_an_error(tmp_path, rng):
    path = write(tmp_path / "a.npz", {"S1": {"Walking": POSES[:2]}})
    content = path.read_bytes()
    for length in range(0, len(content), 37):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"a.npz: "):
            videopose3d.read(path)
