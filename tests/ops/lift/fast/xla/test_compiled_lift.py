"""The compiled lift: what it traces and compiles, and its gradient in parts."""

import os
import pathlib
import subprocess
import sys

import helpers
import numpy as np
import pytest
import tensorflow as tf

from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift.fast import routes
from tf_lift.prior import build_tables

PROJECT = pathlib.Path(__file__).resolve().parents[5]

# Lifts new poses, in eager mode and in a graph; prints how many programs XLA made for each.
COUNT_PROGRAMS = """
import pathlib, sys
import numpy as np
import tensorflow as tf
from benchmarks.lift.programs import random_prior
from tf_lift.ops.lift.lift import lift
from tf_lift.prior import build_tables

tables = build_tables(random_prior(2, 3, 6), 8)
rng = np.random.default_rng(0)

def step(landmarks):
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        lifted = lift(landmarks, tables, jit_compile=True)
    return tape.gradient(lifted["joints_3d"], landmarks)

specs = [tf.TensorSpec([None, 6, 2])]
for function in (step, tf.function(step, specs, autograph=False)):
    for _ in range(3):
        landmarks = tf.constant(rng.normal(0, 50, [2, 6, 2]), tf.float32)
        gradient = function(landmarks)
        assert np.abs(gradient).max() > 0
        print(len(list(pathlib.Path(sys.argv[1]).glob("*before_optimizations.txt"))))
"""


@pytest.mark.slow
def test_each_direction_is_compiled_once_for_all_inputs(tmp_path, monkeypatch):
    flags = os.environ.get("XLA_FLAGS", "")
    flags += f" --xla_dump_to={tmp_path} --xla_dump_hlo_as_text"
    monkeypatch.setenv("XLA_FLAGS", flags)
    ran = subprocess.run(
        [sys.executable, "-c", COUNT_PROGRAMS, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["2", "2", "2", "4", "4", "4"]


def test_eager_calls_share_one_trace(tiny_prior, rng, monkeypatch):
    """Values of landmarks and of what is given as a number do not matter, nor does the tape."""
    tables = build_tables(tiny_prior, 6, free_scale=False)
    traced = []
    monkeypatch.setattr(
        lifting, "_lift_tensors", lambda *arguments: traced.append(arguments) or {"scale": 1.0}
    )
    for scale in (0.5, 1, 2.0):
        landmarks = np.float32(rng.standard_normal([2, 3, 17, 2]))
        helpers.lift(landmarks, tables, scale=scale, jit_compile=True)
    assert len(traced) == 1
    helpers.lift(landmarks[0], tables, scale=scale, jit_compile=True)
    assert len(traced) == 2
    helpers.lift(landmarks, tables, scale=scale, jit_compile=False)
    assert len(traced) == 3


def _run(tables, landmarks, inputs, jit_compile, **options):
    """Returns all results and the gradients of landmarks and inputs."""
    inputs = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
    sources = [landmarks] + [part for part in inputs.values() if part.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = helpers.lift(landmarks, tables, **inputs, **options, jit_compile=jit_compile)
        total = tf.reduce_sum(result["joints_3d"][..., 3, :] ** 2)
    return result, tape.gradient(total, sources, unconnected_gradients="zero")


def _check_same(compiled, plain):
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6),
        compiled,
        plain,
    )


@pytest.mark.parametrize(
    ("name", "leading"),
    [("landmarks", ()), ("landmarks", (1,)), ("visibility", (2, 3)), ("scale", (2, 3))],
)
def test_eager_program_equals_plain_lift(tiny_prior, rng, name, leading):
    tables = build_tables(tiny_prior, 12, free_scale=name != "scale", dtype="float64")
    landmarks = tf.constant(60 * rng.standard_normal([*leading, 17, 2]))
    inputs = {
        "landmarks": {},
        "visibility": {"visibility": np.arange(17) != 4},
        "scale": {"scale": np.float64(0.4)},
    }[name]
    compiled, plain = (_run(tables, landmarks, inputs, jit) for jit in (True, False))
    assert plain[0]["joints_3d"].shape == (*leading, 17, 3)
    assert min(np.abs(gradient).max() for gradient in plain[1]) > 1e-3
    _check_same(compiled, plain)


@pytest.mark.slow
def test_both_directions_in_parts(tiny_prior, rng, monkeypatch):
    monkeypatch.setattr(routes, "_SIZES", {"few": 4, "many": 4, "any": 4})
    monkeypatch.setattr(routes, "_MAX_STRAIGHT", 4)
    tables = build_tables(tiny_prior, 14, dtype="float64")
    landmarks = tf.constant(60 * rng.standard_normal([10, 17, 2]))

    def run(landmarks, jit_compile):
        options = {"estimator": "mean", "num_hypotheses": 2, "landmark_stddev": 2.0}
        return _run(tables, landmarks, {}, jit_compile, **options)

    plain = run(landmarks, False)
    specs = [tf.TensorSpec([None, 17, 2], tf.float64)]
    compiled = tf.function(lambda values: run(values, True), specs, autograph=False)(landmarks)
    assert np.abs(plain[1][0]).max() > 1e-3
    _check_same(compiled, plain)
