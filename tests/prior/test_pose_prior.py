import dataclasses
import gc
import pathlib
import re
import weakref

import numpy as np
import pytest
import scipy.io

from tf_lift import PosePrior, skeletons
from tf_lift.prior.gaussian import symmetry
from tf_lift.prior.storage import files

ARRAYS = ("mean_pose", "basis", "stddev", "noise_stddev", "mixture_weights")


@pytest.fixture
def fields(tiny_prior):
    return {field.name: getattr(tiny_prior, field.name) for field in dataclasses.fields(PosePrior)}


@pytest.fixture
def mat_fields(rng):
    """Arrays as in the authors' file: coordinate-major, inverse deviations."""
    basis = np.linalg.qr(rng.standard_normal([3, 51, 25]))[0].swapaxes(1, 2)
    sigma = 1.0 / rng.uniform(12.0, 600.0, [3, 26])
    return {"mu": rng.standard_normal([3, 51]) * 300.0, "e": basis, "sigma": sigma}


def test_sizes(tiny_prior):
    assert (tiny_prior.mixture_size, tiny_prior.num_bases, tiny_prior.num_joints) == (2, 4, 17)


def test_priors_compare_and_hash_by_identity(fields):
    first, second = PosePrior(**fields), PosePrior(**fields)

    assert first != second
    assert len({first, second, first}) == 2


def test_arrays_are_copies_that_nobody_can_write(fields):
    fields["mean_pose"] = np.array(fields["mean_pose"])
    prior = PosePrior(**fields)
    before = prior.mean_pose[0, 1, 2]

    fields["mean_pose"][0, 1, 2] += 1.0

    assert prior.mean_pose[0, 1, 2] == before
    with pytest.raises(ValueError, match="read-only"):
        prior.mean_pose[0, 1, 2] = 0.0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("basis", np.zeros([2, 4, 17]), r"`basis` must have shape.*\(2, 4, 17\)"),
        ("basis", np.zeros([2, 0, 17, 3]), r"`basis` must have shape.*\(2, 0, 17, 3\)"),
        (
            "mean_pose",
            np.zeros([3, 17, 3]),
            r"`mean_pose` must have shape \[2, 17, 3\].*\(3, 17, 3\)",
        ),
        ("mean_pose", np.full([2, 17, 3], np.inf), "`mean_pose` must be finite.*102"),
        ("mean_pose", "x", "`mean_pose` must be an array of numbers"),
        ("stddev", np.ones([2, 5]), r"`stddev` must have shape \[2, 4\].*\(2, 5\)"),
        ("stddev", np.zeros([2, 4]), "`stddev` must be positive.*0"),
        ("noise_stddev", np.ones([2, 1]), r"`noise_stddev` must have shape \[2\].*\(2, 1\)"),
        ("noise_stddev", [10.0, -1.0], "`noise_stddev` must be positive.*-1"),
        ("mixture_weights", [0.5, 0.6], "`mixture_weights` must sum to 1.*1.1"),
        ("mixture_weights", [1.0, 0.0], "`mixture_weights` must be positive.*0"),
        ("skeleton", "octopus", "`skeleton` must be one of.*octopus"),
        ("skeleton", "openpose18", r"`basis` must have 18 joints.*\(2, 4, 17, 3\)"),
    ],
)
def test_bad_arrays_are_named(fields, name, value, message):
    with pytest.raises(ValueError, match=message):
        PosePrior(**fields | {name: value})


def test_a_basis_must_be_orthonormal(fields):
    scaled = fields["basis"] * np.array([1.0, 1.0, 1.01, 1.0])[:, None, None]
    with pytest.raises(ValueError, match="`basis` must be orthonormal.*0.0201"):
        PosePrior(**fields | {"basis": scaled})

    PosePrior(**fields | {"basis": fields["basis"].astype(np.float32)})


def test_save_and_load_give_back_every_bit(tmp_path, fields):
    prior = PosePrior(**fields | {"credit": "Dankeschön\nan alle"})

    prior.save(tmp_path / "prior.npz")
    loaded = PosePrior.load(tmp_path / "prior.npz")

    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(loaded, name), getattr(prior, name))
        assert getattr(loaded, name).dtype == np.float64
    assert (loaded.skeleton, loaded.credit) == ("h36m17", "Dankeschön\nan alle")
    assert [path.name for path in tmp_path.iterdir()] == ["prior.npz"]


def test_saving_twice_gives_the_same_file(tmp_path, tiny_prior):
    for name in ("a.npz", "b.npz"):
        tiny_prior.save(tmp_path / name)

    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_save_leaves_the_old_file(tmp_path, tiny_prior, monkeypatch):
    path = tmp_path / "prior.npz"
    path.write_bytes(b"old")

    def fail(stream, **fields):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny_prior.save(path)

    assert path.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["prior.npz"]


def test_mat_is_never_written(tmp_path, tiny_prior):
    with pytest.raises(ValueError, match=r"`path` must end in .npz.*prior.mat"):
        tiny_prior.save(tmp_path / "prior.mat")


def test_load_names_what_is_wrong_with_a_file(tmp_path, fields):
    def check(name, message, **arrays):
        np.savez(tmp_path / name, **arrays)
        with pytest.raises(ValueError, match=f"{name}.*{message}"):
            PosePrior.load(tmp_path / name)

    check("other.npz", "must hold mean_pose.*Received: poses", poses=np.ones(3))
    check("empty.npz", "must hold mean_pose.*Received: nothing")
    check("objects.npz", "readable npz", **fields | {"basis": np.array([{}], dtype=object)})
    check("shapes.npz", "`stddev` must have shape", **fields | {"stddev": np.ones([1, 4])})


@pytest.mark.parametrize("keep", [0, 10, 1500, -30])
def test_truncated_files_are_refused(tmp_path, tiny_prior, keep):
    tiny_prior.save(tmp_path / "whole.npz")
    path = tmp_path / "cut.npz"
    path.write_bytes((tmp_path / "whole.npz").read_bytes()[:keep])

    with pytest.raises(ValueError, match=r"cut.npz: must be a readable npz"):
        PosePrior.load(path)


@pytest.mark.parametrize("name", ["nobody.npz", "nobody.mat"])
def test_a_missing_file_is_not_found(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        PosePrior.load(tmp_path / name)


def test_mat_of_the_authors(tmp_path, mat_fields):
    scipy.io.savemat(tmp_path / "model.mat", mat_fields)

    prior = PosePrior.load(tmp_path / "model.mat")

    # Coordinate-major: x of all joints, then y, then z.
    for k, j, joint, coordinate in [(0, 0, 0, 0), (1, 7, 5, 1), (2, 24, 16, 2)]:
        column = coordinate * 17 + joint
        assert prior.mean_pose[k, joint, coordinate] == mat_fields["mu"][k, column]
        assert prior.basis[k, j, joint, coordinate] == mat_fields["e"][k, j, column]
        assert prior.stddev[k, j] == pytest.approx(1.0 / mat_fields["sigma"][k, j])
    np.testing.assert_allclose(prior.noise_stddev, 1.0 / mat_fields["sigma"][:, 25])
    np.testing.assert_allclose(prior.mixture_weights, 1.0 / 3.0)
    assert prior.basis.shape == (3, 25, 17, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mu": None}, "must hold mu, e, sigma.*e, sigma"),
        ({"mu": np.zeros([3, 50])}, r"`mu` must have shape.*\(3, 50\)"),
        ({"e": np.zeros([3, 51, 25])}, r"`e` must have shape \[3, num_bases, 51\].*\(3, 51, 25\)"),
        ({"sigma": np.ones([3, 25])}, r"`sigma` must have shape \[3, 26\].*\(3, 25\)"),
        ({"sigma": np.zeros([3, 26])}, "`sigma` must be positive"),
        ({"sigma": np.full([3, 26], np.nan)}, "`sigma` must be finite"),
        ({"e": np.ones([3, 25, 51])}, "`basis` must be orthonormal"),
    ],
)
def test_a_bad_mat_is_named(tmp_path, mat_fields, change, message):
    content = {name: value for name, value in (mat_fields | change).items() if value is not None}
    scipy.io.savemat(tmp_path / "bad.mat", content)

    with pytest.raises(ValueError, match=f"bad.mat.*{message}"):
        PosePrior.load(tmp_path / "bad.mat")


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_truncated_mat_is_refused(tmp_path, mat_fields, keep):
    scipy.io.savemat(tmp_path / "whole.mat", mat_fields)
    (tmp_path / "cut.mat").write_bytes((tmp_path / "whole.mat").read_bytes()[:keep])

    with pytest.raises(ValueError, match=r"cut.mat: must be a readable MATLAB file"):
        PosePrior.load(tmp_path / "cut.mat")


def test_shipped_priors_have_names(tmp_path, monkeypatch, tiny_prior):
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    monkeypatch.setattr(files, "SHIPPED", {"cmu": "a.npz", "small": "b.npz", "later": "c.npz"})
    monkeypatch.setattr(files, "DEFAULT_NAME", "cmu")
    tiny_prior.save(tmp_path / "a.npz")
    dataclasses.replace(tiny_prior, credit="b").save(tmp_path / "b.npz")

    assert PosePrior.load("small").credit == "b"
    assert PosePrior.load().credit == PosePrior.load("cmu").credit == ""
    for name in ("later", "Small", "nobody"):
        message = (
            rf"`path` must be the name of a prior that ships, one of \['cmu', 'small'\].*{name}"
        )
        with pytest.raises(ValueError, match=message):
            PosePrior.load(name)


def test_a_text_with_folder_or_ending_is_a_path(tmp_path, monkeypatch, tiny_prior):
    monkeypatch.chdir(tmp_path)
    dataclasses.replace(tiny_prior, credit="here").save("cmu")

    for path in ("./cmu", str(tmp_path / "cmu"), pathlib.Path("cmu")):
        assert PosePrior.load(path).credit == "here"
    assert PosePrior.load("cmu").credit != "here"
    with pytest.raises(FileNotFoundError, match="cmu.npz"):
        PosePrior.load("cmu.npz")
    tiny_prior.save("mine")
    with pytest.raises(ValueError, match=r"'mine'; for the file of that name: '\./mine'"):
        PosePrior.load("mine")


@pytest.mark.parametrize(("name", "size", "bases"), [("cmu", 3, 25), ("people", 16, 40)])
def test_the_shipped_priors_are_of_people(name, size, bases):
    prior = PosePrior.load(name)

    assert (prior.mixture_size, prior.num_bases, prior.num_joints) == (size, bases, 17)
    assert "mocap.cs.cmu.edu" in prior.credit
    assert prior.skeleton == "cmu17"
    assert symmetry.mirror_error(prior, skeletons.CMU_17) < 1e-3
    assert files.locate(name).stat().st_size < 300_000
    np.testing.assert_allclose(prior.mean_pose[:, 0], 0.0, atol=1e-6)
    poses = prior.sample(500, seed=0)
    head, left_ankle, right_ankle = (
        poses[:, skeletons.H36M_17.joint_names.index(name), 2]
        for name in ("head_top", "left_ankle", "right_ankle")
    )
    assert np.mean(head > np.maximum(left_ankle, right_ankle)) > 0.9
    # Thighs and shins of adults, in mm.
    for name, parent in (("left_knee", "left_hip"), ("right_ankle", "right_knee")):
        child, root = (skeletons.H36M_17.joint_names.index(joint) for joint in (name, parent))
        lengths = np.linalg.norm(poses[:, child] - poses[:, root], axis=-1)
        assert 350.0 < np.median(lengths) < 480.0


def test_the_prior_of_varied_people_is_the_default():
    assert PosePrior.load() is PosePrior.load("people")


def test_a_prior_that_ships_is_read_once_and_files_each_time(tmp_path, tiny_prior):
    assert PosePrior.load("cmu") is PosePrior.load("cmu")
    path = tmp_path / "prior.npz"
    tiny_prior.save(path)
    first = PosePrior.load(path)
    dataclasses.replace(tiny_prior, credit="later").save(path)
    assert (first.credit, PosePrior.load(path).credit) == ("", "later")


@pytest.mark.parametrize("noise_mm", [0.5, 20, np.float32(35.0)])
def test_noise_of_a_detector_adds_in_quadrature(tiny_prior, noise_mm):
    noisier = tiny_prior.with_noise(noise_mm)

    expected = np.sqrt(tiny_prior.noise_stddev**2 + float(noise_mm) ** 2)
    np.testing.assert_allclose(noisier.noise_stddev, expected, rtol=1e-14)
    for name in set(ARRAYS) - {"noise_stddev"}:
        np.testing.assert_array_equal(getattr(noisier, name), getattr(tiny_prior, name))
    assert (noisier.skeleton, noisier.credit) == (tiny_prior.skeleton, tiny_prior.credit)
    # Variances add: two errors equal one error of their quadratic sum.
    twice, once = noisier.with_noise(30.0), tiny_prior.with_noise(np.hypot(float(noise_mm), 30.0))
    np.testing.assert_allclose(twice.noise_stddev, once.noise_stddev, rtol=1e-14)


def test_the_same_noise_gives_the_same_prior_while_it_is_held(tiny_prior):
    # A prior of its own: tables of another test may hold one of the same noise.
    prior = dataclasses.replace(tiny_prior)
    assert prior.with_noise(0) is prior
    noisier = prior.with_noise(20)
    assert prior.with_noise(20.0) is noisier
    assert prior.with_noise(21.0) is not noisier
    assert tiny_prior.with_noise(20) is not noisier
    reference = weakref.ref(noisier)
    del noisier
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize("noise_mm", [-1, float("nan"), float("inf"), "20", None, [20.0]])
def test_bad_noise_is_named(tiny_prior, noise_mm):
    message = f"`noise_mm` must be a finite number of at least 0.*{re.escape(repr(noise_mm))}"
    with pytest.raises(ValueError, match=message):
        tiny_prior.with_noise(noise_mm)
