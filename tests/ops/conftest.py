"""Fixtures of the tests of operations."""

import numpy as np
import pytest

from tf_lift import prior, skeletons


@pytest.fixture(scope="session")
def small_prior():
    """Two components of three bases over seven joints: brute force of it takes no time."""
    rng = np.random.default_rng(7)
    mean_pose = rng.standard_normal([2, 7, 3]) * [150.0, 100.0, 400.0]
    mean_pose[:, 0] = 0
    basis = np.linalg.qr(rng.standard_normal([2, 18, 3]))[0].swapaxes(1, 2)
    basis = np.concatenate([np.zeros([2, 3, 3]), basis], 2).reshape(2, 3, 7, 3)
    names = tuple(f"joint_{index}" for index in range(7))
    return prior.PosePrior(
        mean_pose=mean_pose,
        basis=basis,
        stddev=np.array([[300.0, 150.0, 60.0], [200.0, 120.0, 80.0]]),
        noise_stddev=np.array([15.0, 22.0]),
        mixture_weights=np.array([0.6, 0.4]),
        skeleton=skeletons.Skeleton("small", names, (-1, 0, 1, 2, 3, 4, 5)),
    )
