"""Renders many people on several processes and caches the result."""

import dataclasses
import hashlib
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

from tf_lift.data.synthetic.people import SyntheticPeople
from tf_lift.io import atomic

__all__ = ["FIELDS", "render_pool"]

FIELDS = ("image", "landmarks", "joints_3d", "visibility", "person_height_px")
# Increased whenever the pictures change, so that no stale cache is read.
_VERSION = 1
# Below this number of people, starting processes takes longer than rendering.
_FEW = 64
# A bare package replaces tf_lift, whose __init__ would import TensorFlow: seconds and hundreds
# of megabytes that a worker does not need.
WORKER = """
import sys, types
package = types.ModuleType("tf_lift")
package.__path__ = [sys.argv[1]]
sys.modules["tf_lift"] = package
from tf_lift.data.synthetic import pool
pool.work(sys.argv[2])
"""


def render_pool(
    people: SyntheticPeople,
    indices,
    num_workers: int | None = None,
    cache_folder: str | None = None,
    progress: bool = False,
) -> dict:
    """Renders people into arrays.

    The result does not depend on `num_workers`: each person is a function of seed and
    index. The workers are separate processes that import NumPy but not TensorFlow. Unlike
    forks, they are safe while TensorFlow runs. Unlike `multiprocessing`'s spawned processes,
    they do not import the caller's main module, so it needs no guard.

    Args:
        people: The people to render.
        indices: Integers >= 0.
        num_workers: Number of processes; 1 renders in the calling process; `None` for one per
            core if there are enough people.
        cache_folder: Folder that caches the pool as an `.npz` file.
        progress: Whether to show a progress bar.

    Returns:
        Dict of the arrays `FIELDS`, each with one row per index.

    Raises:
        ValueError: If `indices` is empty or holds anything but integers >= 0, or
            `num_workers` is less than 1.
        RuntimeError: If a worker fails.

    >>> people = tf_lift.data.synthetic.people.SyntheticPeople(poses, image_size=32)
    >>> render_pool(people, range(3), num_workers=1)["image"].shape
    (3, 32, 32, 3)
    """
    indices = np.asarray(indices)
    if indices.ndim != 1 or not indices.size or indices.dtype.kind not in "iu" or indices.min() < 0:
        raise ValueError(
            "`indices` must be a non-empty list of integers >= 0. "
            f"Received: shape={indices.shape}, dtype={indices.dtype}"
        )
    path = None
    if cache_folder is not None:
        path = pathlib.Path(cache_folder) / f"people_{_fingerprint(people, indices)}.npz"
        cached = _cached(path)
        if cached is not None:
            return cached
    if num_workers is None:
        num_workers = len(os.sched_getaffinity(0)) if indices.size >= _FEW else 1
    if num_workers < 1:
        raise ValueError(f"`num_workers` must be at least 1. Received: num_workers={num_workers}")
    with _progress_bar(indices.size, progress) as advance:
        if num_workers == 1:
            pool = _render(people, indices, advance)
        else:
            pool = _render_in_processes(people, indices, num_workers, advance)
    if path is not None:
        _save(path, pool)
    return pool


def _render(people, indices, advance):
    persons = []
    for index in indices:
        person = people.person(int(index))
        persons.append([person[name] for name in FIELDS])
        advance(1)
    return {
        name: np.stack(column)
        for name, column in zip(FIELDS, zip(*persons, strict=True), strict=True)
    }


def _render_in_processes(people, indices, num_workers, advance):
    parts = np.array_split(indices, min(num_workers, indices.size))
    with tempfile.TemporaryDirectory(prefix="tf_lift_") as folder:
        workers = []
        try:
            for number, part in enumerate(parts):
                job = pathlib.Path(folder) / f"job_{number}.pickle"
                job.write_bytes(pickle.dumps((people, part)))
                workers.append(_start(job))
            for worker in workers:
                # One character per person. The workers have equally many people and progress
                # alike, so it does no harm to read from one after the other.
                while worker.stdout.read(1):
                    advance(1)
                if worker.wait():
                    raise RuntimeError(f"A rendering process ended with code {worker.returncode}")
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                worker.stdout.close()
        results = []
        for number in range(len(parts)):
            with np.load(pathlib.Path(folder) / f"job_{number}.npz") as arrays:
                results.append({name: arrays[name] for name in FIELDS})
    return {name: np.concatenate([result[name] for result in results]) for name in FIELDS}


def _start(job):
    # One thread per worker: the arrays are small, and more threads only compete for the cores.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    package = str(pathlib.Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, package, str(job)],
        stdout=subprocess.PIPE,
        env={**os.environ, **threads},
    )


def work(job):
    """Renders the people of a job file; the entry point of a worker process."""
    job = pathlib.Path(job)
    people, part = pickle.loads(job.read_bytes())

    def advance(count):
        sys.stdout.write("." * count)
        sys.stdout.flush()

    np.savez(job.with_suffix(".npz"), **_render(people, part, advance))


def _fingerprint(people, indices):
    settings = {
        field.name: getattr(people, field.name)
        for field in dataclasses.fields(people)
        if field.name != "poses"
    }
    digest = hashlib.sha256(repr((_VERSION, sorted(settings.items()))).encode())
    digest.update(np.ascontiguousarray(people.poses).tobytes())
    digest.update(np.ascontiguousarray(indices, np.int64).tobytes())
    return digest.hexdigest()[:16]


def _cached(path):
    """Returns the cached pool, or `None` if there is no readable one."""
    try:
        # Open the file here: `np.load` leaves a broken file open when it raises.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in FIELDS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _save(path, pool):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **pool)


class _progress_bar:
    """Context of a `rich` progress bar, if shown; yields a function `advance(count)`."""

    def __init__(self, total, shown):
        self._total, self._shown = total, shown

    def __enter__(self):
        if not self._shown:
            return lambda count: None
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress("Rendering people", *columns)
        self._bar.__enter__()
        task = self._bar.add_task("", total=self._total)
        return lambda count: self._bar.advance(task, count)

    def __exit__(self, *error):
        if self._shown:
            self._bar.__exit__(*error)
