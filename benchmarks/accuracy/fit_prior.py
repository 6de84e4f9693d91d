"""Time and memory of learning a prior from a million poses: `python -m benchmarks fit_prior`.

Real poses, each turned and moved a little, are written to an npz file; `tf-lift fit-prior`
learns from it in a process of its own, whose time and peak memory are measured.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.accuracy import protocol
from benchmarks.harness import records

__all__ = ["main", "tiled_poses"]

# Standard deviation (mm) of the shift of every joint: no two poses are equal, yet the shift is
# below the error of motion capture.
JITTER_MM = 3.0
TILE_CHUNK = 50_000


def main(arguments: list[str]) -> None:
    """Runs the benchmark.

    Args:
        arguments: Command line after the name of the benchmark.

    Raises:
        ValueError: If the learning fails.
    """
    options = _parse(arguments)
    with tempfile.TemporaryDirectory() as folder:
        poses_path = pathlib.Path(folder, "poses.npz")
        _write_poses(options.poses, options.num_poses, poses_path)
        print(f"{options.num_poses:,} poses of {poses_path.stat().st_size / 2**20:.0f} MB")
        results = _learn(options, poses_path, pathlib.Path(folder, "prior.npz"))
    print(
        f"{results['seconds']:.0f} s ({results['cpu_seconds']:.0f} s of processor time), "
        f"peak memory {results['peak_memory_gib']:.2f} GiB"
    )
    if options.json:
        command = " ".join(["python -m benchmarks fit_prior", *arguments])
        records.write(options.json, "fit_prior", results, command=command, seed=0)


def _parse(arguments):
    parser = argparse.ArgumentParser("python -m benchmarks fit_prior", description=__doc__)
    parser.add_argument("--poses", default=protocol.default_poses(), help="npz file of real poses")
    parser.add_argument("--num-poses", type=int, default=1_000_000)
    parser.add_argument("--mixture-size", type=int, default=8)
    parser.add_argument("--num-bases", type=int, default=25)
    parser.add_argument("--max-iterations", type=int, default=10, help="iterations of EM")
    parser.add_argument("--json", help="file for the results")
    return parser.parse_args(arguments)


def _write_poses(source, num_poses, path):
    with np.load(source, allow_pickle=False) as content:
        poses, clip = content["poses"], content["clip"]
    copies = np.arange(num_poses) // len(poses)
    clips = np.char.add(clip[np.arange(num_poses) % len(poses)], np.char.mod("/%d", copies))
    np.savez(path, poses=tiled_poses(poses, num_poses), clip=clips)


def tiled_poses(poses, num_poses: int, seed: int = 0):
    """Repeats poses, each copy turned by an angle of its own and jittered.

    Args:
        poses: Array of shape `[N, L, 3]`, mm, z up.
        num_poses: Number of poses to return.
        seed: Seed of angles and jitter.

    Returns:
        Array of shape `[num_poses, L, 3]`, float32.
    """
    rng = np.random.default_rng(seed)
    result = np.empty([num_poses, *poses.shape[1:]], np.float32)
    for start in range(0, num_poses, TILE_CHUNK):
        rows = np.arange(start, min(start + TILE_CHUNK, num_poses))
        x, y, z = np.moveaxis(poses[rows % len(poses)], -1, 0)
        yaw = rng.uniform(0.0, 2.0 * np.pi, [len(rows), 1])
        cosine, sine = np.cos(yaw), np.sin(yaw)
        turned = np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1)
        result[rows] = turned + rng.normal(0.0, JITTER_MM, turned.shape)
    return result


def _learn(options, poses_path, output):
    """Runs the command line and returns its time and memory."""
    command = [
        sys.executable,
        "-c",
        "import sys; from tf_lift_command import main; sys.exit(main())",
    ]
    command += ["fit-prior", str(poses_path), "--output", str(output)]
    for name in ("mixture_size", "num_bases", "max_iterations"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    started = time.monotonic()
    process = subprocess.Popen(command)
    # The only call that returns the peak memory of this child alone.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if process.returncode:
        raise ValueError(f"`tf-lift fit-prior` failed with exit code {process.returncode}")
    return {
        "num_poses": options.num_poses,
        "mixture_size": options.mixture_size,
        "num_bases": options.num_bases,
        "max_iterations": options.max_iterations,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_memory_gib": usage.ru_maxrss / 2**20,
        "load_average": os.getloadavg()[1],
    }
