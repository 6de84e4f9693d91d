"""Pickles of arrays: all protocols, and nothing else in them."""

import os
import pathlib
import pickle

import numpy as np
import pytest

from tf_lift.data.formats import array_pickle

ARRAY = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "array", [ARRAY, ARRAY.T, ARRAY.astype("f4"), ARRAY.astype(">i2"), np.array([ARRAY, 1], object)]
)
def test_every_protocol_is_read(protocol, array):
    (found,) = array_pickle.load(pickle.dumps({"a": (array,)}, protocol=protocol))["a"]
    assert found.dtype == array.dtype
    if array.dtype == object:
        np.testing.assert_array_equal(found[0], ARRAY)
        assert found[1] == 1
    else:
        np.testing.assert_array_equal(found, array)


def test_numbers_and_texts_are_read():
    content = {"number": 1.5, "text": "x", "none": None, "scalar": np.float32(2.5)}
    assert array_pickle.load(pickle.dumps(content)) == content


def test_pickles_of_numpy_1_are_read():
    content = pickle.dumps(ARRAY, protocol=2)
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(array_pickle.load(old), ARRAY)


class Program:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_programs_do_not_run(tmp_path):
    content = pickle.dumps([Program(str(tmp_path / "harm"))])
    with pytest.raises(ValueError, match=r"arrays in dictionaries only.*Received: posix.mkdir"):
        array_pickle.load(content)
    assert not (tmp_path / "harm").exists()
    pickle.loads(content)
    assert (tmp_path / "harm").exists()


@pytest.mark.parametrize("function", [eval, getattr, pathlib.Path, np.save, np.load, pickle.loads])
def test_functions_are_refused(function):
    with pytest.raises(ValueError, match="arrays in dictionaries only"):
        array_pickle.load(pickle.dumps({"S1": function}))


@pytest.mark.parametrize("content", [{1, 2}, np.array(["text"]), np.array([1j])])
def test_other_contents_are_refused(content):
    with pytest.raises(ValueError, match="it holds .*, not"):
        array_pickle.load(pickle.dumps(content))


def test_damage_is_an_error_or_another_value(rng):
    original = pickle.dumps(np.array({"S1": ARRAY}), protocol=4)
    failures = 0
    for _ in range(300):
        damaged = bytearray(original)
        for position in rng.integers(0, 200, 2):
            damaged[position] = rng.integers(256)
        try:
            array_pickle.load(bytes(damaged))
        except ValueError:
            failures += 1
    assert failures > 100
