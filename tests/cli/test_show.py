import json

import numpy as np
import pytest
from PIL import Image
from stage_poses import standing_poses

from tf_lift import cli
from tf_lift.inference import pose_files

pytest.importorskip("plotly", reason="needs the extra viewing")


@pytest.fixture
def poses_path(tiny_prior, tmp_path):
    return pose_files.write(standing_poses(tiny_prior, frames=4), tmp_path / "walk.json")


def content(path):
    data = path.read_text(encoding="utf-8").split('id="poses-data">')[1]
    return json.loads(data.split("</script>")[0])


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_poses_become_a_page(tiny_prior, tmp_path, capsys, suffix):
    path = pose_files.write(standing_poses(tiny_prior, frames=4), tmp_path / f"walk{suffix}")
    assert cli.main(["show", str(path), "--fps", "20"]) == 0
    shown = content(tmp_path / "walk.html")
    assert shown["title"] == path.name
    assert shown["times"] == [0, 0.05, 0.1, 0.15]
    assert shown["personNumbers"] == [0, 1]
    assert "wrote" in capsys.readouterr().out


def test_an_image_is_beside(poses_path, tmp_path):
    Image.fromarray(np.zeros([120, 160, 3], np.uint8)).save(tmp_path / "image.png")
    page = tmp_path / "view.html"
    arguments = ["show", str(poses_path), "-o", str(page), "--title", "A & B"]
    assert cli.main([*arguments, "--image", str(tmp_path / "image.png")]) == 0
    text = page.read_text(encoding="utf-8")
    assert '"size":[160,120]' in text and "<h1>A &amp; B</h1>" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fps", "-1"], "`fps` must be positive. Received: -1"),
        (["--image", "a.png", "--video", "b.mp4"], "`--image` and `--video` exclude each other"),
        (["--image", "absent.png"], "absent.png, which does not exist"),
        (["--video", "absent.mp4"], "absent.mp4, which does not exist"),
        (["-o", "page.png"], "`path` must end in .html. Received: page.png"),
    ],
)
def test_bad_arguments_are_one_line(poses_path, arguments, message, capsys):
    assert cli.main(["show", str(poses_path), *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and len(error.splitlines()) == 1
    assert [entry.name for entry in poses_path.parent.iterdir()] == ["walk.json"]


def test_other_files_are_refused(tmp_path, capsys):
    path = tmp_path / "other.json"
    path.write_text("[]")
    assert cli.main(["show", str(path)]) == 2
    assert "other.json" in capsys.readouterr().err


def test_real_video(shared_path, tmp_path, tiny_prior):
    pytest.importorskip("av", reason="needs the extra video")
    video = shared_path("data/pose2sim/cam02.mp4")
    poses = pose_files.write(standing_poses(tiny_prior, frames=10, people=1), tmp_path / "a.json")
    assert cli.main(["show", str(poses), "--video", str(video), "--megabytes", "0.1"]) == 0
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    pictures = json.loads(text.split('id="pictures-data">')[1].split("</script>")[0])
    assert pictures["frames"][0] == 0 and 1 <= len(pictures["frames"]) < 10
    assert sum(map(len, pictures["jpegs"])) <= 0.1e6 * 4 / 3 + 4 * 10
