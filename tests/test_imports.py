"""What may import what, what `import tf_lift` brings, and what the command line leaves out."""

import ast
import json
import pathlib
import subprocess
import sys

import pytest

import tf_lift

PACKAGE = pathlib.Path(tf_lift.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# The parts of the package that each part may import; a part is a subpackage or a module.
ALLOWED = {
    "skeletons": set(),
    "ops": set(),
    "io": set(),
    "data": {"io", "ops", "skeletons"},
    "prior": {"io", "ops", "skeletons", "data"},
    "lifting": {"camera", "ops", "prior", "skeletons"},
    "camera": {"io", "ops", "prior", "skeletons"},
    "sequences": {"camera", "lifting", "ops", "prior", "skeletons"},
    "losses": {"ops"},
    "metrics": {"ops"},
    "layers": {"ops", "prior", "skeletons"},
    "models": {"layers", "losses", "metrics", "ops", "prior", "skeletons"},
    "viewing": {"io", "ops", "skeletons"},
}
LIBRARY = {*ALLOWED}
ALLOWED["evaluation"] = LIBRARY
ALLOWED["export"] = LIBRARY | {"evaluation"}
ALLOWED["inference"] = LIBRARY
ALLOWED["training"] = LIBRARY | {"evaluation", "export"}
ALLOWED["cli"] = {*ALLOWED} - {"cli"}


def imported_names(path):
    """Returns the full names of all that a file imports, at the top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", [name for name in MODULES if name != "tf_lift"])
def test_imports_point_one_way(module):
    part = module.split(".")[1]
    parts = {
        name.split(".")[1]
        for name in imported_names(MODULES[module])
        if name.startswith("tf_lift.") and name.split(".")[1] in ALLOWED
    }
    assert parts <= ALLOWED[part] | {part}
    # `import tf_lift` brings the library, so only what stands above it may say that.
    if "tf_lift" in imported_names(MODULES[module]):
        assert part in {"cli", "inference", "training"}


# Order of the rooms of data: each may import itself and those that its entry names.
ALLOWED_IN_DATA = {
    "motion": set(),
    "formats": {"motion"},
    "synthetic": {"formats", "motion"},
    "datasets": {"formats", "motion"},
    "pipeline": {"formats", "motion", "synthetic"},
}


@pytest.mark.parametrize(
    "module",
    [
        name
        for name in MODULES
        if name.startswith(tuple(f"tf_lift.data.{r}" for r in ALLOWED_IN_DATA))
    ],
)
def test_imports_of_data_point_one_way(module):
    room = module.split(".")[2]
    rooms = {
        name.split(".")[2]
        for name in imported_names(MODULES[module])
        if name.startswith("tf_lift.data.")
    }
    assert rooms & set(ALLOWED_IN_DATA) <= ALLOWED_IN_DATA[room] | {room}


def test_only_the_lift_knows_its_fast_paths():
    fast = "tf_lift.ops.lift.fast"
    importing = {
        module
        for module, path in MODULES.items()
        if module.startswith("tf_lift.ops.lift.")
        and not module.startswith(fast)
        and any(name == fast or name.startswith(f"{fast}.") for name in imported_names(path))
    }
    attitude = {f"tf_lift.ops.lift.attitude.{name}" for name in ("lift", "search")}
    assert importing == {"tf_lift.ops.lift.lift"} | attitude


@pytest.mark.parametrize("module", MODULES)
def test_keras_is_reached_through_tensorflow_alone(module):
    roots = {name.split(".")[0] for name in imported_names(MODULES[module])}
    assert not roots & {"keras", "tf_keras", "tensorflow_addons"}


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("tf_lift.ops")])
def test_operations_know_no_keras(module):
    attributes = {
        node.attr
        for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
    }
    assert "keras" not in attributes


def test_public_names_exist():
    for name in tf_lift.__all__:
        assert getattr(tf_lift, name) is not None
        assert name in dir(tf_lift) or name == "__version__"
        assert f"`{name}`" in tf_lift.__doc__ or name == "__version__"
    with pytest.raises(AttributeError, match="no attribute 'lifter'"):
        tf_lift.lifter  # noqa: B018
    assert tf_lift.lift.__module__ == "tf_lift.lifting"
    assert callable(tf_lift.ops.belief_maps.to_landmarks)


def run_python(code):
    """Runs a program in a fresh process and returns the JSON that it prints last."""
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=600
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_import_registers_every_keras_class():
    # Keras finds the classes that a `.keras` file names only where they are registered, which
    # happens when the module that defines them is imported, whatever the program's name is.
    loaded = run_python(
        "import json, sys; sys.argv = ['/usr/bin/tf-lift']\n"
        "import tf_lift; print(json.dumps(sorted(sys.modules)))"
    )
    registering = {
        name
        for name, path in MODULES.items()
        if "register_keras_serializable" in path.read_text(encoding="utf-8")
    }
    assert "tf_lift.layers.ppca_lifting" in registering
    assert registering <= set(loaded)
    assert "tensorflow_addons" not in loaded


def run_command(arguments, code="main()"):
    """Runs code after the console script's import; returns the names of the loaded modules."""
    return run_python(
        f"import json, sys; sys.argv = ['anything', *{arguments}]\n"
        f"from tf_lift_command import main\n{code}\n"
        "print(json.dumps(sorted(sys.modules)))"
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["lift", "--help"], ["no-such-command"]]
)
def test_command_line_answers_before_tensorflow_is_loaded(arguments):
    loaded = run_command(arguments)
    assert "tf_lift.cli" in loaded
    assert not {"tensorflow", "matplotlib", "scipy"} & set(loaded)


def test_command_line_sees_the_public_names():
    code = "import tf_lift; assert 'tensorflow' not in sys.modules\n"
    code += "assert tf_lift.PosePrior.__name__ == 'PosePrior'\nassert tf_lift.layers.__all__"
    assert {"tf_lift.prior", "tf_lift.layers"} <= set(run_command([], code))
