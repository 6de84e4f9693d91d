"""`tf-lift convert-mocap` as a user sees it: tables, exit codes, files."""

import os
import sys

import mocap_files
import numpy as np
import pytest

from tf_lift import cli, skeletons
from tf_lift.data.formats import bvh
from tf_lift.data.motion.clip import Motion

H36M = skeletons.H36M_17


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    walk = Motion(mocap_files.walk(60), H36M.joint_names, H36M.parents, fps=50.0)
    bvh.write(tmp_path / "01_01.bvh", walk)
    mocap_files.write_videopose3d(tmp_path / "v.npz", {"S1": {"Walking": mocap_files.walk(40)}})
    return tmp_path


def test_all_went_well(folder, capsys):
    assert cli.main(["convert-mocap", "01_01.bvh", "v.npz", "-o", "out.npz"]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert "2 clips, 20 poses of h36m17; wrote out.npz" in output.out
    row = next(line for line in output.out.splitlines() if "S1_Walking" in line)
    assert row.split() == ["S1_Walking", "S1", "40", "50", "8", "m", "1,589"]
    assert "unit taken: cm, m; height from ankles to head: 1,589 to 1,591 mm" in output.out
    assert "Skipped" not in output.out
    with np.load("out.npz", allow_pickle=False) as content:
        assert content["poses"].shape == (20, 17, 3)


def test_some_were_skipped(folder, capsys):
    (folder / "bad.bvh").write_text("HIERARCHY\n")
    np.savez("[a].npz", poses=np.zeros([3, 4]))
    arguments = ["convert-mocap", "*.bvh", "[a].npz", "-o", "out.npz", "--fps", "25"]
    assert cli.main(arguments) == 1
    output = capsys.readouterr()
    assert "1 clip, 30 poses of h36m17; 2 skipped; wrote out.npz" in output.out
    assert "bad.bvh" in output.out
    assert "[a].npz" in output.out
    assert "[N, L, 3]" in output.out
    assert os.path.exists("out.npz")


def test_none_could_be_read(folder, capsys):
    assert cli.main(["convert-mocap", "none.bvh", "v.npz", "--unit", "mm"]) == 2
    output = capsys.readouterr()
    assert "no such file" in output.out
    assert "millimetres" in output.out
    assert output.err.strip() == "tf-lift: error: no clip could be read; nothing was written"
    assert not os.path.exists("poses.npz")


def test_wrong_options_are_one_line(folder, capsys):
    assert cli.main(["convert-mocap", "v.npz", "-o", "out.xyz"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("tf-lift: error: `output` must end in .npz")


def test_a_package_that_is_missing_is_one_line(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    assert cli.main(["convert-mocap", "01_01.bvh", "-o", "a.glb"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        'tf-lift: error: writing .glb files needs `pip install "tf-lift[gltf]"`'
    )
    assert error.count("\n") == 1
    assert not os.path.exists("a.glb")


def test_options_reach_the_conversion(folder, capsys):
    poses = mocap_files.walk(60)[..., [0, 2, 1]] * [1, 1, -1] / 25.4
    poses[30:50] = poses[30]
    np.savez("a.npz", poses=poses)
    arguments = ["convert-mocap", "a.npz", "-o", "out.npz", "--unit", "inch", "--up", "y"]
    arguments += ["--source-fps", "50", "--drop-bad-frames", "--credit", "mine"]
    assert cli.main(arguments) == 0
    assert "left out" in " ".join(capsys.readouterr().out.split())
    with np.load("out.npz") as content:
        assert content["frame"].tolist() == [0, 1, 2, 3, 4, 5, 6, 10, 11]
        np.testing.assert_allclose(content["poses"][0], mocap_files.walk(60)[0], atol=0.01)
        assert str(content["license"]) == "mine"


def test_many_clips_are_not_listed(folder, capsys):
    actions = {f"A{index}": mocap_files.walk(10) for index in range(40)}
    actions["slow"] = mocap_files.walk(10)
    actions["slow"][2:] = actions["slow"][2]
    mocap_files.write_videopose3d("v.npz", {"S1": actions})
    assert cli.main(["convert-mocap", "v.npz", "--fps", "50"]) == 0
    output = capsys.readouterr().out
    assert "S1_slow" not in output  # 0.14 s are no standstill.
    assert "S1_A7" not in output
    actions["slow"] = np.repeat(mocap_files.walk(20)[:10], [1] * 9 + [20], axis=0)
    mocap_files.write_videopose3d("v.npz", {"S1": actions})
    assert cli.main(["convert-mocap", "v.npz", "--fps", "50"]) == 0
    output = capsys.readouterr().out
    assert "S1_slow" in output
    assert "S1_A7" not in output


def test_defaults_are_told(capsys):
    assert cli.main(["convert-mocap", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for part in ("by default 10 for .npz", "by default found.", "[default: h36m17]"):
        assert part in text


def test_fit_prior_takes_the_poses(folder, capsys):
    assert cli.main(["convert-mocap", "01_01.bvh", "v.npz", "--fps", "50"]) == 0
    arguments = ["fit-prior", "poses.npz", "-o", "prior.npz"]
    assert cli.main([*arguments, "--mixture-size", "1", "--num-bases", "4"]) == 0
    assert os.path.exists("prior.npz")
