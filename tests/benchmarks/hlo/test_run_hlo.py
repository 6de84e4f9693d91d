import dataclasses
import types

import numpy as np
import pytest

NAMES = ["energy", "joints_3d", "mixture_index", "rotation_angle"]


@pytest.fixture
def run_hlo():
    from benchmarks.hlo import run_hlo

    return run_hlo


def _program(count=2000, gradient=False):
    from benchmarks.hlo import hlo_folder

    rng = np.random.default_rng(0)
    results = [
        rng.uniform(1e3, 2e3, count),
        rng.standard_normal([count, 5, 3]),
        rng.integers(3, size=count),
        rng.uniform(0, 6, count),
    ]
    names = list(NAMES)
    if gradient:
        results.append(rng.uniform(-2.0, 2.0, [count, 5, 2]))
        names.append("landmarks gradient")
    landmarks = rng.standard_normal([count, 5, 2])
    arguments, argument_names = [landmarks, np.eye(3)], ["landmarks", "constant 0"]
    return hlo_folder.Program("one", "", count, arguments, argument_names, results, names)


def _changed(program, **changes):
    results = [array.copy() for array in program.results]
    for name, change in changes.items():
        index = program.result_names.index(name.replace("gradient", "landmarks gradient"))
        results[index] = change(results[index])
    return results


def test_what_returns_as_it_was_is_as_expected(run_hlo):
    program = _program()
    assert run_hlo.compare(program.results, program) == {
        "other_candidate": 0.0,
        "joints_mm": 0.0,
        "energy": 0.0,
        "as_expected": True,
    }


def test_differences_are_measured(run_hlo):
    program = _program(gradient=True)
    largest = np.abs(program.results[-1]).max()
    check = run_hlo.compare(
        _changed(
            program,
            joints_3d=lambda joints: joints + [0.3, 0.0, 0.4],
            energy=lambda energy: 1.01 * energy,
            gradient=lambda gradient: gradient + 0.01,
        ),
        program,
    )
    assert check["as_expected"] and check["joints_mm"] == pytest.approx(0.5)
    assert check["energy"] == pytest.approx(0.01)
    assert check["gradient"] == pytest.approx(0.01 / largest)


@pytest.mark.parametrize("offset", [0.5, np.nan])
def test_other_gradients_are_not_as_expected(run_hlo, offset):
    program = _program(gradient=True)
    changed = _changed(program, gradient=lambda gradient: gradient + offset)
    assert not run_hlo.compare(changed, program)["as_expected"]


@pytest.mark.parametrize("offset", [2.0, np.nan])
def test_joints_far_off_are_not_as_expected(run_hlo, offset):
    program = _program()
    check = run_hlo.compare(_changed(program, joints_3d=lambda joints: joints + offset), program)
    assert not check["as_expected"]


@pytest.mark.parametrize(("count", "expected"), [(2, True), (3, False)])
def test_few_poses_may_choose_another_candidate(run_hlo, count, expected):
    """2 of 2000 poses are 0.1 %; their joints and energies do not count then."""
    program = _program()

    def turn(angles):
        angles[:count] += 0.1
        return angles

    def move(joints):
        joints[:count] += 500.0
        return joints

    check = run_hlo.compare(_changed(program, rotation_angle=turn, joints_3d=move), program)
    assert check["as_expected"] is expected and check["joints_mm"] == 0
    assert check["other_candidate"] == pytest.approx(count / 2000)


class FakeJax:
    """Moves arrays to no device."""

    @staticmethod
    def device_put(array, device=None):
        return np.asarray(array)

    @staticmethod
    def block_until_ready(arrays):
        return arrays


def test_inputs_are_the_poses_in_a_new_order(run_hlo):
    program = _program(50)
    make = run_hlo._permuted(FakeJax, None, program, run_hlo._constants(FakeJax, None, program))
    rng = np.random.default_rng(0)
    (first, constant), (second, _) = make(rng), make(rng)
    np.testing.assert_array_equal(constant, np.eye(3))
    assert not np.array_equal(first, second)
    for landmarks in (first, second):
        found = {pose.tobytes() for pose in landmarks}
        assert found == {pose.tobytes() for pose in program.arguments[0]}


class FakeExecutable:
    """A runtime's executable, which returns given values and raises given errors."""

    def __init__(self, **told):
        self.told = told
        for name in told:
            setattr(self, name, lambda name=name: self._tell(name))

    def _tell(self, name):
        if isinstance(self.told[name], Exception):
            raise self.told[name]
        return self.told[name]


@pytest.mark.parametrize("make", [dict, lambda cost: [dict(cost)]])
def test_the_compiler_says_what_a_program_takes(run_hlo, make):
    cost = make({"flops": 12.0, "bytes accessed": 34.0})
    memory = types.SimpleNamespace(temp_size_in_bytes=56)
    executable = FakeExecutable(get_compiled_memory_stats=memory, cost_analysis=cost)
    assert run_hlo._compiler_figures(executable) == {
        "temporary_bytes": 56,
        "compiler_operations": 12.0,
        "compiler_bytes": 34.0,
    }


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"get_compiled_memory_stats": None, "cost_analysis": None},
        {"get_compiled_memory_stats": None, "cost_analysis": []},
        {"cost_analysis": {}},
        {
            "get_compiled_memory_stats": RuntimeError("UNIMPLEMENTED: no memory here"),
            "cost_analysis": RuntimeError("UNIMPLEMENTED: no costs here"),
        },
    ],
)
def test_what_a_runtime_does_not_tell_is_none(run_hlo, told):
    found = run_hlo._compiler_figures(FakeExecutable(**told))
    assert list(found) == ["temporary_bytes", "compiler_operations", "compiler_bytes"]
    assert set(found.values()) == {None}


def test_what_is_told_counts_without_the_rest(run_hlo):
    error = RuntimeError("UNIMPLEMENTED: no memory here")
    executable = FakeExecutable(get_compiled_memory_stats=error, cost_analysis={"flops": 12.0})
    assert run_hlo._compiler_figures(executable) == {
        "temporary_bytes": None,
        "compiler_operations": 12.0,
        "compiler_bytes": None,
    }


def test_an_error_of_the_runtime_is_not_passed_over(run_hlo):
    executable = FakeExecutable(cost_analysis=RuntimeError("INTERNAL: out of order"))
    with pytest.raises(RuntimeError, match="out of order"):
        run_hlo._compiler_figures(executable)


def test_the_table_tells_what_is_not_told(run_hlo):
    figures = {
        "seconds": 1.0,
        "poses_per_second": 8.0,
        "times_matmul": 0.5,
        "bound_seconds": 0.5,
        "limited_by": "bandwidth",
        "share_of_bound": 0.5,
        "compile_seconds": 2.0,
        "loops": 3,
        "temporary_bytes": None,
        "compiler_operations": 1234.0,
        "compiler_bytes": None,
        "check": {"as_expected": True, "joints_mm": 0.0, "energy": 0.0, "other_candidate": 0.0},
    }
    results = {
        "bandwidth_gb_s": 1.0,
        "rate_tflop_s": 1.0,
        "precision": "default",
        "programs": {"one": figures},
        "skipped": ["two", "three"],
    }
    lines = list(run_hlo._table(results))
    assert lines[-2:] == [
        "  by the compiler's analysis: bytes of temporaries unknown to this runtime, "
        "operations 1.23e+03, bytes read and written unknown to this runtime",
        "skipped, as --limit was reached: two, three",
    ]
    assert "  a rough limit: it counts the bodies of 3 loops once each" in lines


def test_examples_of_fewer_poses_are_repeated(run_hlo):
    program = dataclasses.replace(_program(4), batch=10)
    whole = [array[np.arange(10) % 4] for array in program.results]
    assert run_hlo.compare(whole, program)["as_expected"]
    whole[1] = whole[1][::-1]
    assert not run_hlo.compare(whole, program)["as_expected"]
    (landmarks,) = run_hlo._inputs(FakeJax, None, program)
    np.testing.assert_array_equal(landmarks[8:], program.arguments[0][:2])


def test_programs_run_with_jax(run_hlo, tmp_path, capsys):
    pytest.importorskip("jax", reason="JAX is not part of the test environment")
    from benchmarks import __main__ as command_line

    folder = str(tmp_path / "folder")
    assert command_line.main(["export_hlo", folder, "--batch", "8"]) == 0
    assert command_line.main(["run_hlo", folder, "--rounds", "1"]) == 0
    assert "as expected" in capsys.readouterr().out


def test_folders_that_are_no_export_are_one_line(tmp_path, capsys):
    from benchmarks import __main__ as command_line

    assert command_line.main(["run_hlo", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "must be a folder that `python -m benchmarks export_hlo` made" in error
    assert error.count("\n") == 1
