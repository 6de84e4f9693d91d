"""`tf-lift predict`: files in, files out, and what it says."""

import json
import pathlib
import re

import coded_frames
import numpy as np
import pytest
from dots import dot_model, draw_dots, save_model
from PIL import Image

from tf_lift import cli
from tf_lift.export import image_bytes
from tf_lift.inference import images, people_finders, videos

CASES = pathlib.Path(__file__).resolve().parents[1] / "cases" / "21-images"


@pytest.fixture(scope="module")
def prior_path(tiny_prior, tmp_path_factory):
    path = tmp_path_factory.mktemp("prior") / "prior.npz"
    tiny_prior.save(path)
    return path


@pytest.fixture
def finder(tiny_prior, monkeypatch):
    """The default detector's place is taken by one that knows coded pictures."""
    joints = tiny_prior.sample(2, seed=1)[:, :, [0, 2]] * [0.1, -0.1] + [60, 120]

    def people(number):
        return [] if number > 900 else [joints[0] + [number, 0], joints[1] + [180, number]]

    made = coded_frames.Finder(people)
    monkeypatch.setattr(people_finders, "adapt", lambda *_: made)
    return made


@pytest.fixture
def run(prior_path, tmp_path):
    def run(*arguments, output=tmp_path / "out"):
        return cli.main(
            ["predict", *map(str, arguments), "--prior", str(prior_path), "-o", str(output)]
        )

    return run


def save(path, number):
    Image.fromarray(coded_frames.draw(number)).save(path)
    return path


def write(path, numbers):
    pytest.importorskip("av", reason="videos need the extra `video`")
    with videos.VideoWriter(path, 25, coded_frames.SIZE) as writer:
        for place, number in enumerate(numbers):
            writer.write(coded_frames.draw(number, seed=number), place)
    return path


def content(path):
    found = json.loads(path.read_text())
    return {name: value for name, value in found.items() if name != "versions"}


def test_good_and_bad_files(finder, run, tmp_path, capsys):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    (tmp_path / "bad.mp4").write_bytes(b"")
    good = save(tmp_path / "größe 1.png", 3)
    nobody = save(tmp_path / "nobody.png", 950)
    files = [tmp_path / "bad.jpg", good, tmp_path / "none.png", tmp_path / "bad.mp4", nobody]
    assert run(*files, "--format", "npz, .CSV,") == 2
    names = [f"größe 1.{ending}" for ending in ("csv", "json", "npz", "png")]
    names += [f"nobody.{ending}" for ending in ("csv", "json", "npz", "png")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    out, err = capsys.readouterr()
    lines = err.strip().splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, ("bad.jpg", "none.png", "bad.mp4"), strict=True):
        assert line.startswith("tf-lift: error: ") and name in line
    assert "2 of 5 done, 1 with nobody in it, 2 people" in out
    assert content(tmp_path / "out" / "größe 1.json")["source"]["file"] == "größe 1.png"


def test_ctrl_c_and_resume_give_what_an_uninterrupted_run_gives(finder, run, tmp_path, capsys):
    photo = save(tmp_path / "a.png", 5)
    clip = write(tmp_path / "clip.mp4", range(20, 50))
    other = tmp_path / "whole"
    assert run(photo, clip, "--no-picture", output=other) == 0
    finder.stop_at, finder.seen = 33, []
    assert run(photo, clip, "--no-picture") == 130
    assert "interrupted: 1 of 2 are done; --resume goes on" in capsys.readouterr().err
    hidden = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(hidden) == [".clip.part.npz", "a.json"]
    finder.stop_at, finder.seen = None, []
    assert run(photo, clip, "--no-picture", "--resume") == 0
    assert finder.seen == list(range(33, 50))
    assert "1 of 2 are done already" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.json", "clip.json"]
    for name in names:
        assert content(tmp_path / "out" / name) == content(other / name)
    finder.seen = []
    assert run(photo, clip, "--no-picture", "--resume") == 0
    assert finder.seen == []


def test_ctrl_c_while_drawing_keeps_the_search(finder, run, tmp_path, monkeypatch):
    from tf_lift.inference import results

    clip = write(tmp_path / "clip.mp4", range(20, 50))

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results.annotation, "beside", stop)
        assert run(clip) == 130
    finder.seen = []
    assert run(clip, "--resume") == 0
    assert finder.seen == []
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["clip.json", "clip.mp4"]


def test_a_picture_that_failed_is_made_again(finder, run, tmp_path, monkeypatch, capsys):
    from tf_lift.inference import results

    first, second = save(tmp_path / "a.png", 3), save(tmp_path / "b.png", 950)

    def fail(image, *_):
        raise OSError(28, "No space left on device", "a.png")

    with monkeypatch.context() as patch:
        patch.setattr(results.annotation, "beside", fail)
        assert run(first, second) == 2
    assert len(re.findall("error: .*No space", capsys.readouterr().err)) == 2
    assert not list((tmp_path / "out").iterdir())
    assert run(first, second, "--resume") == 0
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_videos_that_end_early_give_what_there_is(finder, run, tmp_path, capsys):
    clip = write(tmp_path / "clip.mp4", range(20, 50))
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[: int(0.8 * clip.stat().st_size)])
    assert run(tmp_path / "cut.mp4", "--no-picture") == 0
    err = capsys.readouterr().err.strip()
    assert re.fullmatch(r"tf-lift: note: .*cut\.mp4: .*; the frames that there are, are done", err)
    found = content(tmp_path / "out" / "cut.json")
    assert 5 < len(found["frames"]) < 30 and "cut.mp4" in found["source"]["problem"]
    assert found["fps"] == 25 and found["image_size"] == [320, 240]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "nonsense"], "formats must be of json, npz, .*Received: nonsense"),
        (["--skeleton", "stick", "--detector", "x.pb"], "`skeleton` must be one of"),
        (["--box", "1,2,3"], "`--box` must be x,y,width,height"),
        (["--box", "1,2,3,0"], "`--box` must be x,y,width,height"),
        (["--input-size", "big", "--detector", "x.pb"], "`--input-size` must be like 432x368"),
        (["--channels", "a-b", "--detector", "x.pb"], "`--channels` must be like"),
        (["--detector", "nothing.pb"], "nothing.pb, which does not exist"),
        (["--camera", "nothing.json"], "nothing.json"),
        (["--max-pixels", "many"], "max-pixels"),
    ],
)
def test_bad_options_are_one_line(run, tmp_path, capsys, options, message):
    assert run(save(tmp_path / "a.png", 3), *options) == 2
    error = capsys.readouterr().err.strip()
    assert re.search(message, error) and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_outputs_that_cannot_be(run, tmp_path, capsys):
    photo = save(tmp_path / "a.png", 3)
    before = photo.read_bytes()
    assert run(photo, output=tmp_path) == 2
    assert "no source gets replaced" in capsys.readouterr().err
    assert run(photo, output=photo) == 2
    assert "`output` must be a folder" in capsys.readouterr().err
    assert photo.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 2
    assert "this folder holds no image and no video" in capsys.readouterr().err


def test_large_photos_name_the_option(finder, run, tmp_path, capsys):
    assert run(save(tmp_path / "a.png", 3), "--max-pixels", "1000") == 2
    assert re.search(
        r"a\.png .*320 x 240 px, more than `max_pixels`, 1,000", capsys.readouterr().err
    )


def test_networks_of_belief_maps(run, prior_path, tmp_path, tiny_prior):
    from tf_lift import skeletons

    weights = skeletons.joint_map(skeletons.H36M_17, skeletons.OPENPOSE_18)
    pose = tiny_prior.mean_pose[0] * 0.12
    points = np.round(weights @ np.stack([pose[:, 0] + 160, 110 - pose[:, 2]], -1))
    standing = np.where(np.isfinite(points), points, 30)
    network = save_model(dot_model(18, extra_channels=1), tmp_path, "frozen")
    picture = np.concatenate([draw_dots(standing)] * 2, 1)
    Image.fromarray(picture).save(tmp_path / "two.png")
    options = ["--detector", network, "--box", "320,0,320,240", "--min-score", "0.2"]
    options += ["--input-size", "320x240", "--channels", "0-17", "--input-range", "0-255"]
    assert run(tmp_path / "two.png", *options, "--no-picture") == 0
    (found,) = content(tmp_path / "out" / "two.json")["poses"]
    np.testing.assert_allclose(found["landmarks"][3], standing[10] + [320, 0], atol=2)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.*")), ids=lambda path: path.name)
def test_the_command_sees_what_an_export_sees(finder, run, tmp_path, path, monkeypatch):
    """The pixels that the detector gets are those of `serving_bytes`."""
    seen = []
    monkeypatch.setattr(finder, "detect", lambda image, *_, **__: seen.append(image) or [])
    assert run(path, "--no-picture") == 0
    exported = image_bytes.decode(path.read_bytes()).numpy()
    (image,) = seen
    np.testing.assert_array_equal(image, images.read_image(path))
    # Decoders of JPEG round differently.
    limit = 3 if path.suffix == ".jpg" else 0
    assert image.shape == exported.shape and np.abs(image - exported).max() <= limit
