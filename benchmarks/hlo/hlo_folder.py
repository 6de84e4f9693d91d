"""Folders of exported programs: StableHLO, example arguments and the results for them."""

import dataclasses
import hashlib
import json
import pathlib

import numpy as np

from benchmarks.harness import atomic, records

__all__ = ["Program", "check_free", "read", "write"]

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

    def repeated(self, array: np.ndarray) -> np.ndarray:
        """Repeats the poses of an example's argument or result up to the batch."""
        return array[np.arange(self.batch) % len(array)]


def write(folder, programs: list[Program], command: str) -> pathlib.Path:
    """Writes programs, whole or not at all.

    Each has `NAME.arguments.npz` and `NAME.results.npz`, whose arrays are named `0`, `1` and
    so on in order. Programs of the same text share one `.mlir` file. `manifest.json` has the
    names, the machine and the versions.

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
            source = f"{hashlib.sha256(program.text.encode()).hexdigest()[:16]}.mlir"
            (new / source).write_text(program.text, encoding="utf-8")
            for part in ("arguments", "results"):
                arrays = {str(index): array for index, array in enumerate(getattr(program, part))}
                np.savez(new / f"{program.name}.{part}.npz", **arrays)
            listed.append(
                {
                    "name": program.name,
                    "source": source,
                    "batch": program.batch,
                    "arguments": program.argument_names,
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
            text = (folder / listed["source"]).read_text(encoding="utf-8")
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
                arrays["arguments"],
                listed["arguments"],
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
