"""Files of users' situations: what each is taken for, and what comes out of it."""

import pathlib

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.formats.keypoints import KeypointsError, read_keypoints

CASES = pathlib.Path(__file__).parents[3] / "cases"
HD = (1920, 1080)
# The person of `results.json` in frame 0: COCO's shoulders and hips, px.
SHOULDERS = [[1041.73, 372.81], [925.44, 370.99]]
HIPS = [[987.52, 539.13], [932.48, 540.87]]


def _joints(found, row, *names):
    index = skeletons.get(found.skeleton).joint_names.index
    return found.landmarks[row, [index(name) for name in names]]


def _check_first(found):
    """All cases show this person first."""
    for names, points in (
        (("left_shoulder", "right_shoulder"), SHOULDERS),
        (("left_hip", "right_hip"), HIPS),
    ):
        np.testing.assert_allclose(_joints(found, 0, *names), points, atol=0.6)


def test_folder_of_openpose_keeps_frames_and_people():
    found = read_keypoints(CASES / "10-openpose-folder/json")
    assert (found.source, found.skeleton) == ("openpose", "openpose25")
    assert found.frame.tolist() == [0, 1, 1, 3]
    assert found.person.tolist() == [0, 0, 1, 0]
    assert found.frames.tolist() == [0, 1, 2, 3]
    assert not found.tracked


@pytest.mark.parametrize(
    "name", ["holistic.json", *(f"normalised_{kind}.npy" for kind in ("xy", "xyz", "xyzv"))]
)
def test_fractions_of_the_image_ask_for_its_size(name):
    path = CASES / "11-mediapipe-normalised" / name
    with pytest.raises(KeypointsError, match="fractions of the image: give its size, `image_size`"):
        read_keypoints(path)
    found = read_keypoints(path, image_size=HD)
    assert (found.skeleton, found.image_size) == ("mediapipe33", HD)
    pixels = np.load(path.parent / "pixels_xy.npy")[: len(found.frame)]
    np.testing.assert_allclose(found.landmarks, pixels, atol=1e-6)
    assert found.fps == (30.0 if name == "holistic.json" else None)
    assert (found.scores > 0.9).all()


def test_depth_is_never_a_confidence():
    found = read_keypoints(CASES / "11-mediapipe-normalised/pixels_xyz.npy")
    np.testing.assert_array_equal(found.scores, 1.0)
    assert "depth z" in found.notes[0]


def test_body_25b_is_told_from_body_25():
    found = read_keypoints(CASES / "12-openpose-body25b/cam01.0030.json")
    assert (found.skeleton, found.frame.tolist()) == ("openpose25b", [30])
    truth = np.load(CASES / "12-openpose-body25b/coco17_same_person.npy")
    np.testing.assert_allclose(found.landmarks[:, :17], truth, atol=1e-2)


@pytest.mark.parametrize("name", ["frame.json", "v1.1.json", "zeros_for_missing.npy"])
def test_zeros_are_missing(name):
    found = read_keypoints(CASES / "13-openpose18-pairs" / name)
    assert found.skeleton == "openpose18"
    missing = np.flatnonzero(found.scores[0] == 0)
    assert missing.tolist() == [4, 10]
    assert np.isnan(found.landmarks[0, missing]).all()
    _check_first(found)


def test_coco_results_of_a_video():
    found = read_keypoints(CASES / "14-coco-results-video/results.json")
    assert (found.source, found.skeleton) == ("coco_results", "coco17")
    assert found.frame.tolist() == [0, 1, 1, 3]
    assert found.person.tolist() == [0, 0, 1, 0]
    assert found.person_score.tolist() == [0.57] * 4
    assert np.flatnonzero(found.scores[0] == 0).tolist() == [1, 3]
    _check_first(found)


def test_coco_results_by_names_of_images():
    found = read_keypoints(CASES / "14-coco-results-video/results_names.json")
    assert found.image.tolist() == [f"{k}.jpg" for k in range(4)]
    assert found.frame.tolist() == found.person.tolist() == [0, 1, 2, 3]
    assert found.tracked
    found = read_keypoints(CASES / "14-coco-results-video/by_image.json")
    assert found.frame.tolist() == [0, 1]
    assert found.image.tolist() == [f"images/0000000{k}.jpg" for k in range(2)]
    assert found.person_score.tolist() == [8.3, 8.3]


def test_logits_become_confidences():
    found = read_keypoints(CASES / "14-coco-results-video/logits.json")
    np.testing.assert_allclose(found.scores[0], 1 / (1 + np.exp(-4.2)))
    assert "taken for logits" in found.notes[0]


def test_confidences_that_are_all_zero_are_named():
    with pytest.raises(KeypointsError, match="all 17 keypoints have confidence 0 in all 2 poses"):
        read_keypoints(CASES / "14-coco-results-video/zero_scores.json")


def test_alphapose():
    found = read_keypoints(CASES / "15-alphapose-halpe26/alphapose-results.json")
    assert (found.source, found.skeleton) == ("alphapose", "halpe26")
    assert found.person_score.tolist() == [2.9, 2.9]
    _check_first(found)
    middle = _joints(found, 0, "left_shoulder", "right_shoulder").mean(0)
    np.testing.assert_allclose(_joints(found, 0, "neck")[0], middle, atol=1e-6)


def test_mmpose():
    image = read_keypoints(CASES / "16-mmpose-predictions/image.json")
    assert (image.source, image.skeleton) == ("mmpose", "coco17")
    assert (image.frame.tolist(), image.person.tolist()) == ([0, 0], [0, 1])
    assert image.box[0].tolist() == [100.0, 100.0, 300.0, 800.0]
    video = read_keypoints(CASES / "16-mmpose-predictions/video.json")
    assert (video.frame.tolist(), video.frames.tolist()) == ([1, 3], [1, 2, 3])
    assert video.person_score.tolist() == [0.98, 0.98]
    _check_first(image)
    _check_first(video)


def test_yolo():
    path = CASES / "17-yolo-txt/frame.txt"
    with pytest.raises(KeypointsError, match="image_size"):
        read_keypoints(path)
    found = read_keypoints(path, image_size=HD)
    assert (found.source, found.skeleton) == ("yolo", "coco17")
    np.testing.assert_allclose(found.scores, 0.93)
    np.testing.assert_allclose(found.box, [[768, 108, 384, 864]])
    _check_first(found)


@pytest.mark.parametrize("name", ["mediapipe_upper.csv", "mediapipe_visibility.csv"])
def test_visibility_of_a_table_is_the_score(name):
    found = read_keypoints(CASES / "18-csv" / name)
    assert found.skeleton == "mediapipe33"
    expected = np.full([2, 33], 0.99)
    expected[:, skeletons.MEDIAPIPE_33.joint_names.index("right_wrist")] = 0.01
    np.testing.assert_allclose(found.scores, expected)


def test_frame_of_a_table():
    found = read_keypoints(CASES / "18-csv/with_frame_column.csv")
    assert found.frame.tolist() == [0, 1]
    np.testing.assert_allclose(found.scores, 0.9)
    _check_first(found)
