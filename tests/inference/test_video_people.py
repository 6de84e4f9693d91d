"""What is found in a video: all frames once, in bounded memory, and the same after a break."""

import gc
import weakref

import coded_frames
import numpy as np
import pytest

from tf_lift.inference import people_finders, video_people
from tf_lift.inference.tracking import Tracker
from tf_lift.inference.videos import Frame

POSE = np.random.default_rng(0).uniform(20, 100, [17, 2])


def people(number):
    shown = [POSE + [number, 0]] if number % 7 else []
    return shown + ([POSE + [150, 5]] if number > 20 else [])


def frames(count=40, fps=25.0, images=None):
    for number in range(count):
        image = coded_frames.draw(number)
        if images is not None:
            images.append(weakref.ref(image))
        yield Frame(number, number / fps, image)


def test_people_of_all_frames():
    found = video_people.find_people(frames(), coded_frames.Finder(people), 25.0)
    expected = [(n, pose) for n in range(40) for pose in people(n)]
    assert found.frame.tolist() == [number for number, _ in expected]
    np.testing.assert_allclose(found.landmarks, [pose for _, pose in expected], rtol=1e-6)
    assert found.frames.tolist() == list(range(40))
    assert (found.fps, found.image_size) == (25.0, coded_frames.SIZE)
    numbers = found.identify(Tracker(25.0))
    assert set(numbers[found.landmarks[:, 0, 0] > 150]) == {1}
    rows = np.flatnonzero(numbers == 0)
    track = found.spread(rows, np.arange(found.frame[rows[0]], found.frame[rows[-1]] + 1))
    seen = (track.scores > 0).any(1)
    assert track.frame[~seen].tolist() == [7, 14, 21, 28, 35]
    assert np.isnan(track.landmarks[~seen]).all() and np.isnan(track.box[~seen]).all()
    np.testing.assert_array_equal(track.landmarks[seen], found.landmarks[rows])


def test_nobody_and_no_frames():
    found = video_people.find_people(frames(3), coded_frames.Finder(lambda _: []), 25.0)
    assert found.landmarks.shape == (0, 17, 2) and found.frames.tolist() == [0, 1, 2]
    assert found.identify(Tracker(25.0)).shape == (0,)
    found = video_people.find_people([], coded_frames.Finder(people), 25.0)
    assert found.image_size is None and not len(found.frames)


def test_frames_are_not_kept():
    images = []

    class Watching(coded_frames.Finder):
        def detect(self, image, regions=(), *, search=False):
            gc.collect()
            # This frame's, and at most the one before, which the loop still names.
            assert sum(reference() is not None for reference in images) <= 2
            return super().detect(image, regions, search=search)

    video_people.find_people(frames(20, images=images), Watching(people), 25.0)
    assert len(images) == 20


@pytest.mark.parametrize("part", [3, 1000])
@pytest.mark.parametrize("stop_at", [0, 1, 17, 33])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, stop_at, part):
    monkeypatch.setattr(video_people, "_PART", part)
    video = tmp_path / "video"
    video.write_bytes(b"frames")
    path = tmp_path / "part.npz"
    whole = video_people.find_people(frames(), coded_frames.Finder(people), 25.0)
    with pytest.raises(KeyboardInterrupt):
        video_people.find_people(
            frames(),
            coded_frames.Finder(people, stop_at),
            25.0,
            save=lambda found: video_people.write(found, path, video),
        )
    known = video_people.read(path, video)
    finder = coded_frames.Finder(people)
    again = video_people.find_people(frames(), finder, 25.0, known=known)
    assert finder.seen == list(range(stop_at, 40))
    for name in video_people.VideoPeople.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name), name)
    # Of a video that has changed, nothing is known.
    video.write_bytes(b"other frames")
    assert video_people.read(path, video) is None


def test_damaged_and_missing_notes_are_ignored(tmp_path):
    video = tmp_path / "video"
    video.write_bytes(b"")
    assert video_people.read(tmp_path / "nothing.npz", video) is None
    (tmp_path / "bad.npz").write_bytes(b"no npz")
    assert video_people.read(tmp_path / "bad.npz", video) is None


def test_ctrl_c_ends_a_webcam():
    found = video_people.find_people(frames(), coded_frames.Finder(people, 12), 25.0, endless=True)
    assert found.frames.tolist() == list(range(12))


def test_regions_of_other_detectors_are_theirs():
    class Other(coded_frames.Finder):
        def detect(self, image, regions=(), *, search=False):
            assert all(region == "place" for region in regions)
            found = super().detect(image, search=True)
            for person in found:
                person.region = "place"
            return found

    found = video_people.find_people(frames(5), Other(people), 25.0)
    assert found.regions.shape == (0, 4)


def test_bad_detectors():
    with pytest.raises(ValueError, match="`detector` must be None, a BeliefMapDetector, or"):
        people_finders.adapt("network.pb")
    with pytest.raises(ValueError, match="`box` must be None where"):
        people_finders.adapt(coded_frames.Finder(people), (0, 0, 5, 5))
