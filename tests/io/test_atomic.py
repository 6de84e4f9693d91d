"""Files that appear whole or not at all."""

import os

import numpy as np
import pytest

from tf_lift.io import atomic, npz


def test_a_file_appears_at_the_end(tmp_path):
    path = tmp_path / "clip.csv"
    path.write_text("old")
    with atomic.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.suffix == ".csv"
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["clip.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_nothing_is_left_of_a_failure(tmp_path):
    path = tmp_path / "clip.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic.replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["clip.csv"]


def test_the_folder_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError), atomic.replacing(tmp_path / "none" / "clip.csv"):
        pytest.fail("the block must not run")


def test_arrays_and_texts_round_trip(tmp_path):
    npz.write(tmp_path / "a.npz", {"poses": np.ones([2, 3]), "license": "free", "fps": 10})
    content = npz.read(tmp_path / "a.npz")
    assert sorted(content) == ["fps", "license", "poses"]
    assert str(content["license"]) == "free"


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"`arrays` must be numbers or texts.*\['a'\]"):
        npz.write(tmp_path / "a.npz", {"a": np.array([{}]), "b": 1})
    assert not list(tmp_path.iterdir())
