import numpy as np
import pytest

from tf_lift import PosePrior, cli


@pytest.fixture
def poses_file(tmp_path, tiny_prior):
    poses = tiny_prior.sample(60, seed=1, noise=True)
    np.savez(tmp_path / "poses.npz", poses=poses, clip=np.arange(60) // 6, license="thanks")
    return str(tmp_path / "poses.npz")


@pytest.fixture
def run(tmp_path, poses_file):
    """Runs `tf-lift fit-prior` on the file and returns its exit code."""

    def run(*arguments, output="prior.npz"):
        output = ["-o", str(tmp_path / output)]
        return cli.main(["fit-prior", poses_file, *output, "--num-bases", "4", *arguments])

    return run


def test_fit_prior_writes_what_fit_learns(tmp_path, tiny_prior, run, capsys):
    assert run("--mixture-size", "2", "--seed", "3") == 0

    prior = PosePrior.load(tmp_path / "prior.npz")
    poses = tiny_prior.sample(60, seed=1, noise=True).astype(np.float32)
    expected = PosePrior.fit(poses, 2, 4, seed=3, groups=np.arange(60) // 6)
    np.testing.assert_array_equal(prior.basis, expected.basis)
    np.testing.assert_array_equal(prior.mixture_weights, expected.mixture_weights)
    assert prior.credit == "thanks"
    shown = capsys.readouterr().out
    for text in ("Aligning", "Fitting the mixture", "100%", "log-likelihood", "60 poses"):
        assert text in shown
    assert f"{prior.mixture_weights[1]:.3f}" in shown


def test_fit_prior_takes_its_options(tmp_path, run):
    options = ["--noise-stddev", "12.5", "--credit", "somebody", "--balance", "none"]

    assert run("--mixture-size", "1", *options) == 0

    prior = PosePrior.load(tmp_path / "prior.npz")
    np.testing.assert_array_equal(prior.noise_stddev, [12.5])
    assert prior.credit == "somebody"


@pytest.mark.parametrize(
    ("arguments", "output", "message"),
    [
        (["--balance", "weather"], "prior.npz", "`balance` must be one of"),
        (["--mixture-size", "0"], "prior.npz", "`mixture_size` must be at least 1"),
        (["--noise-stddev", "-3"], "prior.npz", "`noise_stddev` must be positive"),
        ([], "prior.mat", "`--output` must end in .npz"),
        ([], "nowhere/prior.npz", "`--output` must lie in a folder that exists"),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(
    tmp_path, run, capsys, arguments, output, message
):
    assert run(*arguments, output=output) == 2

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["poses.npz"]


def test_a_file_that_is_not_there(capsys, tmp_path):
    assert cli.main(["fit-prior", str(tmp_path / "nobody.npz")]) == 2

    assert "nobody.npz" in capsys.readouterr().err


@pytest.mark.slow
def test_the_shipped_prior_is_what_the_command_learns(tmp_path, shared_path, capsys):
    data = shared_path("data/cmu/cmu_h36m17_train.npz")

    assert cli.main(["fit-prior", str(data), "-o", str(tmp_path / "prior.npz")]) == 0

    again, shipped = PosePrior.load(tmp_path / "prior.npz"), PosePrior.load("cmu")
    for name in ("mean_pose", "stddev", "noise_stddev", "mixture_weights"):
        # Linear algebra rounds differently on other machines, and EM amplifies the difference.
        np.testing.assert_allclose(
            getattr(again, name), getattr(shipped, name), rtol=1e-4, atol=1e-2
        )
