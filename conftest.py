"""Pytest configuration of the whole project: TensorFlow's set-up and the names of the doctests."""

import os

# Before the first import of TensorFlow, here and in the processes that tests start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest


def _import_quietly():
    """Imports TensorFlow, which reports on the machine before it reads its log level.

    What is written to the process's standard error meanwhile is dropped: pytest would
    print it after the summary. Errors of the import itself are exceptions and stay.
    """
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


_import_quietly()

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
