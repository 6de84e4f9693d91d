import json
import os
import pathlib
import subprocess
import sys

import pytest

import benchmarks

SCRIPT = pathlib.Path(benchmarks.__file__).parent / "gpu_check.sh"
# Stands for a Python with the modules named in FAKE_HAS; runs of a benchmark are noted in
# FAKE_LOG, take FAKE_TAKES seconds and end with FAKE_STATUS.
FAKE_PYTHON = """#!/usr/bin/env bash
if [[ $1 == -c ]]; then
    case "$2" in
        *default_backend*) [[ " $FAKE_HAS " == *" jax-gpu "* ]] ;;
        *list_physical*) [[ " $FAKE_HAS " == *" tensorflow-gpu "* ]] ;;
        "import "*) [[ " $FAKE_HAS " == *" ${2#import } "* ]] ;;
    esac
    exit
fi
echo "$@" >>"$FAKE_LOG"
sleep "${FAKE_TAKES:-0}"
exit "${FAKE_STATUS:-0}"
"""


@pytest.fixture
def check(tmp_path):
    """Runs the script with a fake Python; returns status, output and the commands it ran."""
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    exported = tmp_path / "exported"
    exported.mkdir()
    (exported / "manifest.json").write_text("{}")

    def run(has, **environment):
        fake = {"PYTHON": str(python), "FAKE_HAS": has, "FAKE_LOG": str(log)}
        log.write_text("")
        process = subprocess.run(
            [SCRIPT, exported, tmp_path / "results"],
            env=os.environ | fake | environment,
            capture_output=True,
            text=True,
        )
        return process.returncode, process.stdout, log.read_text().splitlines()

    return run


def test_usage_without_arguments():
    process = subprocess.run([SCRIPT], capture_output=True, text=True)
    assert process.returncode == 2
    assert "benchmarks/gpu_check.sh EXPORTED [RESULTS]" in process.stdout
    assert "set -uo" not in process.stdout


def test_everything_runs_on_a_gpu(check):
    status, output, commands = check("numpy jax jax-gpu tensorflow tensorflow-gpu")
    assert status == 0 and "all 2 parts right" in output and "skipped" not in output
    first, second = commands
    assert first.startswith("-m benchmarks run_hlo ") and "--precision highest" in first
    assert second.startswith("-m benchmarks lift --device GPU:0 ")
    # Compilation and rounds of both fit into eight minutes.
    limit = float(first.split("--limit ")[1].split()[0])
    assert limit + float(first.split("--seconds ")[1].split()[0]) < 300


def test_parts_without_their_library_are_skipped(check):
    status, output, commands = check("numpy jax tensorflow")
    assert status == 0 and "JAX sees no accelerator" in output
    assert "skipped: benchmarks lift (TensorFlow sees no GPU)" in output and len(commands) == 1
    status, output, commands = check("numpy tensorflow tensorflow-gpu")
    assert status == 0 and "has no JAX" in output and len(commands) == 1


@pytest.mark.parametrize("has", ["", "numpy", "numpy tensorflow"])
def test_nothing_to_run_is_no_success(check, has):
    status, output, commands = check(has)
    assert status == 2 and "skipped" in output and not commands


def test_wrong_results_and_endless_runs_fail(check):
    status, output, commands = check("numpy jax tensorflow tensorflow-gpu", FAKE_STATUS="2")
    assert status == 1 and "2 of 2 parts FAILED" in output and len(commands) == 2
    status, output, _ = check("numpy jax", FAKE_TAKES="60", LIMIT="21")
    assert status == 1 and "not done in 14 s" in output


def test_rehearsal_on_the_processor(tmp_path):
    pytest.importorskip("jax", reason="JAX is not part of the test environment")
    from benchmarks import __main__ as command_line

    folder, results = tmp_path / "exported", tmp_path / "results"
    arguments = ["export_hlo", str(folder), "--batch", "8", "--kinds", "visible,many_missing"]
    assert command_line.main(arguments) == 0
    process = subprocess.run(
        [SCRIPT, folder, results],
        env=os.environ | {"PYTHON": sys.executable, "ROUNDS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    programs = json.loads((results / "run_hlo.json").read_text())["results"]["programs"]
    assert list(programs) == ["lift_visible_8", "lift_many_missing_8"]
    assert all(its["check"]["as_expected"] for its in programs.values())
