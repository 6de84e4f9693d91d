import subprocess
import sys

import numpy as np
import pytest

from tf_lift.data.synthetic import people as synthetic
from tf_lift.data.synthetic import pool


@pytest.fixture(scope="module")
def people(poses):
    return synthetic.SyntheticPeople(poses, image_size=32, seed=1)


def test_the_number_of_processes_changes_nothing(people):
    alone = pool.render_pool(people, range(3, 10), num_workers=1)
    together = pool.render_pool(people, range(3, 10), num_workers=3)
    assert set(alone) == set(together) == set(pool.FIELDS)
    for name in pool.FIELDS:
        assert len(alone[name]) == 7
        np.testing.assert_array_equal(alone[name], together[name])
    np.testing.assert_array_equal(alone["image"][2], people.person(5)["image"])


def test_workers_do_not_import_tensorflow():
    code = pool.WORKER.replace("pool.work(sys.argv[2])", "print('tensorflow' in sys.modules)")
    package = pool.__file__.rsplit("/data/", 1)[0]
    result = subprocess.run(
        [sys.executable, "-c", code, package], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_a_cached_pool_is_read_again(people, tmp_path, monkeypatch):
    first = pool.render_pool(people, range(4), num_workers=1, cache_folder=tmp_path / "cache")
    files = list((tmp_path / "cache").iterdir())
    assert [path.suffix for path in files] == [".npz"]

    def refuse(*arguments):
        raise RuntimeError("rendered again")

    monkeypatch.setattr(synthetic.SyntheticPeople, "person", refuse)
    again = pool.render_pool(people, range(4), num_workers=1, cache_folder=tmp_path / "cache")
    for name in pool.FIELDS:
        np.testing.assert_array_equal(first[name], again[name])
    # Other people, other indices: another file.
    with pytest.raises(RuntimeError, match="rendered again"):
        pool.render_pool(people, range(5), num_workers=1, cache_folder=tmp_path / "cache")
    other = synthetic.SyntheticPeople(people.poses, image_size=32, seed=2)
    with pytest.raises(RuntimeError, match="rendered again"):
        pool.render_pool(other, range(4), num_workers=1, cache_folder=tmp_path / "cache")


def test_a_broken_cache_is_rendered_again(people, tmp_path):
    first = pool.render_pool(people, range(2), num_workers=1, cache_folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    again = pool.render_pool(people, range(2), num_workers=1, cache_folder=tmp_path)
    np.testing.assert_array_equal(first["image"], again["image"])


def test_a_failing_worker_is_reported(people, monkeypatch):
    monkeypatch.setattr(pool, "WORKER", "import sys; sys.exit(3)")
    with pytest.raises(RuntimeError, match="A rendering process ended with code 3"):
        pool.render_pool(people, range(4), num_workers=2)


@pytest.mark.parametrize("indices", [[], [0.5, 1.0], [-1, 2], [[1, 2]]])
def test_bad_indices(people, indices):
    with pytest.raises(ValueError, match="`indices` must be a non-empty list of integers"):
        pool.render_pool(people, indices)


def test_bad_number_of_workers(people):
    with pytest.raises(ValueError, match="`num_workers` must be at least 1"):
        pool.render_pool(people, range(3), num_workers=0)
