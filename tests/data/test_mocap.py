import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data import mocap

NAMES = np.array(skeletons.H36M_17.joint_names)


@pytest.fixture
def poses(tiny_prior):
    return (tiny_prior.sample(20, seed=1) + [3000.0, -2000.0, 900.0]).astype(np.float32)


@pytest.fixture
def write(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "poses.npz", **arrays)
        return tmp_path / "poses.npz"

    return write


def test_poses_with_all_that_may_come_with_them(write, poses):
    subject, clip = np.arange(20) // 10, np.array([f"09_{i // 5}" for i in range(20)])
    path = write(poses=poses, subject=subject, clip=clip, joint_names=NAMES, license="free", fps=10)

    data = mocap.load_poses(path)

    np.testing.assert_array_equal(data.poses, poses)
    assert data.poses.dtype == np.float32
    np.testing.assert_array_equal(data.groups("subject"), subject)
    np.testing.assert_array_equal(data.groups("clip"), clip)
    assert data.groups("none") is None
    assert (data.credit, data.skeleton) == ("free", "h36m17")


def test_poses_alone(write, poses):
    data = mocap.load_poses(write(poses=poses.astype(np.float64)))

    assert data.poses.dtype == np.float32
    assert data.groups("clip") is None
    assert data.credit == ""
    with pytest.raises(ValueError, match="`balance` must be one of.*'weather'"):
        data.groups("weather")


def test_people_who_lie_down_now_and_then_are_fine(write, poses):
    poses[:5] = poses[:5, :, [0, 2, 1]]

    assert len(mocap.load_poses(write(poses=poses)).poses) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[0], r"`poses` must have shape \[N, 17, 3\].*\(17, 3\)"),
        (lambda p: p[:, :16], r"`poses` must have shape.*\(20, 16, 3\)"),
        (lambda p: p[:0], r"`poses` must not be empty.*\(0, 17, 3\)"),
        (lambda p: np.where(np.arange(20)[:, None, None] == 7, np.nan, p), "1 of 20.*index 7"),
        (lambda p: p.astype(str), "`poses` must be numbers.*<U"),
        (lambda p: p / 1000.0, "`poses` must be in millimetres.*metres"),
        (lambda p: p / 10.0, "`poses` must be in millimetres.*centimetres"),
        (lambda p: p * 0.0, "`poses` must be in millimetres.*Received: 0$"),
        (lambda p: p[..., [0, 2, 1]], "`poses` must have z up.*seems to be y"),
        (lambda p: p * [1.0, 1.0, -1.0], "`poses` must have z up.*seems to be -z"),
    ],
)
def test_bad_poses_are_named(write, poses, change, message):
    with pytest.raises(ValueError, match=f"poses.npz: {message}|poses.npz: .*{message}"):
        mocap.load_poses(write(poses=change(poses)))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"clip": np.zeros(19)}, r"`clip` must have shape \[20\].*\(19,\)"),
        ({"subject": np.zeros([20, 1])}, r"`subject` must have shape \[20\].*\(20, 1\)"),
        ({"joint_names": NAMES[:16]}, r"`joint_names` must have shape \[17\].*\(16,\)"),
        (
            {"joint_names": NAMES[list(skeletons.H36M_17.swap)]},
            "`joint_names` must have 'right_hip' here. Received: 'left_hip'",
        ),
    ],
)
def test_arrays_that_disagree_are_named(write, poses, arrays, message):
    with pytest.raises(ValueError, match=f"poses.npz: {message}"):
        mocap.load_poses(write(poses=poses, **arrays))


@pytest.mark.parametrize("name", ["r_hip", "RightHip", "RIGHT_HIP", "rhip"])
def test_other_spellings_of_names_pass(write, poses, name):
    names = NAMES.copy().astype("<U20")
    names[1] = name

    mocap.load_poses(write(poses=poses, joint_names=names))


def test_files_that_hold_no_poses(write, tmp_path):
    with pytest.raises(ValueError, match=r"poses.npz: must hold an array `poses`.*: joints"):
        mocap.load_poses(write(joints=np.zeros(3)))
    with pytest.raises(ValueError, match="readable npz"):
        mocap.load_poses(write(poses=np.array([{}], dtype=object)))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ValueError, match=r"text.npz: must be a readable npz.*not an npz"):
        mocap.load_poses(tmp_path / "text.npz")
    with pytest.raises(FileNotFoundError, match=r"nobody.npz"):
        mocap.load_poses(tmp_path / "nobody.npz")


def test_a_damaged_member_is_found(write, poses):
    path = write(poses=poses)
    content = bytearray(path.read_bytes())
    content[2000] ^= 255
    path.write_bytes(content)

    with pytest.raises(ValueError, match="readable npz.*CRC"):
        mocap.load_poses(path)


def test_the_cmu_file(shared_path):
    data = mocap.load_poses(shared_path("data/cmu/cmu_h36m17_train.npz"))

    assert data.poses.shape == (27584, 17, 3)
    assert len(np.unique(data.groups("subject"))) == 19
    assert len(np.unique(data.groups("clip"))) == 256
    assert "mocap.cs.cmu.edu" in data.credit
