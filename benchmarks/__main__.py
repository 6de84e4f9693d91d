"""Runs a benchmark by its name: `python -m benchmarks NAME [options]`."""

import ast
import importlib
import os
import pathlib
import sys

__all__ = ["main", "names"]

_USAGE = "usage: python -m benchmarks NAME [options]   (NAME --help lists its options)"
_FOLDER = pathlib.Path(__file__).parent


def names() -> dict[str, str]:
    """Returns the first line of each benchmark's description by name.

    A benchmark is a module with a function `main(arguments)` in a folder below this one.
    Modules are parsed, not imported, so that `--help` does not wait for TensorFlow.
    """
    found = {}
    for name, path in _paths().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def _paths():
    """Returns the file of each benchmark, by name."""
    found = {}
    for path in _FOLDER.glob("*/[a-z]*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = path
    return dict(sorted(found.items()))


def main(arguments: list[str]) -> int:
    """Runs `NAME [options]`.

    Args:
        arguments: Command line after `python -m benchmarks`.

    Returns:
        The exit status: 2 if the command line or the input is wrong.
    """
    known = names()
    if not arguments or arguments[0] in ("-h", "--help"):
        width = max(map(len, known))
        print(_USAGE, "", *(f"  {name:{width}}  {text}" for name, text in known.items()), sep="\n")
        return 0 if arguments else 2
    name, *options = arguments
    if name not in known:
        print(f"there is no benchmark {name!r}; known are {', '.join(known)}", file=sys.stderr)
        return 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        importlib.import_module(f"benchmarks.{_paths()[name].parent.name}.{name}").main(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
