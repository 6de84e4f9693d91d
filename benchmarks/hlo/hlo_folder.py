"""Folders of exported programs: StableHLO, what to give it and what it then returns."""

import dataclasses
import json
import pathlib

import numpy as np

from benchmarks.harness import atomic, records

__all__ = ["Program", "read", "write"]

_MANIFEST = "manifest.json"
_KIND = "tf_lift programs"


@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A compiled program's source and one example of its use.

    Attributes:
        name: Name, part of its files' names.
        text: StableHLO.
        batch: Poses.
        arguments: In order: first those that are given, then constants.
        argument_names: Name of each; constants are "constant 0" and so on.
        results: What it returned for them, in order.
        result_names: Name of each.
    """

    name: str
    text: str
    batch: int
    arguments: list[np.ndarray]
    argument_names: list[str]
    results: list[np.ndarray]
    result_names: list[str]


def write(folder, programs: list[Program], command: str) -> pathlib.Path:
    """Writes programs, whole or not at all.

    Each is `NAME.mlir`, `NAME.arguments.npz` and `NAME.results.npz`, whose arrays `0`, `1`
    and so on stand in order; `manifest.json` tells their names, the machine and versions.

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
            (new / f"{program.name}.mlir").write_text(program.text, encoding="utf-8")
            for part in ("arguments", "results"):
                arrays = {str(index): array for index, array in enumerate(getattr(program, part))}
                np.savez(new / f"{program.name}.{part}.npz", **arrays)
            listed.append(
                {
                    "name": program.name,
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
    """Raises where `write` would, before the work is done.

    Raises:
        ValueError: If the folder holds something else than an export.
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
    """Reads what `write` wrote.

    Raises:
        ValueError: If the folder is no export, or lacks a file of it.
    """
    folder = pathlib.Path(folder)
    programs = []
    for listed in _manifest(folder)["programs"]:
        name = listed["name"]
        try:
            text = (folder / f"{name}.mlir").read_text(encoding="utf-8")
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
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise ValueError(f"{folder}: {_MANIFEST} must be of an export of programs")
    return manifest
