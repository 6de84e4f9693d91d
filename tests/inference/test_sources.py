"""What is taken for images and videos, and what it is called."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lift.inference import sources


def save(path, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, "png")
    return path


def test_files_folders_and_patterns(tmp_path):
    for name in ("b.png", "a b.JPG", "größe 大.png", ".hidden.png", "sub/c.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("")
    (tmp_path / "in" / "clip.MOV").write_text("")
    folder = tmp_path / "in"
    names = [path.name for path in sources.find_files([folder])]
    assert names == sorted(["b.png", "a b.JPG", "größe 大.png", "clip.MOV"])
    found = sources.find_files([folder / "b.png", f"{folder}/*.png", "webcam:1"])
    assert [path.name for path in found] == ["b.png", "größe 大.png", "webcam:1"]
    assert len(sources.find_files([f"{folder}/**/*.png"])) == 3
    # A name with a bracket is a file before it is a pattern.
    assert sources.find_files([save(folder / "x[1].png")]) == [folder / "x[1].png"]
    with pytest.raises(ValueError, match="this pattern holds no image and no video"):
        sources.find_files([f"{folder}/*.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: this folder holds no image"):
        sources.find_files([tmp_path / "empty"])


def test_names_differ(tmp_path):
    files = ["a.png", "x/a.png", "y/A.jpg", "a_2.png", "a.mp4", "webcam:0", "webcam"]
    found = sources.from_files([tmp_path / file for file in files[:-2]] + files[-2:])
    names = [item.name for item in found]
    assert names == ["a", "a_2", "A_3", "a_2_2", "a_4", "webcam0", "webcam"]
    kinds = [type(item).__name__ for item in found]
    assert kinds == ["ImageSource"] * 4 + ["VideoSource"] * 3


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (lambda a, b: a, [(6, 8)]),
        (lambda a, b: np.stack([a, a]), [(6, 8)] * 2),
        (lambda a, b: [a, b], [(6, 8), (9, 4)]),
        (lambda a, b: (image for image in (a, b)), [(6, 8), (9, 4)]),
        (lambda a, b: tf.constant(a), [(6, 8)]),
        (lambda a, b: [tf.constant(a), np.stack([b, b])], [(6, 8), (9, 4), (9, 4)]),
        (lambda a, b: tf.data.Dataset.from_tensor_slices([a, a, a]).batch(2), [(6, 8)] * 3),
        (lambda a, b: tf.data.Dataset.from_tensors({"image": a, "label": 1}), [(6, 8)]),
        (lambda a, b: tf.data.Dataset.from_tensors((b, 1)), [(9, 4)]),
        (lambda a, b: [], []),
    ],
)
def test_arrays(rng, make, sizes):
    first, second = (rng.integers(0, 255, [*size, 3], np.uint8) for size in ((6, 8), (9, 4)))
    found = list(sources.from_arrays(make(first, second)))
    assert [item.name for item in found] == [f"image_{count}" for count in range(len(sizes))]
    assert [item.read().shape[:2] for item in found] == sizes
    for item in found:
        expected = first if item.read().shape == first.shape else second
        np.testing.assert_array_equal(item.read(), expected)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([np.zeros([4, 4, 3], np.uint8), np.zeros([4, 4], np.uint8)], r"image 1: .* \(4, 4\)"),
        (np.zeros([4, 4, 3]), "image 0: `image` must be uint8 .* float64"),
        ([{"picture": 1}], "must have `image`. Received: picture"),
        (np.zeros([0, 4, 3], np.uint8), "image 0"),
    ],
)
def test_bad_arrays(bad, message):
    with pytest.raises(ValueError, match=message):
        list(sources.from_arrays(bad))
