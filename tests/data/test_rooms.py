"""The rooms of `tf_lift.data`: public names, directions of imports, imports of TensorFlow."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

from tf_lift import data

PACKAGE = pathlib.Path(data.__file__).parent
ALLOWED = {
    "motion": set(),
    "formats": {"motion"},
    "datasets": {"motion", "formats"},
    "synthetic": set(),
    "pipeline": {"motion", "formats", "synthetic"},
}


def imported_names(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_one_way(room):
    paths = list((PACKAGE / room).glob("*.py"))
    assert paths
    for path in paths:
        names = [name.split(".") for name in imported_names(path)]
        rooms = {parts[2] for parts in names if parts[:2] == ["tf_lift", "data"]}
        assert rooms <= ALLOWED[room] | {room}, path
        if room == "synthetic":
            parts = {name[1] for name in names if name[0] == "tf_lift"}
            assert parts <= {"data", "io", "skeletons"}, path


def test_every_room_is_listed():
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("package", [data, *(getattr(data, room) for room in ALLOWED)])
def test_public_names_exist(package):
    assert sorted(package.__all__) == package.__all__ == package.__dir__()
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


def test_only_the_pipeline_needs_tensorflow():
    """A bare package replaces tf_lift, whose __init__ imports TensorFlow."""
    code = (
        "import importlib, json, pathlib, sys, types\n"
        "sys.modules['tensorflow'] = None\n"
        "package = types.ModuleType('tf_lift')\n"
        f"package.__path__ = [{str(PACKAGE.parent)!r}]\n"
        "sys.modules['tf_lift'] = package\n"
        "import tf_lift.data\n"
        "tf_lift.data.load_poses, tf_lift.data.formats.mocap.load_poses\n"
        "before = sorted(m for m in sys.modules if m.startswith('tf_lift.'))\n"
        f"for path in pathlib.Path({str(PACKAGE)!r}).glob('*/*.py'):\n"
        "    if path.parent.name != 'pipeline':\n"
        "        importlib.import_module(f'tf_lift.data.{path.parent.name}.{path.stem}')\n"
        "print(json.dumps(before))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    loaded = json.loads(process.stdout)
    assert "tf_lift.data.formats.mocap" in loaded
    assert not [name for name in loaded if "synthetic" in name or "datasets" in name]


def test_rendering_needs_numpy_only():
    code = (
        "import json, sys, types\n"
        "package = types.ModuleType('tf_lift')\n"
        f"package.__path__ = [{str(PACKAGE.parent)!r}]\n"
        "sys.modules['tf_lift'] = package\n"
        "from tf_lift.data.synthetic import pool\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = set(json.loads(process.stdout))
    assert "numpy" in loaded
    assert not loaded & {"tensorflow", "scipy", "matplotlib", "rich"}
