"""The lift as a plain graph, and what LiteRT and ONNX Runtime make of it."""

import os
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tf_lift

PROJECT = pathlib.Path(__file__).resolve().parents[2]
NUM_POSES = 8
ESTIMATORS = ("map", "mean", "min_energy")
MASKS = ("all", "bool", "float")

# Operations that LiteRT lacks, or that come with loops over an unknown number of poses.
FORBIDDEN = re.compile(
    "Cholesky|Triangular|MatrixSolve|MatrixInverse|Complex|FFT|Bitwise|^Invert$|Bitcast|While|If$|Case"
    "|Switch|Merge|TensorList|TensorArray|PyFunc|Unique|PartitionedCall"
)


def make_poses(prior, mask, num_poses=NUM_POSES):
    """Returns the arguments of a lift: noisy landmarks of poses of a prior, seen from all sides."""
    rng = np.random.default_rng(0)
    x, y, z = np.moveaxis(prior.sample(num_poses, seed=0), -1, 0)
    angle = rng.uniform(0, 2 * np.pi, [num_poses, 1])
    points = np.stack([np.cos(angle) * x - np.sin(angle) * y, -z], -1)
    points = 0.3 * points + [320, 240] + rng.normal(0, 3, points.shape)
    visible = rng.uniform(size=points.shape[:2]) > 0.25
    weights = visible * rng.uniform(0.2, 1, visible.shape)
    visibility = {"all": {}, "bool": {"visibility": visible}, "float": {"visibility": weights}}
    return {
        name: values if values.dtype == bool else values.astype(np.float32)
        for name, values in ({"points": points} | visibility[mask]).items()
    }


def make_function(prior, arguments, **options):
    """Returns the lift as a concrete function of these arguments."""

    def lift(points, visibility=None):
        return tf_lift.lift(points, prior, visibility, **options, camera="level")

    specs = {name: tf.TensorSpec(values.shape, values.dtype) for name, values in arguments.items()}
    return tf.function(lift, autograph=False).get_concrete_function(**specs)


def problems(graph):
    """Returns what of a graph does not convert: types of operations, and doubled new axes."""
    definition = graph.as_graph_def()
    nodes = [*definition.node]
    for function in definition.library.function:
        nodes += function.node_def
    found = {node.op for node in nodes if FORBIDDEN.search(node.op)}
    doubled = [
        node.name
        for node in nodes
        if node.op == "StridedSlice" and node.attr["new_axis_mask"].i.bit_count() > 1
    ]
    return sorted(found) + doubled


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_graph_of_a_fixed_batch_is_plain(estimator, mask, small_prior):
    arguments = make_poses(small_prior, mask)
    concrete = make_function(small_prior, arguments, estimator=estimator)
    assert problems(concrete.graph) == []


@pytest.mark.parametrize("options", [{"scale": 1.0}, {"estimator": "map", "num_rotations": 12}])
def test_graph_of_one_pose_is_plain(options, small_prior):
    arguments = make_poses(small_prior, "bool", num_poses=1)
    concrete = make_function(small_prior, arguments, **options)
    assert problems(concrete.graph) == []


def test_problems_are_seen():
    def function(x):
        x = tf.map_fn(tf.linalg.cholesky, x[:, tf.newaxis, tf.newaxis])
        return tf.bitwise.invert(tf.bitcast(x, tf.int32))

    graph = tf.function(function, [tf.TensorSpec([None])], autograph=False)
    found = problems(graph.get_concrete_function().graph)
    assert {"Bitcast", "Cholesky", "Invert", "StatelessWhile", "strided_slice"} <= set(found)


def save(concrete, folder):
    """Saves a concrete function as a SavedModel; returns the folder's name."""
    module = tf.Module()
    # A `tf.function` would be traced again.
    module.lift = concrete
    tf.saved_model.save(module, str(folder), signatures=concrete)
    return str(folder)


def run_litert(saved, arguments):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    converter = tf.lite.TFLiteConverter.from_saved_model(saved)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    model = interpreter.Interpreter(model_content=converter.convert())
    return model.get_signature_runner()(**arguments)


def run_onnx(saved, arguments):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    path = f"{saved}.onnx"
    # Without tf2onnx's optimisers, which take two thirds of a conversion: the page's command has
    # them.
    program = (
        "from tf2onnx import convert, optimizer; "
        "optimizer.optimize_graph = lambda graph, *arguments, **options: graph; "
        "convert.main()"
    )
    run(f"python -c '{program}' --saved-model {saved} --output {path} --opset 18", ".")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, arguments), strict=True))


def run(command, folder):
    """Runs a command that begins with `python` by this Python; shows its output if it fails."""
    python, *rest = shlex.split(command)
    assert python == "python"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    result = subprocess.run(
        [sys.executable, *rest], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def check_same(found, expected, mask):
    """Asserts that two lifts chose the same candidates and agree in the poses."""
    assert set(found) == set(expected)
    np.testing.assert_array_equal(found["mixture_index"], expected["mixture_index"])
    np.testing.assert_allclose(found["rotation_angle"], expected["rotation_angle"], rtol=1e-6)
    difference = np.abs(found["joints_3d"] - expected["joints_3d"].numpy())
    assert np.quantile(difference, 0.95) < 1e-2
    # With weights a float32 is up to 0.3 mm off a float64. Between runtimes, which sum in
    # different orders, the worst of 96 poses differed by 0.02 mm.
    assert difference.max() < (1e-2 if mask == "all" else 5e-2)
    np.testing.assert_allclose(found["landmarks"], expected["landmarks"], atol=2e-2)
    np.testing.assert_allclose(found["joints_3d_stddev"], expected["joints_3d_stddev"], atol=5e-2)
    np.testing.assert_allclose(found["scale"], expected["scale"], rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "estimator", "mask", "runtimes"),
    [
        ("cmu", "map", "all", (run_litert, run_onnx)),
        ("people", "mean", "all", (run_litert,)),
        # With a mask the conversion takes as long as there are joints. The page of the next
        # test converts the mean of the default prior with a mask.
        ("small", "map", "bool", (run_litert,)),
        ("small", "mean", "float", (run_litert,)),
        ("small", "min_energy", "float", (run_onnx,)),
    ],
)
def test_converted_lift_gives_the_same_poses(
    name, estimator, mask, runtimes, small_prior, tmp_path
):
    prior = small_prior if name == "small" else tf_lift.PosePrior.load(name)
    arguments = make_poses(prior, mask)
    concrete = make_function(prior, arguments, estimator=estimator)
    saved = save(concrete, tmp_path / "lift")
    expected = concrete(**{key: tf.constant(value) for key, value in arguments.items()})
    for runtime in runtimes:
        check_same(runtime(saved, arguments), expected, mask)


@pytest.mark.slow
def test_page_converts_with_a_mask(tmp_path, monkeypatch):
    for package in ("ai_edge_litert", "tf2onnx", "onnxruntime"):
        pytest.importorskip(package)
    page = (PROJECT / "docs" / "serving.md").read_text(encoding="utf-8")
    section = page.split("\n## LiteRT and ONNX\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "python", "bash", "python"]
    prior = tf_lift.PosePrior.load()
    arguments = make_poses(prior, "bool")
    names = {"landmarks": arguments["points"], "visible": arguments["visibility"]}
    expected = tf_lift.lift(arguments["points"], prior, arguments["visibility"], camera="level")
    monkeypatch.chdir(tmp_path)
    for language, code in blocks:
        if language == "bash":
            run(code, tmp_path)
            continue
        names.pop("pose", None)
        exec(code, names)  # noqa: S102
        if "pose" in names:
            check_same(names["pose"], expected, "bool")
