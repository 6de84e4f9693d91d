"""Reads and writes results of benchmarks: JSON with the machine and the versions."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import subprocess
from typing import Any

from benchmarks.harness import atomic

__all__ = ["machine", "read", "to_json", "versions", "write", "write_whole"]

_PROJECT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGES = ("tensorflow", "keras", "tf-keras", "jax", "jaxlib", "numpy", "scipy", "tf-lift")


def write(path, benchmark: str, results: dict, *, command: str, seed: int | None = None) -> dict:
    """Writes the results of a benchmark, whole or not at all.

    Args:
        path: JSON file to write.
        benchmark: Name of the benchmark.
        results: The figures, nested dicts and lists of numbers and texts.
        command: Command that made them.
        seed: Seed of the run.

    Returns:
        The content of the file: the arguments, date, machine and versions.
    """
    record = {
        "benchmark": benchmark,
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "machine": machine(),
        "versions": versions(),
        "results": results,
    }
    write_whole(path, to_json(record))
    return record


def read(path) -> dict[str, Any]:
    """Reads a file of `write`.

    Raises:
        ValueError: If the file is not the record of a benchmark.
        FileNotFoundError: If there is no such file.
    """
    try:
        record = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} must be JSON. Received: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("results"), dict):
        raise ValueError(f"{path} must be the record of a benchmark. Received: no `results`")
    return record


def to_json(content) -> str:
    """Formats as JSON; a number that is not finite is an error."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def write_whole(path, text: str) -> None:
    """Writes a text file, whole or not at all, and makes its folder."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)


def machine() -> dict[str, Any]:
    """Describes this machine: processor, available cores, memory, system."""
    page = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(page / 2**30, 1),
        "system": platform.platform(terse=True),
    }


def versions() -> dict[str, str]:
    """Returns the versions of Python, of the packages in use, and of this project."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["commit"] = _commit()
    return found


def _processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _commit():
    """Returns the commit of the project, with "+" if the code was changed since."""
    try:
        head, changed = (
            subprocess.run(
                ["git", *arguments], cwd=_PROJECT, capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (
                ["rev-parse", "HEAD"],
                ["status", "--porcelain", "--", "tf_lift", "benchmarks"],
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + "+" * bool(changed)
