"""`tf-lift fit-prior` with sizes chosen by people held out, and interrupted."""

import re

import numpy as np
import pytest

from tf_lift import PosePrior, cli
from tf_lift.cli import prior_sizes
from tf_lift.evaluation import prior_lifting
from tf_lift.prior.gaussian import alignment
from tf_lift.prior.learning import em as learning
from tf_lift.prior.storage import checkpoint


@pytest.fixture
def write_poses(tmp_path, tiny_prior):
    """Writes a file of poses and returns its path."""

    def write(**labels):
        poses = tiny_prior.sample(120, seed=1, noise=True)
        turned = alignment.rotate(poses, np.linspace(0.0, 6.0, 120))
        np.savez(tmp_path / "poses.npz", poses=turned, **labels)
        return str(tmp_path / "poses.npz")

    return write


@pytest.fixture
def quick(monkeypatch):
    """Few candidates, and errors of lifting that need no lift."""
    monkeypatch.setitem(prior_sizes.CANDIDATES, "mixture_size", (1, 2))
    monkeypatch.setitem(prior_sizes.CANDIDATES, "num_bases", (3, 5))
    monkeypatch.setitem(prior_sizes.CANDIDATES, "noise_stddev", (12.0, None))

    def errors(prior, poses):
        return {"mpjpe": np.full(len(poses), 100.0 - prior.num_bases)}

    monkeypatch.setattr(prior_lifting, "lifting_errors", errors)


@pytest.fixture
def fit(tmp_path):
    def fit(path, *arguments):
        return cli.main(["fit-prior", path, "-o", str(tmp_path / "prior.npz"), *arguments])

    return fit


def test_auto_prints_the_table_and_learns_the_best(tmp_path, write_poses, fit, monkeypatch, capsys):
    monkeypatch.setitem(prior_sizes.CANDIDATES, "mixture_size", (1, 2))
    path = write_poses(subject=np.arange(120) % 3)

    assert fit(path, "--mixture-size", "auto", "--num-bases", "4") == 0

    shown = capsys.readouterr().out
    for text in ("3 subjects, held out in 3 parts", "log-likelihood *", "lifting MPJPE", "chosen"):
        assert text in shown
    prior = PosePrior.load(tmp_path / "prior.npz")
    line = next(line for line in shown.splitlines() if "chosen" in line)
    assert f" {prior.mixture_size} " in line.replace("│", " ")
    assert prior.num_bases == 4
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["poses.npz", "prior.npz"]


def test_auto_can_go_by_lifting(tmp_path, write_poses, fit, quick, capsys):
    path = write_poses(subject=np.arange(120) % 2)

    options = ["--mixture-size", "1", "--num-bases", "auto", "--select-by", "lifting"]
    assert fit(path, *options) == 0

    shown = capsys.readouterr().out
    assert "lifting MPJPE (mm) *" in shown
    assert "95.0 +- 0.0" in shown
    assert PosePrior.load(tmp_path / "prior.npz").num_bases == 5


def test_short_time_is_told(write_poses, fit, quick, capsys):
    path = write_poses(subject=np.arange(120) % 3)

    assert fit(path, "--mixture-size", "auto", "--num-bases", "3", "--time-limit", "0") == 0

    assert "enough for 1 parts only; raise --time-limit for more" in capsys.readouterr().out


def test_clips_stand_in_for_subjects_with_a_note(write_poses, fit, quick, capsys):
    path = write_poses(clip=np.arange(120) // 30)

    assert fit(path, "--mixture-size", "1", "--num-bases", "3", "--noise-stddev", "auto") == 0

    shown = " ".join(capsys.readouterr().out.split())
    assert "POSES names no subjects: clips are held out instead" in shown
    assert "4 clips, held out in 4 parts" in shown
    assert "most likely" in shown


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ({"subject": np.zeros(120)}, ["--num-bases", "auto"], "must name at least 2 people"),
        ({}, ["--num-bases", "auto"], "must have `subject`.*`clip`.*give the sizes as numbers"),
        ({}, ["--num-bases", "many"], "`--num-bases` must be an integer or auto.*'many'"),
        ({}, ["--noise-stddev", "loud"], "`--noise-stddev` must be a number of milli.*'loud'"),
        ({}, ["--select-by", "colour"], "`--select-by` must be one of.*'colour'"),
        ({}, ["--num-bases", "121"], "`num_bases` must be from 1 to 47.*121"),
        ({}, ["--checkpoint", "no/where"], "`checkpoint` must lie in a folder that exists"),
        ({}, ["--skeleton", "octopus"], "`skeleton` must be one of.*octopus"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    tmp_path, write_poses, fit, capsys, labels, arguments, message
):
    assert fit(write_poses(**labels), *arguments) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error)
    assert [entry.name for entry in tmp_path.iterdir()] == ["poses.npz"]


def interrupted(steps, count):
    def run(*arguments):
        for number, state in enumerate(steps(*arguments), 1):
            yield state
            if number == count:
                raise KeyboardInterrupt

    return run


@pytest.mark.parametrize("sizes", [["3", "4"], ["auto", "4"]])
def test_an_interrupt_keeps_a_state_to_go_on_from(
    tmp_path, write_poses, fit, quick, capsys, monkeypatch, sizes
):
    path = write_poses(subject=np.arange(120) % 2)
    options = ["--mixture-size", sizes[0], "--num-bases", sizes[1], "--max-iterations", "5"]
    assert fit(path, *options) == 0
    whole = (tmp_path / "prior.npz").read_bytes()
    (tmp_path / "prior.npz").unlink()
    capsys.readouterr()

    with monkeypatch.context() as context:
        context.setattr(checkpoint, "steps", interrupted(learning.steps, 9))
        assert fit(path, *options) == 130
    assert "The progress is in" in capsys.readouterr().out
    names = sorted(entry.name for entry in tmp_path.iterdir())
    assert names == ["poses.npz", "prior.npz.partial"]

    assert fit(path, *options) == 0
    shown = capsys.readouterr().out
    assert "Going on from" in shown
    assert "held out" not in shown
    assert (tmp_path / "prior.npz").read_bytes() == whole
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["poses.npz", "prior.npz"]


def test_a_state_of_other_settings_is_named(tmp_path, write_poses, fit, capsys, monkeypatch):
    path = write_poses()
    with monkeypatch.context() as context:
        context.setattr(checkpoint, "steps", interrupted(learning.steps, 3))
        assert fit(path, "--num-bases", "4") == 130
    capsys.readouterr()

    assert fit(path, "--num-bases", "5") == 2

    error = capsys.readouterr().err
    assert "prior.npz.partial" in error
    assert "num_bases=4, not 5" in error
    assert "delete" in error
    assert (tmp_path / "prior.npz.partial").exists()
    assert not (tmp_path / "prior.npz").exists()


def test_tune_tunes_the_prior_that_is_learnt(tmp_path, write_poses, fit, capsys):
    path = write_poses()
    arguments = ["--num-bases", "4", "--shrinkage", "0.5"]
    assert fit(path, *arguments) == 0
    plain = PosePrior.load(tmp_path / "prior.npz")

    assert fit(path, *arguments, "--tune", "--tune-steps", "2") == 0

    tuned = PosePrior.load(tmp_path / "prior.npz")
    # Two steps of Adam move a coordinate by 0.2 mm at most, and joint 0 is moved back.
    difference = np.abs(tuned.mean_pose - plain.mean_pose)
    assert 0.01 < difference.max() < 0.45
    assert "mm in training" in capsys.readouterr().out
    assert not (tmp_path / "prior.npz.partial").exists()


def test_bad_tune_steps_are_named(write_poses, fit, capsys):
    assert fit(write_poses(), "--tune", "--tune-steps", "0") == 2
    assert "`--tune-steps` must be at least 1" in capsys.readouterr().err


def test_recombined_poses_and_other_bodies_follow_the_seed(tmp_path, write_poses, fit, capsys):
    path = write_poses(clip=np.arange(120) % 5)
    arguments = ["--num-bases", "4", "--skeleton", "cmu17", "--recombine", "0.5"]
    arguments += ["--num-drawn", "200", "--tune", "--tune-steps", "2"]
    arguments += [
        "--hips",
        "0.1",
        "0.19",
        "--shoulders",
        "0.15",
        "0.23",
        "--forearm",
        "0.14",
        "0.17",
    ]
    priors = []
    for seed in ("0", "0", "1"):
        assert fit(path, *arguments, "--seed", seed) == 0
        priors.append(PosePrior.load(tmp_path / "prior.npz"))
    assert "200 poses, each also mirrored" in capsys.readouterr().out
    np.testing.assert_array_equal(priors[0].mean_pose, priors[1].mean_pose)
    assert (priors[0].mean_pose != priors[2].mean_pose).any()
    assert priors[0].skeleton == "cmu17"


def test_bad_ranges_are_named(write_poses, fit, capsys):
    assert fit(write_poses(), "--tune", "--hips", "170", "180") == 2
    assert "`hips` must be (low, high), fractions of the stature" in capsys.readouterr().err
