import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import mocap

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


def test_poses_with_all_optional_arrays(write, poses):
    subject, clip = np.arange(20) // 10, np.array([f"09_{i // 5}" for i in range(20)])
    path = write(poses=poses, subject=subject, clip=clip, joint_names=NAMES, license="free", fps=10)

    data = mocap.load_poses(path)

    np.testing.assert_array_equal(data.poses, poses)
    assert data.poses.dtype == np.float32
    np.testing.assert_array_equal(data.groups("subject"), subject)
    np.testing.assert_array_equal(data.groups("clip"), clip)
    assert data.groups("none") is None
    assert (data.credit, data.skeleton, data.fps) == ("free", "h36m17", 10.0)


def test_poses_alone(write, poses):
    data = mocap.load_poses(write(poses=poses.astype(np.float64)))

    assert data.poses.dtype == np.float32
    assert data.groups("clip") is None
    assert data.credit == ""
    assert data.fps is None
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
        (lambda p: p[:, np.roll(np.arange(17), 1)], "joints of 'h36m17' in its order"),
        (lambda p: p * [1.0, 1.0, -1.0], "`poses` must have z up.*seems to be -z"),
    ],
)
def test_bad_poses_are_errors(write, poses, change, message):
    with pytest.raises(ValueError, match=f"poses.npz: {message}|poses.npz: .*{message}"):
        mocap.load_poses(write(poses=change(poses)))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"fps": np.zeros(20)}, "`fps` must be positive. Received: 0"),
        ({"fps": np.ones(19)}, r"`fps` must be a number, or one for each pose.*\(19,\)"),
        ({"fps": "ten"}, "`fps` must be a number, or one for each pose.*<U3"),
        ({"clip": np.zeros(19)}, r"`clip` must have shape \[20\].*\(19,\)"),
        ({"subject": np.zeros([20, 1])}, r"`subject` must have shape \[20\].*\(20, 1\)"),
        ({"joint_names": NAMES[:16]}, r"`joint_names` must have shape \[17\].*\(16,\)"),
        (
            {"joint_names": NAMES[list(skeletons.H36M_17.swap)]},
            "`joint_names` must have 'right_hip' here. Received: 'left_hip'",
        ),
    ],
)
def test_arrays_that_disagree_are_errors(write, poses, arrays, message):
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


@pytest.mark.parametrize(
    ("fps", "common"),
    [(np.full(20, 10.0), 10.0), (np.r_[np.ones(10), np.full(10, 2.0)], None), (np.nan, None)],
)
def test_the_rate_that_all_poses_have(write, poses, fps, common):
    assert mocap.load_poses(write(poses=poses, fps=fps)).fps == common


def test_saved_poses_are_loaded(tmp_path, poses):
    path = tmp_path / "poses.npz"
    data = mocap.MocapPoses(poses, np.arange(20) // 10, np.repeat(["b", "a"], 10), credit="free")

    mocap.save_poses(path, data, frame=np.arange(20) * 3, fps=np.repeat([5.0, 10.0], 10))

    again = mocap.load_poses(path)
    np.testing.assert_array_equal(again.poses, poses)
    np.testing.assert_array_equal(again.subject, data.subject)
    np.testing.assert_array_equal(again.clip, data.clip)
    assert (again.credit, again.fps) == ("free", None)
    with np.load(path, allow_pickle=False) as content:
        np.testing.assert_array_equal(content["frame"], np.arange(20) * 3)
        np.testing.assert_array_equal(content["fps"], np.repeat([5.0, 10.0], 10))
        np.testing.assert_array_equal(content["joint_names"], NAMES)
        assert tuple(content["parents"]) == skeletons.H36M_17.parents


def test_frames_are_counted_within_clips(tmp_path, poses):
    path = tmp_path / "poses.npz"
    clip = np.array(["b"] * 3 + ["a"] * 4 + ["b"] * 13)
    mocap.save_poses(path, mocap.MocapPoses(poses, clip=clip, fps=10.0))
    with np.load(path) as content:
        np.testing.assert_array_equal(content["frame"], [0, 1, 2, 0, 1, 2, 3, *range(3, 16)])
        assert set(content["fps"]) == {10.0}
        assert set(content["subject"]) == {""}
    assert mocap.load_poses(path).fps == 10.0


def test_labels_of_another_number_are_not_saved(tmp_path, poses):
    with pytest.raises(ValueError, match=r"`frame` must have shape \[20\].*\(3,\)"):
        mocap.save_poses(tmp_path / "a.npz", mocap.MocapPoses(poses), frame=[0, 1, 2])
    assert not list(tmp_path.iterdir())


def test_the_cmu_file(shared_path):
    data = mocap.load_poses(shared_path("data/cmu/cmu_h36m17_train.npz"))

    assert data.poses.shape == (27584, 17, 3)
    assert len(np.unique(data.groups("subject"))) == 19
    assert len(np.unique(data.groups("clip"))) == 256
    assert "mocap.cs.cmu.edu" in data.credit
    assert data.fps == 10.0
