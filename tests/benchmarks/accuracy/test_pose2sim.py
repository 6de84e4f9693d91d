import json
import pathlib
import shutil

import numpy as np
import pytest
from pose2sim_files import CAMERAS, make_folder
from scipy.spatial import transform

from benchmarks.accuracy import pose2sim
from tf_lift import skeletons

NAMES = skeletons.OPENPOSE_25B.joint_names


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recording")
    return folder, make_folder(folder, num_frames=4)


def test_only_cameras_with_detections_are_read(made):
    folder, _ = made
    recording = pose2sim.read(folder)
    assert [view.name for view in recording.views] == ["cam_07"]
    assert recording.fps == 50.0


def test_joints_are_in_the_frame_of_the_camera(made):
    folder, laboratory = made
    (view,) = pose2sim.read(folder).views
    entry = CAMERAS["cam_07"]
    rotation = transform.Rotation.from_rotvec(entry["rotation"]).as_matrix()
    for name, points in laboratory.items():
        expected = points @ rotation.T + 1000 * np.array(entry["translation"])
        np.testing.assert_allclose(view.joints_3d[:, NAMES.index(name)], expected, atol=0.01)
    assert np.isnan(view.joints_3d[:, NAMES.index("left_ear")]).all()
    np.testing.assert_allclose([view.camera.pitch, view.camera.roll], [0.3, -0.1], atol=1e-6)
    # The pinhole by hand, as the lens of this camera is perfect.
    x, y, z = view.joints_3d[2, NAMES.index("left_wrist")]
    expected = [1000 * x / z + 540, 1000 * y / z + 960]
    np.testing.assert_allclose(view.exact[2, NAMES.index("left_wrist")], expected, atol=1e-3)


def test_detections_are_those_of_the_person_seen_best(made):
    (view,) = pose2sim.read(made[0]).views
    np.testing.assert_allclose(view.landmarks[0, 5], [105, 205])
    assert view.scores[0, 5] == 0.5
    # Frame 1 has nobody, frame 2 an empty person, frame 3 lacks the left ear.
    assert np.isnan(view.landmarks[1:3]).all() and not view.scores[1:3].any()
    assert np.isnan(view.landmarks[3, 3]).all() and view.scores[3, 3] == 0


def test_conversion_to_the_prior(made):
    (view,) = pose2sim.read(made[0]).views
    index = skeletons.H36M_17.joint_names.index
    found = skeletons.convert(view.landmarks, "openpose25b", "h36m17", view.scores)
    np.testing.assert_allclose(found.points[0, 0], view.landmarks[0, [11, 12]].mean(0))
    np.testing.assert_allclose(found.points[0, index("left_wrist")], view.landmarks[0, 9])
    head = view.landmarks[0, [3, 4]].mean(0)
    np.testing.assert_allclose(found.points[0, index("head_top")], head)
    unknown = [index(name) for name in ("spine", "thorax", "neck_nose")]
    np.testing.assert_array_equal(np.nonzero(found.visibility[0] == 0)[0], unknown)
    assert not found.visibility[1:3].any()
    # Without ears: three quarters of the way from the shoulders to the crown.
    exact = skeletons.convert(view.exact, pose2sim.WITHOUT_EARS, "h36m17")
    crown, shoulders = view.exact[1, 18], view.exact[1, [5, 6]].mean(0)
    np.testing.assert_allclose(exact.points[1, index("head_top")], 0.75 * crown + 0.25 * shoulders)
    np.testing.assert_array_equal(np.nonzero(~exact.visibility[1])[0], unknown)


def test_broken_folders_are_named(made, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made[0], folder)
    (folder / "cam07_json" / "cam07.0003.json").unlink()
    with pytest.raises(
        ValueError, match="cam07_json: must hold a file of detections for each of 4"
    ):
        pose2sim.read(folder)
    person = {"people": [{"pose_keypoints_2d": [1.0, 2.0, 0.5] * 18}]}
    (folder / "cam07_json" / "cam07.0003.json").write_text(json.dumps(person))
    with pytest.raises(ValueError, match="must hold BODY_25B. Received: 54 numbers"):
        pose2sim.read(folder)
    shutil.rmtree(folder / "cam07_json")
    with pytest.raises(ValueError, match="must hold a folder camNN_json of a camera"):
        pose2sim.read(folder)
    (folder / "calibration.toml").write_text("[cam_07\n")
    with pytest.raises(ValueError, match="must hold calibration.toml"):
        pose2sim.read(folder)
    (folder / "walk.trc").write_text("PathFileType\n1\t2\n1\n")
    with pytest.raises(ValueError, match="must be a TRC file"):
        pose2sim.read(folder)
    (folder / "walk.trc").unlink()
    with pytest.raises(ValueError, match="must hold one .trc file. Received: 0"):
        pose2sim.read(pathlib.Path(folder))
