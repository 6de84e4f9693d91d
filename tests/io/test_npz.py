"""Reading and writing npz files."""

import io

import numpy as np
import pytest

from tf_lift.io import npz


def test_arrays_and_texts_round_trip(tmp_path):
    npz.write(tmp_path / "a.npz", {"poses": np.ones([2, 3]), "license": "free", "fps": 10})
    content = npz.read(tmp_path / "a.npz")
    assert sorted(content) == ["fps", "license", "poses"]
    np.testing.assert_array_equal(content["poses"], np.ones([2, 3]))
    assert str(content["license"]) == "free"


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"`arrays` must be numbers or texts.*\['a'\]"):
        npz.write(tmp_path / "a.npz", {"a": np.array([{}]), "b": 1})
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_refused(tmp_path):
    npz.write(tmp_path / "a.npz", {"poses": np.ones([20, 3])})
    (tmp_path / "half.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:60])
    stream = io.BytesIO()
    np.savez(stream, a=np.array([{}]))
    (tmp_path / "objects.npz").write_bytes(stream.getvalue())
    for name in ("half.npz", "objects.npz"):
        with pytest.raises(ValueError, match=f"{name}: must be a readable npz file"):
            npz.read(tmp_path / name)
