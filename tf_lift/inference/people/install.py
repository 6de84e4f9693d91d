"""Installs the two networks that find people: from PyPI, or from files at hand.

The networks are part of the wheel of MediaPipe 0.10.21, under the Apache License 2.0. Later
wheels do not have them, and as a dependency this one clashes with current versions of NumPy and
protobuf. So pip downloads the wheel, without installing it, and the two files are taken out of
it. They are the same in the wheels of all platforms.
"""

import hashlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence

from tf_lift.inference.people import networks
from tf_lift.io import atomic

__all__ = ["LICENCE", "REQUIREMENT", "ensure", "install"]

REQUIREMENT = "mediapipe==0.10.21"
LICENCE = "Apache License 2.0"
_WHEEL_MEGABYTES = 36

# One of its platforms, for all machines: a Python that has no wheel of this version gets it too.
_PLATFORM = (
    *("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11"),
    *("--implementation", "cp", "--abi", "cp311"),
)

_NAMES = " and ".join(file.name for file in networks.NETWORKS)
_OFFLINE = (
    "Without a network: `tf-lift detector install --from FILE`, where FILE is a wheel of "
    f"{REQUIREMENT}, or the folder of its two files {_NAMES}"
)


def install(
    folder: str | os.PathLike | None = None,
    sources: Sequence[str | os.PathLike] = (),
    *,
    say: Callable[[str], object] = print,
) -> pathlib.Path:
    """Installs both networks, also where they are installed already.

    Args:
        folder: Folder to write to, made where it is missing. `None`: `networks.default_folder()`.
        sources: Files to take the networks from: the wheel or any other zip file that has them,
            a folder that has them or the wheel, or the two files themselves, whatever their
            names. Empty to download the wheel with pip, whose settings apply (index, proxy,
            certificates).
        say: Function that gets a line before a download.

    Returns:
        The folder.

    Raises:
        ConnectionError: If pip cannot download the wheel; the message has pip's reason.
        ValueError: If a source does not exist or cannot be read, or a network is in none of them
            with the right checksum.
        OSError: If the folder cannot be written to.
    """
    folder = pathlib.Path(folder) if folder is not None else networks.default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    if sources:
        _copy(_contents(sources), folder, ", ".join(str(source) for source in sources))
        return folder
    say(
        f"Downloading the networks that find people, part of {REQUIREMENT} ({LICENCE}), "
        f"{_WHEEL_MEGABYTES} MB, once, to {folder}"
    )
    with tempfile.TemporaryDirectory(prefix="tf_lift_") as temporary:
        wheel = _download(pathlib.Path(temporary))
        _copy(_contents([wheel]), folder, f"{wheel.name}, which pip downloaded")
    return folder


def ensure(
    folder: str | os.PathLike | None = None, *, say: Callable[[str], object] = print
) -> pathlib.Path:
    """Installs the networks if a file is missing or damaged.

    Args:
        folder: As for `install`, like `say`.
        say: Function that gets a line before a download.

    Returns:
        The folder.

    Raises:
        ConnectionError, ValueError, OSError: As `install`.
    """
    folder = pathlib.Path(folder) if folder is not None else networks.default_folder()
    return install(folder, say=say) if networks.missing(folder) else folder


def _download(folder):
    """Downloads the wheel with the running Python's pip, and returns its path."""
    if not sys.executable or importlib.util.find_spec("pip") is None:
        raise ConnectionError(
            f"pip must be installed to download {REQUIREMENT}: `python -m ensurepip`. "
            f"Received: no pip in {sys.executable or 'this program'}. {_OFFLINE}"
        )
    command = [sys.executable, "-m", "pip", "download", REQUIREMENT, "--dest", str(folder)]
    command += ["--no-deps", "--only-binary", ":all:", *_PLATFORM, "--no-input", "--retries", "2"]
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    process = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, errors="replace", check=False, env=environment
    )
    wheels = list(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        reason = _reason(process.stderr) or f"exit code {process.returncode}"
        raise ConnectionError(f"pip could not download {REQUIREMENT}: {reason}. {_OFFLINE}")
    return wheels[0]


def _reason(text):
    """Returns what pip complained of: its first warning of a connection, else its last error.

    Where there is no network, pip's last error is that it knows no version of the package.
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    warnings = [line for line in lines if line.startswith("WARNING: Retrying")]
    errors = [line for line in lines if line.startswith("ERROR:")]
    line = next(iter(warnings or errors[::-1] or lines[::-1]), "")
    # Without urllib3's objects: how often it retried, and the address of the connection.
    line = re.sub(r"^WARNING: Retrying \(Retry\(.*?\)\) after ", "", line)
    line = re.sub(r"<[^>]*>: ", "", line)
    return line.removeprefix("ERROR: ").rstrip(".")[:300]


def _contents(sources: Iterable[str | os.PathLike]) -> Iterator[tuple[str, bytes]]:
    """Yields the name and the bytes of all files in the sources that may be a network."""
    for source in sources:
        path = pathlib.Path(source)
        if path.is_dir():
            inside = [p for p in sorted(path.rglob("*")) if p.suffix in (".tflite", ".whl")]
            yield from _contents(file for file in inside if file.is_file())
        elif not path.is_file():
            raise ValueError(f"`sources` must be files or folders. Received: {path}, which is none")
        else:
            # A network of LiteRT is a zip file, too: its metadata are appended as one.
            yield str(path), _read(path)
            if zipfile.is_zipfile(path):
                yield from _contents_of_zip(path)


def _contents_of_zip(path):
    sizes = {file.num_bytes for file in networks.NETWORKS}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                # By size, so that the rest of a wheel is not unpacked.
                if member.file_size in sizes or member.filename.endswith(".tflite"):
                    yield f"{path}:{member.filename}", archive.read(member)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"`sources` must be whole files. Received: {path} ({error})") from error


def _read(path):
    # A file that cannot be a network, such as a film, is not read into memory.
    largest = max(file.num_bytes for file in networks.NETWORKS)
    return path.read_bytes() if path.stat().st_size <= largest else b""


def _copy(contents, folder, source):
    """Writes both networks, or none of them."""
    wanted = {file.sha256: file for file in networks.NETWORKS}
    found: dict[str, bytes] = {}
    seen = {}
    for name, content in contents:
        checksum = hashlib.sha256(content).hexdigest()
        seen[name] = checksum
        if checksum in wanted:
            found[wanted[checksum].name] = content
        if len(found) == len(wanted):
            break
    for file in networks.NETWORKS:
        if file.name not in found:
            alike = [seen[name] for name in seen if name.endswith(file.name)]
            received = f" whose SHA-256 is {alike[0]}" if alike else " without it"
            raise ValueError(
                f"{file.name} must have the SHA-256 {file.sha256}. Received: {source}{received}"
            )
    for name, content in found.items():
        with atomic.replacing(folder / name) as temporary:
            temporary.write_bytes(content)
