"""Files of results: whole, of everybody and of nobody, and never in the place of a source."""

import csv
import json

import coded_frames
import numpy as np
import pytest
from PIL import Image

from tf_lift.inference import results, sources, videos
from tf_lift.inference.estimator import PoseEstimator

FORMATS = [name for name in results.FORMATS if name in ("json", "npz", "csv", "bvh", "trc")]


@pytest.fixture(scope="module")
def estimator(tiny_prior):
    joints = tiny_prior.sample(2, seed=1)[:, :, [0, 2]] * [0.1, -0.1] + [60, 120]

    def people(number):
        return [joints[0] + [number, 0], joints[1] + [180, 0]][: 3 - number // 300 - 1]

    return PoseEstimator(tiny_prior, coded_frames.Finder(people))


def estimate(estimator, number):
    (found,) = estimator.iterate(coded_frames.draw(number))
    return found


def test_all_formats_of_people(estimator, tmp_path):
    found = estimate(estimator, 1)
    image = coded_frames.draw(1)
    written = results.write(found, tmp_path / "new" / "folder", FORMATS, image=image)
    assert len(written) == len(set(written)) and all(path.stat().st_size for path in written)
    names = sorted(path.name for path in written)
    assert {"image_0.json", "image_0.npz", "image_0.csv", "image_0.png"} <= set(names)
    assert sum(name.endswith(".bvh") for name in names) == 2
    content = json.loads(written[0].read_text())
    assert content["source"] == {"file": None, "problem": None}
    assert content["camera"]["image_size"] == [320, 240]
    assert [pose["person"] for pose in content["poses"]] == [0, 1]
    np.testing.assert_allclose(content["poses"][1]["joints_3d"], found.poses.joints_3d[1])
    with open(tmp_path / "new" / "folder" / "image_0.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["person"] for row in rows] == ["0", "1"]
    with Image.open(tmp_path / "new" / "folder" / "image_0.png") as picture:
        assert picture.size == (320 + 240, 240)
    # Nothing else lies there: no temporary file.
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == names


def test_nobody_in_all_formats(estimator, tmp_path):
    found = estimate(estimator, 600)
    written = results.write(found, tmp_path, FORMATS, image=coded_frames.draw(600))
    assert sorted(path.suffix for path in written) == [".csv", ".json", ".npz", ".png"]
    assert json.loads((tmp_path / "image_0.json").read_text())["poses"] == []
    with open(tmp_path / "image_0.csv", newline="") as file:
        assert not list(csv.DictReader(file))
    with np.load(tmp_path / "image_0.npz") as content:
        assert content["joints_3d"].shape == (0, 17, 3) and content["frames"].tolist() == [0]


@pytest.mark.parametrize("size", [(160, 16), (161, 17), (1600, 20)])
def test_images_of_any_size_are_drawn(estimator, size):
    found = estimate(estimator, 1)
    picture = results.draw(coded_frames.draw(1, size), found.poses)
    assert picture.shape == (size[1], size[0] + size[1], 3)


def test_large_pictures_are_shrunk(estimator):
    found = estimate(estimator, 1)
    image = np.zeros([results.MAX_HEIGHT * 2, 1000, 3], np.uint8)
    assert results.draw(image, found.poses).shape == (1080, 1580, 3)


def test_a_failed_file_leaves_nothing(estimator, tmp_path, monkeypatch):
    found = estimate(estimator, 1)

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(results.annotation, "beside", fail)
    with pytest.raises(OSError, match="no space"):
        results.write(found, tmp_path, image=coded_frames.draw(1))
    assert not list(tmp_path.iterdir())


def test_sources_are_not_replaced(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.jpg")
    items = sources.from_files([tmp_path])
    with pytest.raises(ValueError, match=r"where no source gets replaced.*holds .*a\.png"):
        results.check_outputs(items, tmp_path, [])
    results.check_outputs(items[1:], tmp_path, [])
    results.check_outputs(items, tmp_path / "out", results.FORMATS)
    with pytest.raises(ValueError, match="formats must be of json, npz, .*Received: obj, x"):
        results.check_outputs(items, tmp_path / "out", ["npz", "obj", "x"])
    with pytest.raises(ValueError, match="`output` must be a folder"):
        results.check_outputs(items, tmp_path / "b.jpg", [])


def test_a_video_is_drawn_with_all_its_frames(estimator, tmp_path):
    pytest.importorskip("av", reason="videos need the extra `video`")
    path = tmp_path / "clip.mp4"
    with videos.VideoWriter(path, 25, coded_frames.SIZE) as writer:
        for number in (1, 2, 600, 4):
            writer.write(coded_frames.draw(number), number if number < 9 else 3)
    (found,) = estimator.iterate(path)
    results.write(found, tmp_path / "out", ["bvh"])
    drawn = videos.Video(tmp_path / "out" / "clip.mp4")
    assert len(list(drawn)) == 4 and drawn.size == (560, 240)
    assert results.is_done(sources.from_files([path])[0], tmp_path / "out")
    assert not results.is_done(sources.from_files([path])[0], tmp_path)
