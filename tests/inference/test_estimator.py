"""`PoseEstimator` on images and videos of one, several and no people."""

import coded_frames
import numpy as np
import pytest
import tensorflow as tf
from dots import draw_dots
from PIL import ExifTags, Image

import tf_lift
from tf_lift import skeletons
from tf_lift.inference import detectors, poses, videos
from tf_lift.inference.estimator import PoseEstimator

NAMES = skeletons.H36M_17.joint_names


@pytest.fixture(scope="module")
def walkers(tiny_prior):
    """Function from a frame to the landmarks of two people who cross, one hidden for a while."""
    joints = tiny_prior.sample(2, seed=1)[:, :, [0, 2]] * [0.1, -0.1]

    def people(number):
        if number >= 900:
            return []
        left = joints[0] + [60 + 6 * number, 120]
        right = 0.8 * joints[1] + [270 - 6 * number, 125]
        # The one behind is hidden where they meet.
        return [left] if 12 <= number <= 20 else [right, left] if number % 2 else [left, right]

    return people


@pytest.fixture(scope="module")
def estimator(tiny_prior, walkers):
    return PoseEstimator(tiny_prior, coded_frames.Finder(walkers))


@pytest.fixture
def clip(tmp_path):
    pytest.importorskip("av", reason="videos need the extra `video`")
    return write(tmp_path / "clip.mp4", range(36))


def write(path, numbers):
    with videos.VideoWriter(path, 25, coded_frames.SIZE) as writer:
        for place, number in enumerate(numbers):
            writer.write(coded_frames.draw(number), place)
    return path


def save(path, number, **options):
    Image.fromarray(coded_frames.draw(number)).save(path, **options)
    return path


def test_people_of_images_are_those_lifted_alone(estimator, walkers, tiny_prior):
    images = [coded_frames.draw(number) for number in (3, 950, 15, 4)]
    found = estimator(images)
    assert found.frame.tolist() == [0, 0, 2, 3, 3]
    assert found.person.tolist() == [0, 1, 0, 0, 1]
    assert found.frames.tolist() == [0, 1, 2, 3]
    landmarks = np.concatenate([walkers(number) for number in (3, 15, 4)])
    expected = poses.lift_landmarks(
        landmarks,
        tiny_prior.with_noise(20.0),
        scores=np.full([5, 17], 0.9),
        camera=tf_lift.Camera.guess(coded_frames.SIZE),
    )
    np.testing.assert_allclose(found.joints_3d, expected.joints_3d, atol=0.5)
    np.testing.assert_allclose(found.root_position, expected.root_position, rtol=1e-3)
    np.testing.assert_allclose(found.box[0, :2], landmarks[0].min(0), rtol=1e-5)
    # The same, given in other ways.
    dataset = tf.data.Dataset.from_tensor_slices({"image": images}).batch(3)
    for source in (np.stack(images), dataset):
        again = estimator(source)
        np.testing.assert_array_equal(again.frame, found.frame)
        np.testing.assert_array_equal(again.joints_3d, found.joints_3d)


def test_sizes_files_and_folders(estimator, tmp_path):
    folder = tmp_path / "my photos"
    folder.mkdir()
    for number, name in enumerate(("a.png", "b 大.png", "c.png")):
        save(folder / name, number)
    Image.fromarray(coded_frames.draw(1, (400, 300))).save(folder / "d.png")
    found = estimator(folder)
    assert found.frame.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    np.testing.assert_array_equal(estimator(f"{folder}/*.png").joints_3d, found.joints_3d)
    one = estimator(folder / "d.png")
    assert one.image_size == (400, 300) and one.frames.tolist() == [0]
    np.testing.assert_allclose(one.joints_3d, found.joints_3d[-2:], atol=0.5)
    assert [item.name for item in estimator.iterate(folder)] == ["a", "b 大", "c", "d"]


def test_nobody_is_an_empty_result(estimator, tmp_path):
    for source in (coded_frames.draw(950), [coded_frames.draw(950)] * 2, []):
        found = estimator(source)
        assert found.joints_3d.shape == (0, 17, 3) and found.person.shape == (0,)
        assert len(found.frames) == (len(source) if isinstance(source, list) else 1)
    pytest.importorskip("av", reason="videos need the extra `video`")
    found = estimator(write(tmp_path / "empty.mp4", [950] * 4))
    assert found.joints_3d.shape == (0, 17, 3)
    assert found.frames.tolist() == [0, 1, 2, 3] and found.fps == 25


def test_people_of_a_video_keep_their_numbers_and_move_as_sequences(
    estimator, clip, walkers, tiny_prior
):
    found = estimator(clip)
    assert found.fps == 25 and found.image_size == coded_frames.SIZE
    assert found.frames.tolist() == list(range(36))
    assert sorted(set(found.person)) == [0, 1]
    assert (np.diff(found.frame) >= 0).all()
    np.testing.assert_allclose(found.time, found.frame / 25)
    for person, place in ((0, 0), (1, 1)):
        rows = np.flatnonzero(found.person == person)
        assert found.frame[rows].tolist() == list(range(36))
        shown = [walkers(n)[0 if len(walkers(n)) == 1 else (place + n) % 2] for n in range(36)]
        seen = np.array([place == 0 or len(walkers(n)) == 2 for n in range(36)])
        np.testing.assert_array_equal(found.visibility[rows].all(1), seen)
        scores = np.where(seen[:, np.newaxis], np.full([36, 17], 0.9), 0.0)
        expected = poses.lift_landmarks(
            shown,
            tiny_prior.with_noise(20.0),
            scores=scores,
            camera=tf_lift.Camera.guess(coded_frames.SIZE),
            fps=25.0,
        )
        np.testing.assert_allclose(found.joints_3d[rows], expected.joints_3d, atol=1.0)
        assert np.isfinite(found.joints_3d[rows]).all()
        assert np.isnan(found.person_score[rows[~seen]]).all()


def test_images_can_be_frames(estimator, clip):
    images = [coded_frames.draw(number) for number in range(36)]
    found = estimator(images, fps=25)
    expected = estimator(clip)
    np.testing.assert_array_equal(found.person, expected.person)
    np.testing.assert_allclose(found.joints_3d, expected.joints_3d, atol=1e-3)
    with pytest.raises(ValueError, match="`fps` must be None for videos. Received: 25 and"):
        estimator(clip, fps=25)
    with pytest.raises(ValueError, match="`fps` must be a positive number"):
        estimator(images, fps=0)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_people_who_are_seen_shortly(tiny_prior, walkers, count):
    def people(number):
        return walkers(0)[:1] + (walkers(0)[1:] if 4 <= number < 4 + count else [])

    estimator = PoseEstimator(tiny_prior, coded_frames.Finder(people))
    found = estimator([coded_frames.draw(number) for number in range(9)], fps=25)
    rows = np.flatnonzero(found.person == 1)
    assert found.frame[rows].tolist() == list(range(4, 4 + count))
    assert np.isfinite(found.joints_3d).all() and np.isfinite(found.root_position).all()


def test_joints_that_are_not_sure_are_missing_and_too_few_are_nobody(tiny_prior, walkers):
    def people(number):
        landmarks = walkers(0)[0].copy()
        landmarks[number:] = np.nan
        return [landmarks]

    estimator = PoseEstimator(tiny_prior, coded_frames.Finder(people))
    found = estimator([coded_frames.draw(16), coded_frames.draw(3)])
    assert found.visibility.sum(1).tolist() == [16, 3]
    assert found.mixture_index.tolist()[1] == -1 and np.isnan(found.joints_3d[1]).all()
    sequence = estimator([coded_frames.draw(3)] * 2, fps=25)
    assert not len(sequence.scale) and sequence.frames.tolist() == [0, 1]


def test_the_camera_of_a_photo_is_used(estimator, tmp_path):
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = 6
    data.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 100
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(coded_frames.draw(3))))
    turned.save(tmp_path / "a.png", exif=data)
    save(tmp_path / "b.png", 3)
    known, guessed = estimator.iterate([tmp_path / "a.png", tmp_path / "b.png"])
    expected = 100 * np.hypot(320, 240) / np.hypot(36, 24)
    np.testing.assert_allclose(known.camera.focal_length, expected)
    assert known.camera.image_size == (320, 240)
    assert guessed.camera == tf_lift.Camera.guess((320, 240))
    ratio = known.poses.root_position[:, 2] / guessed.poses.root_position[:, 2]
    assert (ratio > 2).all()


def test_a_camera_that_is_given(tiny_prior, walkers):
    camera = tf_lift.Camera(500.0, image_size=coded_frames.SIZE, pitch=0.1, roll=0.0)
    estimator = PoseEstimator(tiny_prior, coded_frames.Finder(walkers), camera=camera)
    (estimate,) = estimator.iterate(coded_frames.draw(3))
    assert estimate.camera is camera
    np.testing.assert_allclose(estimate.poses.pitch, 0.1, atol=1e-6)
    with pytest.raises(ValueError, match='`camera` must be None, "level" or a Camera'):
        PoseEstimator(tiny_prior, coded_frames.Finder(walkers), camera="webcam")


def test_bad_files_do_not_stop_the_others(estimator, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    good = save(tmp_path / "good.png", 3)
    given = [tmp_path / "bad.jpg", good, tmp_path / "bad.mp4", tmp_path / "none.png", good]
    found = list(estimator.iterate(given))
    assert [(item.name, item.poses is None) for item in found] == [
        ("bad", True),
        ("good", False),
        ("bad_2", True),
        ("none", True),
    ]
    for item in found:
        assert item.problem is None if item.poses else str(item.path) in item.problem
    with pytest.raises(ValueError, match=r"bad\.jpg"):
        estimator(given)


def test_several_videos_have_a_result_each(estimator, clip, tmp_path):
    other = write(tmp_path / "other.mp4", [950] * 3)
    assert [len(e.poses.frames) for e in estimator.iterate([clip, other])] == [36, 3]
    with pytest.raises(ValueError, match="several videos have a result each"):
        estimator([clip, other])


def test_a_network_of_belief_maps_finds_one_person(dot_networks, standing, tiny_prior):
    detector = detectors.BeliefMapDetector(dot_networks("keras"), input_size=(320, 240))
    drawn = [joint for joint in range(18) if joint != 4]  # The right wrist is not in the photo.
    found = PoseEstimator(tiny_prior, detector)(draw_dots(standing, joints=drawn))
    hidden = {name for name, seen in zip(NAMES, found.visibility[0], strict=True) if not seen}
    assert hidden == {"spine", "thorax", "neck_nose", "right_wrist"}
    left = NAMES.index("left_ankle")
    np.testing.assert_allclose(found.landmarks[0, left], standing[13], atol=2)
    # A person seen from the front, upright: the left is on the right.
    joints_3d = found.joints_3d[0]
    assert joints_3d[NAMES.index("left_hip"), 0] > 80
    assert joints_3d[NAMES.index("right_hip"), 0] < -80
    assert joints_3d[left, 1] > 700
    assert joints_3d[NAMES.index("head_top"), 1] < -500
    nobody = PoseEstimator(tiny_prior, detector)(np.full([240, 320, 3], 70, np.uint8))
    assert not len(nobody.scale)


def test_own_network_gets_its_own_range(tmp_path):
    image = tf.keras.Input([32, 32, 3], name="image")
    maps = tf.keras.layers.AveragePooling2D(8)(tf.keras.layers.Conv2D(18, 1)(image))
    pooled = tf.keras.layers.GlobalAveragePooling2D()(maps)
    outputs = {"stage_1": maps, "landmarks": pooled, "joints_3d": pooled}
    tf.keras.Model(image, outputs).save(tmp_path / "own.keras")
    detector = detectors.BeliefMapDetector(tmp_path / "own.keras", "h36m17")
    assert detector.input_range == "-0.5-0.5"
    assert detector.output_name == "stage_1"


@pytest.mark.parametrize(("name", "count"), [("apollo11_crew.jpg", 3), ("000000000785.jpg", 1)])
def test_real_photos(shared_path, name, count):
    pytest.importorskip("ai_edge_litert", reason="the default detector needs its extra")
    from tf_lift.inference.people import networks

    if networks.missing(networks.default_folder()):
        pytest.skip("the networks of the default detector are not installed")
    found = PoseEstimator()(shared_path(f"data/images/{name}"))
    assert len(found.scale) == count
    joints = found.joints_3d
    assert (joints[:, NAMES.index("head_top"), 1] < -400).all()
    heads = joints[:, [NAMES.index("head_top")]] - joints[:, [0]]
    assert ((np.linalg.norm(heads, axis=-1) > 450) & (np.linalg.norm(heads, axis=-1) < 900)).all()
    if count == 1:
        pose = dict(zip(NAMES, joints[0], strict=True))
        assert pose["left_ankle"][1] > 500
        assert pose["right_shoulder"][0] < pose["left_shoulder"][0]
        assert 300 < np.linalg.norm(pose["right_hip"] - pose["right_knee"]) < 500
