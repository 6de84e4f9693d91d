import doctest
import importlib
import json
import pathlib
import subprocess
import sys

import pytest

import benchmarks
from benchmarks import __main__ as command_line

FOLDER = pathlib.Path(benchmarks.__file__).parent


def test_help_lists_benchmarks_and_not_their_parts(capsys):
    assert command_line.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = {line.split()[0]: line for line in lines[2:]}
    assert {"accuracy", "compare"} <= set(listed)
    assert not {"records", "martinez", "__main__"} & set(listed)
    for name, text in command_line.names().items():
        assert text and text in listed[name]


def test_unknown_names_are_one_line(capsys):
    assert command_line.main(["acuracy"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("there is no benchmark 'acuracy'; known are accuracy, ")
    assert captured.err.count("\n") == 1 and not captured.out


def test_no_name_is_answered_with_help(capsys):
    assert command_line.main([]) == 2
    assert "usage: python -m benchmarks NAME" in capsys.readouterr().out


def test_errors_of_a_benchmark_are_one_line(capsys, tmp_path):
    assert command_line.main(["compare", str(tmp_path / "old.json"), "new.json"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ") and "old.json" in captured.err
    assert captured.err.count("\n") == 1


def test_help_comes_before_tensorflow():
    code = (
        "import json, sys\n"
        "from benchmarks.__main__ import main\n"
        "main(['--help'])\n"
        "try:\n"
        "    main(['accuracy', '--help'])\n"
        "except SystemExit as stop:\n"
        "    print(json.dumps([stop.code, 'tensorflow' in sys.modules]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent
    )
    assert "--network-steps" in process.stdout
    assert json.loads(process.stdout.splitlines()[-1]) == [0, False]


@pytest.mark.parametrize(
    "name",
    [
        "accuracy.report",
        "harness.compare",
        "harness.options",
        "harness.timing",
        "hlo.roofline",
        "lift.growth",
    ],
)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(f"benchmarks.{name}"))
    assert result.attempted and not result.failed
