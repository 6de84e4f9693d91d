"""Writes files and folders that appear whole or not at all.

All of tf_lift's writers go through this module. Each writes under a hidden temporary name in
the target's own folder, so that the final rename stays on one disk and is atomic.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

__all__ = [
    "rename_to_next_number",
    "replacing",
    "replacing_folder",
    "temporary_folder",
    "write_text",
]


@contextlib.contextmanager
def replacing(path) -> Iterator[pathlib.Path]:
    """Yields a temporary file to write, which replaces `path` when the block succeeds.

    Args:
        path: File to write; its folder must exist.

    Yields:
        Path of an empty file in the same folder, whose name ends in that of `path`. If the
        block raises anything, `KeyboardInterrupt` included, the temporary file is deleted and
        `path` stays as it was.

    Raises:
        OSError: If the folder does not exist or cannot be written to.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/notes.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     os.listdir(folder)
    ['notes.txt']
    """
    path = pathlib.Path(path)
    # The whole name at the end, because Keras requires ".weights.h5".
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=f".{path.name}")
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        _apply_umask(temporary, 0o666)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    while True:
        numbers = [int(path.name) for path in parent.iterdir() if path.name.isdigit()]
        target = parent / str(max(numbers, default=0) + 1)
        try:
            # Fails where the target exists and is not empty: another process was faster.
            return temporary.rename(target)
        except OSError:
            if not target.exists():
                raise


def _apply_umask(path, mode):
    # `tempfile` gives access to the owner alone; what a user writes follows the umask.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)
