import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tf_lift


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports the lift of three poses, with and without its gradient."""
    from benchmarks import __main__ as command_line

    folder = tmp_path_factory.mktemp("hlo") / "exported"
    arguments = ["export_hlo", str(folder), "--batch", "3", "--backward", "--kinds", "visible"]
    assert command_line.main(arguments) == 0
    return folder


def test_programs_hold_what_goes_in_and_comes_out(exported):
    from benchmarks.hlo import hlo_folder, roofline

    forward, both = hlo_folder.read(exported)
    assert (forward.name, both.name) == (
        "lift_visible_3",
        "lift_visible_with_gradient_3",
    )
    assert forward.argument_names[0] == "landmarks" and forward.batch == both.batch == 3
    lifted = tf_lift.lift(
        forward.arguments[0], tf_lift.PosePrior.load("cmu"), estimator="map", camera="level"
    )
    assert forward.result_names == sorted(lifted)
    for name, array in zip(forward.result_names, forward.results, strict=True):
        np.testing.assert_allclose(array, lifted[name].numpy(), rtol=2e-4, atol=2e-3)
    for program in (forward, both):
        shapes = [list(array.shape) for array in program.arguments]
        assert shapes == roofline.argument_shapes(program.text)
        assert roofline.cost(program.text).product_operations > 0


def test_gradients_are_of_the_upstreams_that_are_kept(exported):
    from benchmarks.hlo import hlo_folder

    _, program = hlo_folder.read(exported)
    landmarks, joints, projected = map(tf.constant, program.arguments[:3])
    with tf.GradientTape() as tape:
        tape.watch(landmarks)
        lifted = tf_lift.lift(
            landmarks, tf_lift.PosePrior.load("cmu"), estimator="map", camera="level"
        )
        total = tf.reduce_sum(joints * lifted["joints_3d"])
        total += tf.reduce_sum(projected * lifted["landmarks"])
    assert program.result_names[-1] == "landmarks gradient"
    expected = tape.gradient(total, landmarks).numpy()
    np.testing.assert_allclose(program.results[-1], expected, rtol=1e-3, atol=1e-2)


def test_masks_of_both_kinds_share_a_program_and_repeat_few_poses(tmp_path, monkeypatch):
    from benchmarks.hlo import export_hlo, hlo_folder
    from benchmarks.lift import programs

    monkeypatch.setattr(export_hlo, "_EXAMPLE_POSES", 40)

    def forward(prior, compiled, camera):
        def lift(landmarks, *visibility):
            total = tf.reduce_sum(landmarks, [1, 2])
            for mask in visibility:
                total += tf.reduce_sum(tf.cast(mask, tf.float32), 1)
            return {"total": total}

        return tf.function(lift, jit_compile=compiled)

    monkeypatch.setattr(programs, "forward", forward)
    exported = export_hlo.export(tf_lift.PosePrior.load("cmu"), 100, backward=False)
    assert [program.name for program in exported] == [
        "lift_visible_100", "lift_few_missing_100", "lift_many_missing_100",
    ]  # fmt: skip
    hlo_folder.write(tmp_path / "folder", exported, "made")
    assert len(list((tmp_path / "folder").glob("*.mlir.gz"))) == 2
    exported = hlo_folder.read(tmp_path / "folder")
    for program, most in zip(exported, (0, 6, 14), strict=True):
        landmarks, *visibility = program.arguments
        expected = landmarks.sum((1, 2)) + sum(mask.sum(1) for mask in visibility)
        np.testing.assert_allclose(program.results[0], expected, rtol=1e-5)
        assert len(landmarks) == 40 and program.batch == 100
        np.testing.assert_array_equal(program.repeated(landmarks)[80:], landmarks[:20])
        if most:
            counts = (~visibility[0]).sum(1)
            assert program.argument_names == ["landmarks", "visibility"]
            assert most - 3 < counts.max() <= most


def test_folders_of_an_older_form_are_named(tmp_path):
    from benchmarks.hlo import hlo_folder

    hlo_folder.write(tmp_path / "folder", [_program()], "made")
    path = tmp_path / "folder" / "manifest.json"
    path.write_text(path.read_text().replace("tf_lift programs 2", "tf_lift programs"))
    with pytest.raises(ValueError, match="must be exported again"):
        hlo_folder.read(tmp_path / "folder")
    hlo_folder.write(tmp_path / "folder", [_program("new")], "made")
    assert hlo_folder.read(tmp_path / "folder")[0].name == "new"


def test_constants_that_are_captured_are_arguments(monkeypatch):
    """Tables may be tensors that the function captures, or constants within it."""
    from benchmarks.hlo import export_hlo
    from benchmarks.lift import programs

    held = tf.constant([[2.0, 3.0]])

    def forward(prior, compiled, camera):
        return tf.function(lambda landmarks: {"moved": landmarks + held}, jit_compile=compiled)

    monkeypatch.setattr(programs, "forward", forward)
    (program,) = export_hlo.export(
        tf_lift.PosePrior.load("cmu"), 2, backward=False, kinds=["visible"]
    )
    assert program.argument_names == ["landmarks", "constant 0"]
    np.testing.assert_array_equal(program.arguments[1], held.numpy())
    np.testing.assert_allclose(program.results[0], program.arguments[0] + [2, 3], rtol=1e-6)


def test_arguments_that_the_compiler_took_for_constants_are_an_error(monkeypatch):
    from benchmarks.hlo import export_hlo
    from benchmarks.lift import programs

    def forward(prior, compiled, camera):
        return tf.function(
            lambda landmarks: {"moved": tf.zeros(tf.cast(landmarks[0, 0], tf.int32) * 0 + 3)},
            jit_compile=compiled,
        )

    monkeypatch.setattr(programs, "forward", forward)
    with pytest.raises(ValueError, match="must take .* and then constants of"):
        export_hlo.export(tf_lift.PosePrior.load("cmu"), 2, False, ["visible"])


def test_constants_that_are_written_into_the_program_are_no_arguments():
    from benchmarks.hlo import export_hlo

    text = "func.func @main(%0: tensor<2x5xf32>, {}) -> tensor<2xf32> {{\n{}\n}}"
    given = [np.zeros([2, 5], np.float32)]
    constants = [np.full([size], size + index, np.float32) for index, size in enumerate((3, 3, 4))]

    def taken(shapes, body=""):
        arguments = ", ".join(f"%{size}: tensor<{size}xf32>" for size in shapes)
        return export_hlo.taken_constants(text.format(arguments, body), given, constants)

    assert taken([3, 3, 4]) == [0, 1, 2]
    assert taken([3, 3]) == [0, 1]
    written = f'%c = stablehlo.constant dense<"0x{constants[1].tobytes().hex().upper()}">'
    assert taken([3, 4], written) == [0, 2]
    for shapes in ([3, 4], [4, 3], [3, 3, 4, 4]):
        with pytest.raises(ValueError, match="must take"):
            taken(shapes)


def test_tensorflow_without_stablehlo_is_named():
    from benchmarks.hlo import export_hlo

    class Function:
        def experimental_get_compiler_ir(self, *inputs):
            def stage(stage):
                raise ValueError(f"Invalid stage selected: {stage!r}. Valid values are: 'hlo'")

            return stage

    with pytest.raises(ValueError, match="needs a newer TensorFlow, such as 2.21. Received"):
        export_hlo.stablehlo(Function(), [])


def test_folders_of_something_else_are_left_alone(tmp_path, capsys):
    from benchmarks import __main__ as command_line
    from benchmarks.hlo import hlo_folder

    (tmp_path / "work.txt").write_text("mine")
    assert command_line.main(["export_hlo", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "must be new, empty or an older export" in error and error.count("\n") == 1
    with pytest.raises(ValueError, match="must be new, empty or an older export"):
        hlo_folder.write(tmp_path, [_program()], "made")
    assert [path.name for path in tmp_path.iterdir()] == ["work.txt"]


def _program(name="one", value=1.0):
    from benchmarks.hlo import hlo_folder

    array = np.array([value])
    names = ["landmarks", "constant 0"]
    return hlo_folder.Program(name, "text", 1, [array, -array], names, [array], ["energy"])


def test_exports_replace_older_ones_whole_or_not_at_all(tmp_path, monkeypatch):
    from benchmarks.hlo import hlo_folder

    folder = tmp_path / "exports" / "folder"
    hlo_folder.write(folder, [_program("old"), _program("older")], "made")
    hlo_folder.write(folder, [_program("new", 2.0)], "made")
    (program,) = hlo_folder.read(folder)
    assert program.name == "new" and program.text == "text"
    assert [float(array[0]) for array in program.arguments] == [2.0, -2.0]
    assert program.argument_names == ["landmarks", "constant 0"]

    def savez(path, **arrays):
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", savez)
    with pytest.raises(OSError, match="no space left"):
        hlo_folder.write(folder, [_program("broken")], "made")
    assert [program.name for program in hlo_folder.read(folder)] == ["new"]
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]
    names = {path.name for path in folder.iterdir() if path.suffix not in (".gz", ".npy")}
    assert names == {"new.arguments.npz", "new.results.npz", "manifest.json"}


@pytest.mark.parametrize("missing", ["source.mlir", "one.results.npz", "manifest.json"])
def test_exports_that_are_not_whole_are_named(tmp_path, missing):
    from benchmarks.hlo import hlo_folder

    hlo_folder.write(tmp_path / "folder", [_program()], "made")
    path = tmp_path / "folder" / missing
    if missing == "source.mlir":
        (path,) = (tmp_path / "folder").glob("*.mlir.gz")
    path.unlink()
    with pytest.raises(ValueError, match=path.name):
        hlo_folder.read(tmp_path / "folder")


def test_manifest_names_machine_and_versions(exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    assert manifest["versions"]["tensorflow"] == tf.__version__
    assert manifest["machine"]["cores"] >= 1 and "export_hlo" in manifest["command"]


def test_programs_run_where_there_is_no_tensorflow(exported):
    """JAX alone is then missing: TensorFlow and the package are not imported."""
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'tf_lift', 'jax', 'keras'):\n"
        "    sys.modules[name] = None\n"
        "from benchmarks.__main__ import main\n"
        f"sys.exit(main(['run_hlo', {str(exported)!r}]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[3],
    )
    assert process.returncode == 2
    assert process.stderr.startswith("error: run_hlo needs JAX: pip install jax")
