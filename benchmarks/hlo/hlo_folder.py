"""Folders of exported programs: StableHLO, example arguments and the results for them."""

import dataclasses
import gzip
import hashlib
import io
import json
import pathlib

import numpy as np

from benchmarks.harness import atomic, records

__all__ = ["CONSTANT", "Program", "check_free", "read", "write"]

# How names of arguments that are constants begin.
CONSTANT = "constant "
_MANIFEST = "manifest.json"
# The number is raised when folders of earlier exports can no longer be read.
_KIND = "tf_lift programs 2"


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A compiled program's source and one example of its use.

    The example's poses may be fewer than the batch: its arrays are then repeated, pose by
    pose from the first on, see `repeated`.

    Attributes:
        name: Name, part of its files' names.
        text: StableHLO.
        batch: Poses.
        arguments: In order: first the example's, then the constants.
        argument_names: Name of each; constants are "constant 0" and so on.
        results: The results of the example, in order.
        result_names: Name of each.
    """

    name: str
    text: str
    batch: int
    arguments: list[np.ndarray]
    argument_names: list[str]
    results: list[np.ndarray]
    result_names: list[str]

    @property
    def num_constants(self) -> int:
        """Number of constants among the arguments."""
        return sum(name.startswith(CONSTANT) for name in self.argument_names)

    def repeated(self, array: np.ndarray) -> np.ndarray:
        """Repeats the poses of an example's argument or result up to the batch."""
        return array[np.arange(self.batch) % len(array)]


def write(folder, programs: list[Program], command: str) -> pathlib.Path:
    """Writes programs, whole or not at all.

    Each has its example in `NAME.arguments.npz` and `NAME.results.npz`, whose arrays are named
    `0`, `1` and so on in order. Sources, `.mlir.gz`, and constants, `.npy`, are named by their
    content, so that programs share them. `manifest.json` has all names, the machine and the
    versions.

    Args:
        folder: Folder to make; an older export there is replaced.
        programs: The programs, of different names.
        command: The command that made them.

    Returns:
        The folder.

    Raises:
        ValueError: If the folder holds something else.
    """
    folder = pathlib.Path(folder)
    check_free(folder)
    with atomic.replacing_folder(folder) as new:
        listed = []
        for program in programs:
            source = _write_shared(new, gzip.compress(program.text.encode(), mtime=0), ".mlir.gz")
            given = len(program.arguments) - program.num_constants
            constants = [
                _write_shared(new, _npy(array), ".npy") for array in program.arguments[given:]
            ]
            for part, values in (
                ("arguments", program.arguments[:given]),
                ("results", program.results),
            ):
                arrays = {str(index): array for index, array in enumerate(values)}
                np.savez(new / f"{program.name}.{part}.npz", **arrays)
            listed.append(
                {
                    "name": program.name,
                    "source": source,
                    "batch": program.batch,
                    "arguments": program.argument_names[:given],
                    "constants": constants,
                    "results": program.result_names,
                }
            )
        manifest = {
            "kind": _KIND,
            "command": command,
            "programs": listed,
            "machine": records.machine(),
            "versions": records.versions(),
        }
        (new / _MANIFEST).write_text(records.to_json(manifest), encoding="utf-8")
    return folder


def _write_shared(folder, content, suffix):
    """Writes a file named by its content, and returns the name."""
    name = hashlib.sha256(content).hexdigest()[:16] + suffix
    (folder / name).write_bytes(content)
    return name


def _npy(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def check_free(folder) -> None:
    """Raises if `write` would, before the programs are made.

    Raises:
        ValueError: If the folder holds anything but an export.
    """
    folder = pathlib.Path(folder)
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        try:
            _manifest(folder)
        except ValueError as error:
            raise ValueError(
                f"{folder} must be new, empty or an older export. Received: something else"
            ) from error


def read(folder) -> list[Program]:
    """Reads a folder that `write` made.

    Raises:
        ValueError: If the folder is no export, or lacks a file of it.
    """
    folder = pathlib.Path(folder)
    programs = []
    manifest = _manifest(folder)
    if manifest["kind"] != _KIND:
        raise ValueError(
            f"{folder} must be exported again: this version reads {_KIND!r}. "
            f"Received: {manifest['kind']!r}"
        )
    for listed in manifest["programs"]:
        name = listed["name"]
        try:
            text = gzip.decompress((folder / listed["source"]).read_bytes()).decode()
            constants = [
                np.load(folder / constant, allow_pickle=False) for constant in listed["constants"]
            ]
            arrays = {}
            for part in ("arguments", "results"):
                with np.load(folder / f"{name}.{part}.npz", allow_pickle=False) as stored:
                    arrays[part] = [stored[str(index)] for index in range(len(listed[part]))]
        except (OSError, KeyError) as error:
            raise ValueError(f"{folder}: {name} is not whole: {error}") from error
        programs.append(
            Program(
                name,
                text,
                listed["batch"],
                arrays["arguments"] + constants,
                listed["arguments"] + [f"{CONSTANT}{index}" for index in range(len(constants))],
                arrays["results"],
                listed["results"],
            )
        )
    return programs


def _manifest(folder):
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{folder} must be a folder that `python -m benchmarks export_hlo` made. "
            f"Received: {error}"
        ) from error
    kind = manifest.get("kind") if isinstance(manifest, dict) else None
    if not str(kind).startswith(_KIND.rpartition(" ")[0]):
        raise ValueError(f"{folder}: {_MANIFEST} must belong to an export of programs")
    return manifest
