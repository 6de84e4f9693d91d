import dataclasses
import hashlib
import pathlib
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tf_lift
from tf_lift.inference.people import install as installation
from tf_lift.inference.people import networks

NAMES = [file.name for file in networks.NETWORKS]


def states(folder):
    return [networks.state(file, folder) for file in networks.NETWORKS]


def make_wheel(path, source, names=NAMES):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mediapipe/other.py", "pass")
        for name in names:
            archive.write(source / name, f"mediapipe/modules/{name}")
    return path


@pytest.fixture
def unreachable_index(monkeypatch, tmp_path):
    """Makes pip look for packages at a port of this machine where nobody listens."""
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "no_such_file"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")


def test_pip_brought_the_networks(people_networks):
    assert states(people_networks) == ["installed", "installed"]
    for file in networks.NETWORKS:
        content = (people_networks / file.name).read_bytes()
        assert len(content) == file.num_bytes
        assert hashlib.sha256(content).hexdigest() == file.sha256


def test_ensure_leaves_whole_files(people_networks, unreachable_index):
    said = []
    assert installation.ensure(people_networks, say=said.append) == people_networks
    assert not said


def test_no_network_is_one_clear_line(tmp_path, unreachable_index):
    said = []
    with pytest.raises(ConnectionError) as caught:
        installation.install(tmp_path / "networks", say=said.append)
    message = str(caught.value)
    assert "pip could not download mediapipe==0.10.21" in message
    assert "Connection refused" in message or "refused" in message
    assert "tf-lift detector install --from FILE" in message
    assert "\n" not in message and "object at 0x" not in message
    assert len(said) == 1 and "Apache License 2.0" in said[0] and "36 MB" in said[0]
    assert not list((tmp_path / "networks").iterdir())


def test_python_without_pip(tmp_path):
    # `-I` and `-S` leave out the packages of this environment; all but pip come back.
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in pathlib.Path(np.__file__).parents[1].iterdir():
        if not path.name.startswith("pip"):
            (packages / path.name).symlink_to(path)
    project = pathlib.Path(tf_lift.__file__).parents[1]
    code = (
        f"import sys; sys.path += {[str(packages), str(project)]}\n"
        "from tf_lift_command import main\n"
        f"sys.exit(main(['detector', 'install', '--folder', {str(tmp_path / 'target')!r}]))"
    )
    process = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 2, process.stderr
    error = process.stderr.strip()
    assert "pip must be installed to download mediapipe==0.10.21" in error
    assert "--from FILE" in error and len(error.splitlines()) == 1


@pytest.mark.parametrize("kind", ["wheel", "folder", "folder of the wheel", "two files"])
def test_install_from_files_at_hand(people_networks, tmp_path, kind):
    files = tmp_path / "files"
    files.mkdir()
    if kind == "wheel":
        sources = [make_wheel(files / "any.whl", people_networks)]
    elif kind == "folder of the wheel":
        make_wheel(files / "any.whl", people_networks)
        sources = [files]
    else:
        (files / "deeper").mkdir()
        for number, name in enumerate(NAMES):
            shutil.copy(people_networks / name, files / "deeper" / f"renamed{number}.tflite")
        sources = [files] if kind == "folder" else sorted((files / "deeper").iterdir())
    target = tmp_path / "a" / "b"
    assert installation.install(target, sources, say=None) == target
    assert states(target) == ["installed", "installed"]
    assert sorted(path.name for path in target.iterdir()) == sorted(NAMES)


def test_wrong_checksum_installs_nothing(people_networks, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(people_networks, source)
    content = bytearray((source / NAMES[1]).read_bytes())
    content[1000] ^= 1
    (source / NAMES[1]).write_bytes(content)
    received = hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError, match=f"{NAMES[1]} must have the SHA-256 .*{received}"):
        installation.install(tmp_path / "target", [source])
    assert not list((tmp_path / "target").iterdir())


def test_half_a_wheel(people_networks, tmp_path):
    wheel = make_wheel(tmp_path / "whole.whl", people_networks)
    half = tmp_path / "half.whl"
    half.write_bytes(wheel.read_bytes()[: wheel.stat().st_size // 2])
    with pytest.raises(ValueError, match="must have the SHA-256 .*half.whl without it"):
        installation.install(tmp_path / "target", [half])
    # Bytes in the middle of a network that are wrong: the zip's own checksum finds them.
    content = bytearray(wheel.read_bytes())
    content[len(content) // 2] ^= 255
    half.write_bytes(content)
    with pytest.raises(ValueError, match=r"`sources` must be whole files. Received: .*half.whl"):
        installation.install(tmp_path / "target", [half])


@pytest.mark.parametrize("names", [[], NAMES[:1]])
def test_sources_without_a_network(people_networks, tmp_path, names):
    wheel = make_wheel(tmp_path / "other.whl", people_networks, names)
    with pytest.raises(ValueError, match="must have the SHA-256 .*other.whl without it"):
        installation.install(tmp_path / "target", [wheel])


def test_sources_that_do_not_exist(tmp_path):
    with pytest.raises(ValueError, match="must be files or folders. Received: .*nowhere"):
        installation.install(tmp_path / "target", [tmp_path / "nowhere"])


def test_damaged_file_is_installed_again(people_networks, tmp_path, unreachable_index):
    target = tmp_path / "target"
    shutil.copytree(people_networks, target)
    with open(target / NAMES[0], "r+b") as file:
        file.truncate(1000)
    (target / NAMES[1]).unlink()
    assert states(target) == ["damaged", "missing"]
    with pytest.raises(ConnectionError):
        installation.ensure(target, say=lambda line: None)
    installation.install(target, [people_networks])
    assert states(target) == ["installed", "installed"]


def test_folder_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(networks.FOLDER_VARIABLE, str(tmp_path / "chosen"))
    assert networks.default_folder() == tmp_path / "chosen"
    monkeypatch.delenv(networks.FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert networks.default_folder() == tmp_path / "tf_lift" / "detector"


def test_network_with_other_outputs(people_networks):
    other = dataclasses.replace(networks.DETECTION, outputs={"boxes": (1, 7)})
    with pytest.raises(ValueError, match=r"must have outputs of the shapes \[\(1, 7\)\]. Received"):
        networks.Network(other, people_networks)
