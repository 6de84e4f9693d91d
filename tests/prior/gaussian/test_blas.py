import threading

import numpy as np
import pytest
import threadpoolctl

from tf_lift import PosePrior
from tf_lift.prior import select
from tf_lift.prior.gaussian import alignment, blas
from tf_lift.prior.learning import clustering, statistics


def num_threads():
    pools = threadpoolctl.threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    """BLAS with two threads, whatever the machine has."""
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        if num_threads() != {2}:
            pytest.skip("this NumPy's linear algebra has one thread alone")
        yield


def test_one_thread_within_the_block():
    with blas.single_thread():
        assert num_threads() == {1}
        with blas.single_thread():
            assert num_threads() == {1}
        assert num_threads() == {1}
    assert num_threads() == {2}


def test_an_error_restores_the_threads():
    with pytest.raises(KeyError), blas.single_thread():
        raise KeyError
    assert num_threads() == {2}


def test_a_block_of_another_thread_does_not_lift_the_limit():
    def enter_and_leave():
        with blas.single_thread():
            pass

    with blas.single_thread():
        other = threading.Thread(target=enter_and_leave)
        other.start()
        other.join(timeout=60)
        assert num_threads() == {1}
    assert num_threads() == {2}


def test_learning_and_sampling_use_one_thread(tiny_prior, monkeypatch):
    """Each function with large products computes them within a block."""
    counts = {}

    def watch(module, name):
        function = getattr(module, name)

        def watched(*args, **kwargs):
            counts.setdefault(name, set()).update(num_threads())
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    watch(statistics.Moments, "of")
    watch(clustering, "_nearest")
    watch(np, "tensordot")
    watch(np.linalg, "eigh")
    watch(alignment, "distance_harmonics")
    poses = tiny_prior.sample(200, seed=0)
    PosePrior.fit(poses, mixture_size=2, num_bases=4)
    tiny_prior.log_likelihood(poses)

    assert counts == dict.fromkeys(
        ("tensordot", "distance_harmonics", "of", "eigh", "_nearest"), {1}
    )
    assert num_threads() == {2}


def test_choosing_a_size_uses_one_thread(tiny_prior):
    counts = set()

    def errors(prior, poses):
        counts.update(num_threads())
        return np.ones(len(poses))

    poses = tiny_prior.sample(40, seed=0)
    sizes = {"mixture_sizes": [1], "num_bases": [2]}
    select(poses, np.arange(40) // 20, lifting_errors=errors, **sizes)
    assert counts == {1}
