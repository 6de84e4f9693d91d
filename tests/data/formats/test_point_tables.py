"""Tables of 3D points: FreeMoCap's CSV and npy files, and this library's own CSV."""

import mocap_files
import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.datasets import conversion
from tf_lift.data.formats import point_tables, pose_csv, readers, skeleton_maps
from tf_lift.data.motion import gaps
from tf_lift.data.motion.clip import Motion

NAMES = skeletons.MEDIAPIPE_33.joint_names
H36M = skeletons.H36M_17


def body(num_frames=12):
    """Points [T, 33, 3], mm, z up: those of a walking person, the others near the nose."""
    walk = mocap_files.walk(num_frames)
    place = dict(zip(H36M.joint_names, np.moveaxis(walk, 1, 0), strict=True))
    offsets = np.random.default_rng(0).uniform(-40, 40, [33, 3])
    return np.stack(
        [
            place.get(name, place["head_top"] + offset)
            for name, offset in zip(NAMES, offsets, strict=True)
        ],
        axis=1,
    )


def write_wide(path, points, names=NAMES, form="{}_{}"):
    header = ",".join(form.format(name, axis) for name in names for axis in "xyz")
    rows = [",".join(f"{value:.4f}" for value in row) for row in points.reshape(len(points), -1)]
    path.write_text("\n".join([header, *rows]).replace("nan", "") + "\n")
    return path


def write_tidy(path, points):
    lines = ["frame,keypoint,x,y,z,model,type,reprojection_error"]
    for frame, pose in enumerate(points):
        for model, kind in (("mediapipe.body", "3d_xyz"), ("mediapipe.body", "rigid_3d_xyz")):
            for name, (x, y, z) in zip(NAMES, pose, strict=True):
                shift = 0 if kind == "3d_xyz" else 500
                lines.append(f"{frame},{name},{x:.4f},{y:.4f},{z + shift:.4f},{model},{kind},0.1")
        lines.append(f"{frame},left_thumb,0,0,0,mediapipe.left_hand,3d_xyz,0.1")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_forms_of_freemocap_hold_the_same(tmp_path):
    points = body()
    np.save(tmp_path / "mediapipe_body_3d_xyz.npy", points)
    np.save(tmp_path / "all.npy", np.concatenate([points, np.zeros([12, 520, 3])], axis=1))
    write_wide(tmp_path / "mediapipe_body_3d_xyz.csv", points)
    write_wide(tmp_path / "prefixed.csv", points, form="body_{}_{}")
    write_tidy(tmp_path / "freemocap_data_by_frame.csv", points)
    for path in sorted(tmp_path.iterdir()):
        (clip,) = readers.read(path)
        assert clip.joint_names == NAMES, path.name
        assert (clip.fps, clip.unit_mm) == (30.0, 1.0)
        np.testing.assert_allclose(clip.positions, points, atol=1e-4, err_msg=path.name)


def test_they_convert_without_a_map(tmp_path):
    points = body()
    path = write_wide(tmp_path / "mediapipe_body_3d_xyz.csv", points)
    (report,) = conversion.convert([path], tmp_path / "poses.npz", fps=30).clips
    assert report.num_poses == 12
    (clip,) = readers.read(path)
    assert skeleton_maps.guess(clip.joint_names).name == "mediapipe"
    limbs = [i for i, n in enumerate(H36M.joint_names) if n.startswith(("left_", "right_"))]
    found = skeleton_maps.to_skeleton(clip)
    np.testing.assert_allclose(found[:, limbs], mocap_files.walk(12)[:, limbs], atol=1e-4)


def test_missing_points(tmp_path):
    points = body()
    points[4, 11] = np.nan
    expected = np.isnan(points).any(axis=2)
    np.save(tmp_path / "a.npy", points)
    for path in (tmp_path / "a.npy", write_wide(tmp_path / "a.csv", points)):
        (clip,) = readers.read(path)
        np.testing.assert_array_equal(gaps.missing_of(clip), expected)


def test_the_librarys_own_csv_is_read_back(tmp_path):
    clip = Motion(mocap_files.walk(20), H36M.joint_names, H36M.parents, fps=25.0)
    pose_csv.write(tmp_path / "05_a.csv", clip)
    (found,) = readers.read(tmp_path / "05_a.csv")
    assert (found.fps, found.unit_mm, found.joint_names) == (25.0, 1.0, H36M.joint_names)
    np.testing.assert_allclose(found.positions, clip.positions, atol=6e-4)


def test_units_in_the_names_of_columns(tmp_path):
    points = body()
    path = write_wide(tmp_path / "a.csv", points / 1000, form="{}_{}_m")
    (clip,) = readers.read(path)
    assert clip.unit_mm == 1000.0
    np.testing.assert_allclose(clip.positions, points, atol=0.1)
    (clip,) = readers.read(path, unit="cm", fps=50)
    assert (clip.unit_mm, clip.fps) == (10.0, 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a header and a row"),
        ("a_x,a_y,a_z\n", "must have a header and a row"),
        ("a_x,a_y\n1,2\n", "must have columns NAME_x, NAME_y and NAME_z.*Received: a_x, a_y"),
        ("a_x,a_y,a_z\n1,2\n", "line 2: must have 3 cells, as the header. Received: 2"),
        ("a_x,a_y,a_z\n1,2,3\n1,x,3\n", "line 3: 'a_y' must be a number. Received: 'x'"),
        ("a_x,a_y,a_z\n,,\n", "must hold points. Received: 1 that are never visible"),
        ("frame,keypoint,x,y,z\n,a,1,2,3\n", "`frame` must be a number in every row"),
    ],
)
def test_errors_name_the_line(text, message, tmp_path):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=f"a.csv: {message}"):
        point_tables.read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros([4, 17, 3]), r"shape \[T, 33 or more, 3\]. Received: \(4, 17, 3\)"),
        (np.zeros([4, 33, 2]), r"Received: \(4, 33, 2\)"),
        (np.array(["a"]), "must hold an array of numbers"),
        (np.full([4, 33, 3], np.nan), "33 that are never visible"),
    ],
)
def test_other_arrays_are_errors(array, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=f"a.npy: .*{message}"):
        point_tables.read_npy(tmp_path / "a.npy")


def test_folders_are_not_searched_for_tables(tmp_path):
    write_wide(tmp_path / "a.csv", body())
    np.save(tmp_path / "a.npy", body())
    assert readers.find_files([tmp_path]) == [tmp_path]
    assert len(readers.find_files([tmp_path / "*"])) == 2
