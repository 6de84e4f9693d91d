"""The wheel: what it holds, and that it works where there is no source tree."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import tf_lift

PROJECT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel from a copy, so that no leftover of another build gets into it."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "tf_lift_command.py"):
        shutil.copy(PROJECT / name, source)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "tf_lift", source / "tf_lift", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_the_package_and_its_data(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    sources = {
        path.relative_to(PROJECT).as_posix()
        for pattern in (
            "*.py",
            "*.npz",
            "maps/*.json",
            "schemas/*.json",
            "py.typed",
            "html/*.js",
            "html/*.css",
            "html/*.html",
        )
        for path in (PROJECT / "tf_lift").rglob(pattern)
    }
    sources.add("tf_lift_command.py")
    assert "tf_lift/py.typed" in sources
    assert "tf_lift/prior/cmu.npz" in sources
    assert sources <= names
    others = {name for name in names - sources if ".dist-info/" not in name}
    assert not others
    assert any(name.endswith("/LICENSE") for name in names)


def test_wheel_works_from_an_empty_folder(wheel, tmp_path):
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        "import tf_lift\n"
        "prior = tf_lift.PosePrior.load()\n"
        "print(tf_lift.__file__, tf_lift.__version__, prior.num_joints, prior.credit)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout
    assert output.startswith(f"{site / 'tf_lift' / '__init__.py'} {tf_lift.__version__} 17 ")
    assert "mocap.cs.cmu.edu" in output
