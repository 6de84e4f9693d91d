"""Writes files and folders that appear whole or not at all.

All of tf_lift's writers go through this module. Each writes under a hidden temporary name in
the target's own folder, so that the final rename stays on one disk and is atomic. Before the
rename the content is flushed to the disk (`fsync`), so that a power cut leaves the old file or
the new one. On a full disk, the old file stays and the error names it.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterator

__all__ = [
    "rename_to_next_number",
    "replacing",
    "replacing_folder",
    "temporary_folder",
    "write_text",
]


@contextlib.contextmanager
def replacing(
    path, read_back: Callable[[pathlib.Path], object] | None = None
) -> Iterator[pathlib.Path]:
    """Yields a temporary file to write, which replaces `path` when the block succeeds.

    Args:
        path: File to write; its folder must exist.
        read_back: Function that reads the temporary file and raises any `Exception` if it is not
            whole. Give one where a library writes the file: on a full disk, some libraries write
            a short file without an error.

    Yields:
        Path of an empty file in the same folder, whose name ends in that of `path`. If the
        block raises anything, `KeyboardInterrupt` included, the temporary file is deleted and
        `path` stays as it was.

    Raises:
        OSError: If the folder does not exist or cannot be written to, the disk is full, or the
            file is not whole when read back; the message names `path`.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/notes.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     os.listdir(folder)
    ['notes.txt']
    """
    path = pathlib.Path(path)
    with _naming(path):
        # The whole name at the end, because Keras requires ".weights.h5".
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".{path.name}")
        os.close(handle)
    temporary = pathlib.Path(name)
    try:
        with _naming(path, temporary):
            yield temporary
            _flush(temporary)
        if read_back is not None:
            _check(read_back, temporary, path)
        with _naming(path, temporary):
            _apply_umask(temporary, 0o666)
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_entries(path.parent)


@contextlib.contextmanager
def _naming(path, temporary=None):
    """Puts the name of `path` into errors of writing to it, which have none or a hidden one."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and temporary is not None:
            named = os.fspath(error.filename)
            if not isinstance(named, str | bytes) or os.fsdecode(named) != str(temporary):
                raise  # Of another file.
        if error.errno is not None:
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        if type(error) is not OSError or str(path) in str(error):
            raise
        # NumPy's "65536 requested and 0 written".
        raise OSError(f"{path}: could not be written ({error})") from error


def _check(read_back, temporary, path):
    try:
        read_back(temporary)
    except Exception as error:
        reason = " ".join(str(error).split()).replace(str(temporary), path.name)
        size = temporary.stat().st_size if temporary.exists() else 0
        raise OSError(
            f"{path}: was not written whole, so the file is left as it was; is the disk full? "
            f"({size} bytes: {reason or type(error).__name__})"
        ) from error


def _flush(path):
    """Flushes a file, or all files of a folder, to the disk."""
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            # Windows flushes only what is open for writing.
            with open(file, "r+b") as stream:
                os.fsync(stream.fileno())


def _flush_entries(folder):
    """Flushes the names in a folder, where the system can: else a renamed file may be lost."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_text(path, text: str) -> None:
    """Writes a UTF-8 text file that is whole or absent.

    Args:
        path: File to write; its folder must exist.
        text: Content.

    Raises:
        OSError: If the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def temporary_folder(parent) -> Iterator[pathlib.Path]:
    """Yields a hidden temporary folder, which is deleted at the end unless it was renamed.

    Args:
        parent: Folder to make it in; it must exist.

    Yields:
        Path of an empty folder.

    Raises:
        OSError: If `parent` does not exist or cannot be written to.
    """
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=".part_", dir=parent))
    try:
        _apply_umask(temporary, 0o777)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def replacing_folder(path) -> Iterator[pathlib.Path]:
    """Yields a temporary folder to fill, which replaces `path` when the block succeeds.

    Args:
        path: Folder to write, new or to be replaced with all that it holds. Missing parents
            are made.

    Yields:
        Path of an empty folder next to `path`. If the block raises, it is deleted and `path`
        stays as it was.

    Raises:
        OSError: If the folder cannot be written.

    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with replacing_folder(f"{parent}/export") as temporary:
    ...         _ = (temporary / "notes.txt").write_text("whole")
    ...     os.listdir(parent), os.listdir(f"{parent}/export")
    (['export'], ['notes.txt'])
    """
    path = pathlib.Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(path.parent) as temporary:
        yield temporary
        _flush(temporary)
        with temporary_folder(path.parent) as old:
            # A folder cannot be renamed over another that is not empty: move the old one away.
            replaced = path.exists()
            if replaced:
                os.replace(path, old)
            try:
                os.replace(temporary, path)
            except BaseException:
                if replaced:
                    os.replace(old, path)
                raise
    _flush_entries(path.parent)


def rename_to_next_number(temporary, parent) -> pathlib.Path:
    """Renames a folder to the number after the largest one in `parent`.

    Args:
        temporary: Folder to rename, on the same disk as `parent`.
        parent: Folder whose numbered entries count; the first number is 1.

    Returns:
        The new path. Where another process takes the number first, the next one is used.

    Raises:
        OSError: If the folder cannot be renamed.
    """
    temporary, parent = pathlib.Path(temporary), pathlib.Path(parent)
    _flush(temporary)
    while True:
        numbers = [int(path.name) for path in parent.iterdir() if path.name.isdigit()]
        target = parent / str(max(numbers, default=0) + 1)
        try:
            # Fails where the target exists and is not empty: another process was faster.
            renamed = temporary.rename(target)
            _flush_entries(parent)
            return renamed
        except OSError:
            if not target.exists():
                raise


def _apply_umask(path, mode):
    # `tempfile` gives access to the owner alone; what a user writes follows the umask.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)
