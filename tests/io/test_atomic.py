"""Files and folders that appear whole or not at all."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from tf_lift.io import atomic


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_file_appears_at_the_end(tmp_path):
    path = tmp_path / "best.weights.h5"
    path.write_text("old")
    with atomic.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".best.weights.h5")
        assert temporary.parent == tmp_path
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["best.weights.h5"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_failed_file(error, tmp_path):
    path = tmp_path / "clip.csv"
    path.write_text("old")
    with pytest.raises(error), atomic.replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["clip.csv"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failed_rename(error, tmp_path, monkeypatch):
    def fail(source, target):
        raise error

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(error):
        atomic.write_text(tmp_path / "clip.csv", "new")
    with pytest.raises(error), atomic.replacing_folder(tmp_path / "export") as temporary:
        (temporary / "a").write_text("a")
    assert not os.listdir(tmp_path)


def test_the_error_of_a_block_that_deletes_its_file_is_kept(tmp_path):
    with pytest.raises(ValueError, match="mine"), atomic.replacing(tmp_path / "a") as temporary:
        temporary.unlink()
        raise ValueError("mine")


def test_the_folder_of_a_file_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError), atomic.replacing(tmp_path / "none" / "clip.csv"):
        pytest.fail("the block must not run")


def test_text_is_written_as_utf_8(tmp_path):
    atomic.write_text(tmp_path / "a.txt", "größer")
    assert (tmp_path / "a.txt").read_bytes() == "größer".encode()


def test_a_folder_appears_at_the_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for content in ("old", "new"):
        with atomic.replacing_folder("deep/export") as temporary:
            (temporary / content).write_text(content)
    assert os.listdir("deep") == ["export"]
    assert os.listdir("deep/export") == ["new"]
    assert os.stat("deep/export").st_mode & 0o777 == 0o777 & ~umask()


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_nothing_is_left_of_a_failed_folder(error, tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "old").touch()
    with pytest.raises(error), atomic.replacing_folder(tmp_path / "export") as temporary:
        (temporary / "half").touch()
        raise error
    assert os.listdir(tmp_path) == ["export"]
    assert os.listdir(tmp_path / "export") == ["old"]


def test_the_old_folder_returns_where_the_new_one_cannot_be_renamed(tmp_path, monkeypatch):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "old").touch()
    replace = os.replace

    def fail_for_the_new_one(source, target):
        if (pathlib.Path(source) / "new").exists():
            raise OSError("disk full")
        replace(source, target)

    monkeypatch.setattr("os.replace", fail_for_the_new_one)
    with pytest.raises(OSError, match="disk full"):
        with atomic.replacing_folder(tmp_path / "export") as temporary:
            (temporary / "new").touch()
    assert os.listdir(tmp_path) == ["export"]
    assert os.listdir(tmp_path / "export") == ["old"]


def test_folders_are_numbered_on(tmp_path):
    for existing in ("3", "10", "latest"):
        (tmp_path / existing).mkdir()
    with atomic.temporary_folder(tmp_path) as temporary:
        assert not temporary.name.isdigit()
        assert atomic.rename_to_next_number(temporary, tmp_path) == tmp_path / "11"
    assert sorted(os.listdir(tmp_path)) == ["10", "11", "3", "latest"]


def test_a_number_that_another_process_took_is_left_alone(tmp_path, monkeypatch):
    rename = pathlib.Path.rename

    def slower(self, target):
        # While this process looks for the number, another one takes it.
        monkeypatch.setattr(pathlib.Path, "rename", rename)
        target.mkdir()
        (target / "theirs").touch()
        return rename(self, target)

    monkeypatch.setattr(pathlib.Path, "rename", slower)
    with atomic.temporary_folder(tmp_path) as temporary:
        assert atomic.rename_to_next_number(temporary, tmp_path) == tmp_path / "2"
    assert (tmp_path / "1" / "theirs").exists()


def test_a_rename_that_cannot_succeed_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.rename_to_next_number(tmp_path / "none", tmp_path)


def test_a_file_that_does_not_read_back_leaves_the_old_one(tmp_path):
    path = tmp_path / "walk.c3d"
    path.write_text("old")

    def read_back(file):
        raise EOFError(f"{file} ends early")

    with pytest.raises(OSError, match="walk.c3d: was not written whole.*4 bytes: walk.c3d ends"):
        with atomic.replacing(path, read_back=read_back) as temporary:
            temporary.write_text("half")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["walk.c3d"]
    with atomic.replacing(path, read_back=pathlib.Path.read_text) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_errors_name_the_file_and_not_the_temporary_one(tmp_path):
    path = tmp_path / "none" / "clip.csv"
    with pytest.raises(FileNotFoundError) as error, atomic.replacing(path):
        pytest.fail("the block must not run")
    assert error.value.filename == str(path)
    path = tmp_path / "clip.csv"
    with pytest.raises(OSError, match="clip.csv") as error, atomic.replacing(path):
        raise OSError(errno.ENOSPC, "full")  # As `write` raises it: without a name.
    assert error.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match=r"clip.csv: could not be written \(8 requested"):
        with atomic.replacing(path):
            raise OSError("8 requested and 0 written")  # As NumPy does.
    with pytest.raises(FileNotFoundError, match="no_such_file"), atomic.replacing(path):
        open(tmp_path / "no_such_file")


def test_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def flush(handle):
        events.append(os.fstat(handle).st_size)
        fsync(handle)

    monkeypatch.setattr("os.fsync", flush)
    monkeypatch.setattr("os.replace", lambda *paths: (events.append("rename"), replace(*paths)))
    atomic.write_text(tmp_path / "a.txt", "whole")
    assert events[:2] == [5, "rename"]
    events.clear()
    with atomic.replacing_folder(tmp_path / "export") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "b").write_text("four")
    assert events[:2] == [4, "rename"]
    events.clear()
    with atomic.temporary_folder(tmp_path) as temporary:
        (temporary / "c").write_text("six...")
        atomic.rename_to_next_number(temporary, tmp_path)
    assert events[0] == 6


# Loading `tf_lift_command` first keeps TensorFlow from being loaded.
WRITE_WITH_LITTLE_ROOM = """
import resource, sys
import tf_lift_command
from tf_lift.io import atomic, npz
import numpy as np
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for write in (
    lambda: npz.write(sys.argv[1], {"noise": np.random.default_rng(0).random(5000)}),
    lambda: atomic.write_text(sys.argv[1], "x" * 50_000),
):
    try:
        write()
    except OSError as error:
        print(error)
    else:
        print("wrote")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_file_that_finds_no_room_leaves_the_old_one(tmp_path):
    path = tmp_path / "poses.out"
    path.write_text("old")
    ran = subprocess.run(
        [sys.executable, "-c", WRITE_WITH_LITTLE_ROOM, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.count(str(path)) == 2, ran.stdout
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["poses.out"]
