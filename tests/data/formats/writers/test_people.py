"""The people of a lift, in an upright world, one file each."""

import types

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats import bvh, pose_csv, readers, trc, writers
from tf_lift.data.formats.writers import people
from tf_lift.data.motion.clip import Motion

H36M = skeletons.H36M_17


def camera(pitch, roll):
    """Rotation from world axes (z up) to those of a camera that looks along y, pitched, rolled."""
    level = np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
    c, s = np.cos(pitch), np.sin(pitch)
    # Looking down turns what is ahead up in the image: towards -y.
    down = np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(roll), np.sin(roll)
    # Image turned clockwise: up, -y, moves to the right, x.
    clockwise = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return clockwise @ down @ level


def lifted(world, pitch=0.0, roll=0.0, placed=True, **fields):
    """Poses [N, 17, 3] of a world with z up, as a lift would return them."""
    seen = (world + [0.0, 4000.0, -1500.0]) @ camera(pitch, roll).T
    root = seen[:, 0]
    return types.SimpleNamespace(
        skeleton=H36M,
        joints_3d=seen - root[:, None],
        joints_3d_stddev=np.full(seen.shape[:2], 20.0),
        root_position=root if placed else None,
        pitch=np.full(len(seen), pitch),
        roll=np.full(len(seen), roll),
        **fields,
    )


@pytest.mark.parametrize(
    ("pitch", "roll"), [(0, 0), (0.5, 0), (-0.3, 0.2), (0.4, -1.2), (1.3, 3.0)]
)
def test_the_cameras_attitude_is_undone(pitch, roll):
    world = mocap_files.walk(8)
    found = people.world_joints(lifted(world, pitch, roll))
    moved = found - world
    # A shift on the floor and a height are all that is left.
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:1, :1], moved.shape), atol=1e-6)
    assert np.quantile(found[..., 2].min(axis=1), 0.05) == pytest.approx(0.0, abs=1e-6)


def test_a_camera_that_looks_straight_down():
    for sign in (1.0, -1.0):
        rotation = people.upright(sign * np.pi / 2, 0.0)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        np.testing.assert_allclose(rotation @ [0, 0, -sign], [0, -1, 0], atol=1e-12)


def test_without_a_root_position_the_root_stays():
    found = people.world_joints(lifted(mocap_files.walk(8), 0.3, placed=False))
    np.testing.assert_allclose(found[:, 0, :2], 0.0, atol=1e-6)
    assert np.ptp(found[:, 0, 2]) < 1e-6
    assert (found[:, 10, 2] > 1200).all()


def test_two_people_get_a_file_each(tmp_path):
    first = mocap_files.walk(6)
    second = mocap_files.walk(6)[2:5] + [1500.0, 0, 0]
    fields = {
        "frame": np.array([*range(6), 2, 3, 4]),
        "person": np.array([4] * 6 + [9] * 3),
        "frames": np.arange(8),
        "fps": 25.0,
    }
    poses = lifted(np.concatenate([first, second]), **fields)
    files = writers.write_poses(poses, tmp_path / "party.csv")
    assert [file.name for file in files] == ["party.csv", "party_person2.csv"]
    (one,), (two,) = (readers.read(file) for file in files)
    assert (one.num_frames, two.num_frames, one.fps) == (8, 8, 25.0)
    np.testing.assert_array_equal(np.flatnonzero(~two.missing.any(axis=1)), [2, 3, 4])
    np.testing.assert_array_equal(np.flatnonzero(one.missing.any(axis=1)), [6, 7])
    # They are in one world.
    between = two.positions[2:5] - one.positions[2:5]
    expected = second - first[2:5]
    np.testing.assert_allclose(between, expected, atol=0.01)
    for file in writers.write_poses(poses, tmp_path / "party.bvh"):
        found = bvh.read(file, unit_mm=10.0, up="y")
        assert (found.num_frames, found.fps) == (8, 25.0)


def test_a_person_who_faces_the_camera_faces_forward(tmp_path):
    """The walk is along x; turned towards the camera, along -y."""
    world = mocap_files.walk(10)[..., [1, 0, 2]] * [1.0, -1.0, 1.0]
    poses = lifted(world, 0.2)
    writers.write_poses(poses, tmp_path / "a.trc", fps=50)
    lines = (tmp_path / "a.trc").read_text().splitlines()[5:]
    rows = np.array([[float(cell) for cell in line.split("\t")[2:]] for line in lines])
    points = rows.reshape(10, 17, 3)
    step = points[-1, 0] - points[0, 0]
    np.testing.assert_allclose(step / np.linalg.norm(step), [1, 0, 0], atol=1e-4)
    assert (points[:, 10, 1] > 1.2).all()
    writers.write_poses(poses, tmp_path / "a.bvh", fps=50)
    text = (tmp_path / "a.bvh").read_text()
    rows = text.split("Frame Time:")[1].splitlines()[1:]
    root = np.array([[float(word) for word in row.split()[:3]] for row in rows])
    step = root[-1] - root[0]
    np.testing.assert_allclose(step / np.linalg.norm(step), [0, 0, 1], atol=1e-4)


def test_the_right_hand_side_stays_right(tmp_path):
    """A standing person who faces the camera has the right hip at the left of the image."""
    from tf_lift.data.synthetic import bodies

    standing = np.repeat(bodies.STANDING[None].astype(float), 3, axis=0)
    image = lifted(standing).joints_3d
    facing = image[0, 1, 0] < image[0, 4, 0]
    writers.write_poses(lifted(standing), tmp_path / "a.trc")
    points = trc.read(tmp_path / "a.trc", up="y").positions / 1000
    # Back in the file's axes: x, z, -y.
    right, left = points[0, 1, [0, 2, 1]] * [1, 1, -1], points[0, 4, [0, 2, 1]] * [1, 1, -1]
    assert (right[2] > left[2]) == facing


def test_poses_without_frames_are_a_sequence(tmp_path):
    (file,) = writers.write_poses(lifted(mocap_files.walk(5)), tmp_path / "a.csv")
    (found,) = readers.read(file)
    assert (found.num_frames, found.fps) == (5, 30.0)


def test_images_with_sparse_numbers_do_not_fill_the_disk(tmp_path):
    poses = lifted(mocap_files.walk(3), frame=np.array([7, 5_000_000, 90]))
    (file,) = writers.write_poses(poses, tmp_path / "a.csv")
    (found,) = readers.read(file)
    assert found.num_frames == 3


def test_poses_that_were_not_lifted_are_gaps(tmp_path):
    world = mocap_files.walk(5)
    poses = lifted(world)
    poses.joints_3d[2] = np.nan
    poses.root_position[2] = np.nan
    poses.pitch[2] = np.nan
    (file,) = writers.write_poses(poses, tmp_path / "a.csv")
    (found,) = readers.read(file)
    np.testing.assert_array_equal(np.flatnonzero(found.missing.all(axis=1)), [2])
    poses.joints_3d[:] = np.nan
    with pytest.raises(ValueError, match="must hold a lifted pose. Received: 5 that are NaN"):
        writers.write_poses(poses, tmp_path / "a.csv")


def test_wrong_arguments(tmp_path):
    twice = lifted(mocap_files.walk(2), frame=np.array([1, 1]), person=np.array([0, 0]))
    with pytest.raises(ValueError, match="one pose of a person in a frame.*several of person 0"):
        writers.write_poses(twice, tmp_path / "a.csv")
    with pytest.raises(ValueError, match="`path` must end in .bvh"):
        writers.write_poses(twice, tmp_path / "a.fbx")
    # Without numbers of people, those of one frame are different people.
    twice.person = None
    assert len(writers.write_poses(twice, tmp_path / "a.csv")) == 2


def test_a_folder_is_made(tmp_path):
    writers.write_poses(lifted(mocap_files.walk(2)), tmp_path / "new" / "a.csv")
    assert (tmp_path / "new" / "a.csv").exists()
    clip = Motion(mocap_files.walk(2), H36M.joint_names, H36M.parents, fps=30)
    pose_csv.write(tmp_path / "new" / "b.csv", clip)
