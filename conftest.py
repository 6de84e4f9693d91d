"""Pytest configuration of the whole project: TensorFlow's set-up and the names of the doctests."""

import os

# Before the first import of TensorFlow, here and in the processes that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import tensorflow as tf

import tf_lift

if "PYTEST_XDIST_WORKER" in os.environ:
    # One worker per core: more threads than that only wait for each other.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _doctest_names(doctest_namespace):
    """Gives the examples in docstrings what their readers have: the imports, and poses."""
    poses = tf_lift.PosePrior.load().sample(16, seed=0)
    doctest_namespace.update(tf=tf, np=np, tf_lift=tf_lift, poses=poses)
