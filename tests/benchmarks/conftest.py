"""Fixtures of the tests of the benchmarks, which are outside the package."""

import functools
import pathlib
import sys

import numpy as np
import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
if str(PROJECT) not in sys.path:
    sys.path.append(str(PROJECT))


@pytest.fixture(scope="session")
def poses_file(tmp_path_factory):
    """Writes poses of six subjects, of two splits and others, in clips of 4 to 40."""
    import tf_lift

    rng = np.random.default_rng(3)
    sizes = {5: (40, 4), 16: (20, 12), 1: (30,), 9: (8,), 14: (40, 10), 29: (36,)}
    subject = np.concatenate([[name] * sum(sizes[name]) for name in sizes])
    clip = np.concatenate(
        [
            [f"{name:02}_{number:02}"] * size
            for name in sizes
            for number, size in enumerate(sizes[name])
        ]
    )
    poses = tf_lift.PosePrior.load("cmu").sample(len(subject), seed=5)
    # Their places must not matter.
    poses += rng.uniform(-2000, 2000, [len(poses), 1, 3])
    path = tmp_path_factory.mktemp("poses") / "poses.npz"
    np.savez(path, poses=poses.astype(np.float32), subject=subject, clip=clip)
    return path


@pytest.fixture(scope="session", autouse=True)
def small_methods():
    """Shortens training to a second: a narrow network, few views for the regression."""
    from benchmarks.accuracy import martinez, methods

    small = {"width": 64, "num_blocks": 1, "batch_size": 64, "learning_rate": 5e-3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(methods, "_NUM_LINEAR_VIEWS", 4000)
        config = functools.partial(martinez.NetworkConfig, **small)
        patch.setattr(methods, "NetworkConfig", config)
        yield
