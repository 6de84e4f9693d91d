import tracemalloc

import numpy as np
import pytest
from reference import ppca as oracle

from tf_lift import PosePrior, skeletons
from tf_lift.prior.gaussian import alignment, mixture_components, ppca
from tf_lift.prior.learning import clustering, statistics
from tf_lift.prior.learning import em as learning

SKELETON = skeletons.H36M_17
ARRAYS = ("mean_pose", "basis", "stddev", "noise_stddev", "mixture_weights")


@pytest.fixture
def poses(rng, tiny_prior):
    """Poses at any place, facing any way."""
    samples = tiny_prior.sample(400, seed=4, noise=True)
    samples = alignment.rotate(samples, rng.uniform(-np.pi, np.pi, 400))
    return samples + rng.uniform(-2000.0, 2000.0, [400, 1, 3])


def fit_with_history(poses, **arguments):
    history = []
    prior = PosePrior.fit(poses, on_progress=lambda *report: history.append(report), **arguments)
    return prior, history


# A noise of 200 mm is above most deviations of the bases and replaces them; 20 bases are more
# than the poses have, so that an estimated noise is that of all other coordinates.
@pytest.mark.parametrize("noise_stddev", [None, 20.0, 200.0])
@pytest.mark.parametrize(("mixture_size", "num_bases"), [(1, 6), (3, 6), (3, 20)])
def test_likelihood_never_falls(poses, mixture_size, num_bases, noise_stddev):
    _, history = fit_with_history(
        poses,
        mixture_size=mixture_size,
        num_bases=num_bases,
        noise_stddev=noise_stddev,
        tolerance=-1.0,
        max_iterations=25,
        groups=np.arange(400) % 7,
    )

    values = np.array([value for stage, _, value in history if stage == "mixture"])
    assert len(values) == 25
    # A sum of 800 terms of size 300 in float64 is exact to about 1e-11.
    assert (np.diff(values) > -1e-10).all()
    if (mixture_size, num_bases) == (3, 6) and noise_stddev != 200.0:
        assert values[-1] > values[0] + 0.1


def test_likelihood_never_falls_on_people(shared_path):
    with np.load(shared_path("data/cmu/cmu_h36m17_train.npz")) as content:
        poses = content["poses"][::40]

    for noise_stddev in (None, 16.0):
        _, history = fit_with_history(
            poses,
            mixture_size=4,
            num_bases=8,
            noise_stddev=noise_stddev,
            tolerance=-1.0,
            max_iterations=15,
        )
        values = np.array([value for stage, _, value in history if stage == "mixture"])
        assert (np.diff(values) > -1e-10).all()
        assert values[-1] > values[0] + 1.0


def test_poses_that_a_basis_spans_exactly_keep_a_noise(tiny_prior):
    poses = tiny_prior.sample(100, seed=6)

    prior, history = fit_with_history(
        poses, mixture_size=2, num_bases=30, noise_stddev=None, tolerance=-1.0, max_iterations=20
    )

    values = np.array([value for stage, _, value in history if stage == "mixture"])
    # The noise is at its bound of 0.1 mm, which divides a rounding of 1e-10 mm^2 twice.
    assert (np.diff(values) > -1e-6).all()
    np.testing.assert_allclose(prior.noise_stddev, mixture_components.MIN_NOISE_STDDEV)
    assert prior.stddev.min() == pytest.approx(ppca.MIN_STDDEV)


@pytest.mark.parametrize("noise_stddev", [None, 20.0])
def test_more_bases_align_better(poses, noise_stddev):
    _, history = fit_with_history(poses, mixture_size=1, num_bases=6, noise_stddev=noise_stddev)

    values = [value for stage, _, value in history if stage == "align"]
    assert len(values) == 6
    assert (np.diff(values) > 0.0).all()


def test_reported_likelihood_is_that_of_the_mixture(poses):
    # A single component keeps the frame of the learning, in which its mean faces -y.
    prior, history = fit_with_history(poses, mixture_size=1, num_bases=6)

    centred = poses - poses[:, :1]
    both = np.concatenate([centred, alignment.mirror(centred, SKELETON)])
    model = prior.mean_pose[0].ravel(), prior.basis[0].reshape(6, -1)
    model += prior.stddev[0], prior.noise_stddev[0]
    angles, _ = alignment.best_angles(both, np.zeros(len(both)), *model)
    density = prior.log_likelihood(alignment.rotate(both, angles)).mean()
    # The last component was fitted to the angles of an earlier one.
    assert history[-1][2] <= density + 1e-9
    assert history[-1][2] == pytest.approx(density, abs=0.1)


def test_responsibilities_are_those_of_full_covariances(tiny_prior):
    poses = tiny_prior.sample(40, seed=8, noise=True)
    components = [
        (
            tiny_prior.mean_pose[k].ravel(),
            tiny_prior.basis[k].reshape(4, -1),
            tiny_prior.stddev[k],
            tiny_prior.noise_stddev[k],
        )
        for k in range(2)
    ]

    found, densities = mixture_components.responsibilities(
        poses.reshape(40, -1), components, tiny_prior.mixture_weights
    )

    expected = oracle.mixture_log_likelihood(tiny_prior, poses)
    np.testing.assert_allclose(densities, expected, rtol=1e-9)
    alone = oracle.log_density(poses.reshape(40, -1), *components[1])
    responsibility = tiny_prior.mixture_weights[1] * np.exp(alone - expected)
    np.testing.assert_allclose(found[1], responsibility, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), 1.0)


def test_same_seed_gives_the_same_bits(poses):
    first, second = (PosePrior.fit(poses, num_bases=5, seed=3, max_iterations=30) for _ in range(2))

    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_seed_reaches_the_clustering(rng):
    points = rng.standard_normal([200, 2]) * 100.0
    weights = np.full(200, 1 / 200)

    first, again, other = (
        clustering.find_centres(points, weights, 8, np.random.default_rng(seed))
        for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_where_people_stand_and_face_changes_nothing(rng, poses):
    arguments = {"mixture_size": 2, "num_bases": 5, "max_iterations": 30}
    moved = alignment.rotate(poses, rng.uniform(-np.pi, np.pi, len(poses)))
    moved += rng.uniform(-500.0, 500.0, [len(poses), 1, 3])

    first, history = fit_with_history(poses, **arguments)
    second, history_moved = fit_with_history(moved, **arguments)

    assert history[-1][2] == pytest.approx(history_moved[-1][2], abs=1e-6)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-3)


def test_a_single_component_is_its_own_mirror_image(poses):
    prior = PosePrior.fit(poses, mixture_size=1, num_bases=6)

    mean = prior.mean_pose[0]
    np.testing.assert_allclose(alignment.mirror(mean, SKELETON), mean, atol=1e-6)
    # The covariance is mirrored too: the mirrored bases span the same space.
    flat = prior.basis[0].reshape(6, -1)
    mirrored = alignment.mirror(prior.basis[0], SKELETON).reshape(6, -1)
    np.testing.assert_allclose(np.linalg.svd(flat @ mirrored.T)[1], 1.0, atol=1e-6)


def test_mirrored_poses_give_the_same_prior(poses):
    first = PosePrior.fit(poses, mixture_size=1, num_bases=5)
    second = PosePrior.fit(alignment.mirror(poses, SKELETON), mixture_size=1, num_bases=5)

    for name in ARRAYS:
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), atol=1e-6)


def test_statistics_stand_for_mirrored_poses(poses):
    # Mirrored poses as data, in place of their statistics.
    both = np.concatenate([poses, alignment.mirror(poses, SKELETON)])
    arguments = {"mixture_size": 3, "num_bases": 5, "max_iterations": 4, "tolerance": -1.0}

    by_statistics, history = fit_with_history(poses, **arguments)
    by_poses, history_of_poses = fit_with_history(both, mirror=False, **arguments)

    np.testing.assert_allclose(history[-1][2], history_of_poses[-1][2], rtol=1e-9)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(by_statistics, name), getattr(by_poses, name), atol=1e-6)
    alone = PosePrior.fit(poses, mirror=False, **arguments)
    assert np.abs(alone.mean_pose - by_statistics.mean_pose).max() > 1.0


def test_expectation_of_mirrored_poses_is_that_of_their_statistics(rng, tiny_prior):
    poses = tiny_prior.sample(80, seed=9, noise=True)
    poses -= poses[:, :1]
    # Two models that overlap and that no mirror maps to each other.
    components = [
        (
            tiny_prior.mean_pose[0].ravel() + 10.0 * rng.standard_normal(51),
            np.linalg.qr(rng.standard_normal([51, 4]))[0].T,
            np.full(4, 50.0),
            150.0,
        )
        for _ in range(2)
    ]
    angles, shares = rng.uniform(-0.2, 0.2, 80), np.array([0.6, 0.4])
    data = statistics.PoseData(poses, np.full(80, 1 / 80), SKELETON)
    both = np.concatenate([poses, alignment.mirror(poses, SKELETON)])
    explicit = statistics.PoseData(both, np.full(160, 1 / 160), SKELETON, mirror=False)

    found, moments = learning._expectation(data, angles, components, shares)
    expected, expected_moments = learning._expectation(
        explicit, np.concatenate([angles, -angles]), components, shares
    )

    assert found == pytest.approx(expected, rel=1e-12)
    for ours, theirs in zip(moments, expected_moments, strict=True):
        assert 0.2 < ours.weight < 0.8
        assert ours.weight == pytest.approx(theirs.weight, rel=1e-9)
        np.testing.assert_allclose(ours.first, theirs.first, atol=1e-8)
        np.testing.assert_allclose(ours.second, theirs.second, atol=1e-5)


@pytest.mark.parametrize("chunk", [7, 150])
def test_chunks_change_nothing_but_rounding(poses, monkeypatch, chunk):
    arguments = {"mixture_size": 2, "num_bases": 5, "max_iterations": 5, "tolerance": -1.0}
    whole, history = fit_with_history(poses, **arguments)
    monkeypatch.setattr(statistics, "CHUNK", chunk)

    parts, history_of_parts = fit_with_history(poses, **arguments)

    np.testing.assert_allclose(history[-1][2], history_of_parts[-1][2], rtol=1e-9)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-6)


def test_the_number_of_threads_changes_no_bit(poses, monkeypatch):
    monkeypatch.setattr(statistics, "CHUNK", 32)
    arguments = {"mixture_size": 2, "num_bases": 5, "max_iterations": 3}
    priors = []
    for count in (1, 5):
        monkeypatch.setattr(statistics.os, "cpu_count", lambda count=count: count)
        priors.append(PosePrior.fit(poses, **arguments))

    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(priors[0], name), getattr(priors[1], name))


def test_memory_does_not_grow_with_copies_of_the_poses(tiny_prior, monkeypatch):
    monkeypatch.setattr(statistics, "CHUNK", 2048)
    # One worker, because the peaks of several may or may not coincide.
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    poses = np.tile(tiny_prior.sample(1000, seed=1).astype(np.float32), [20, 1, 1])
    tracemalloc.start()
    try:
        PosePrior.fit(poses[:10_000], mixture_size=2, num_bases=2)
        small = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        PosePrior.fit(poses, mixture_size=2, num_bases=2)
        large = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    # Clustering keeps two points of J numbers per pose, everything else a few numbers. A copy
    # would take 204 bytes per pose, or 408 in float64.
    assert (large - small) / 10_000 < 150


def test_growth_on_few_poses_ends_with_all(poses, monkeypatch):
    arguments = {"mixture_size": 2, "num_bases": 5, "max_iterations": 20}
    _, history = fit_with_history(poses, **arguments)
    monkeypatch.setattr(learning, "MAX_GROWTH_POSES", 150)

    prior, history_of_few = fit_with_history(poses, **arguments)

    # Five ranks come first, then the rounds with all poses.
    assert [stage for stage, *_ in history_of_few].count("align") == 6
    assert history_of_few[-1][2] == pytest.approx(history[-1][2], abs=1.0)
    assert prior.mean_pose.shape == (2, 17, 3)


@pytest.mark.parametrize("kind", ["facing", "none"])
def test_poses_can_stay_as_they_stand(poses, kind):
    prior, history = fit_with_history(poses, mixture_size=1, num_bases=5, alignment=kind)

    centred = poses - poses[:, :1]
    if kind == "facing":
        centred = alignment.rotate(centred, alignment.facing_angles(centred, SKELETON))
    both = np.concatenate([centred, alignment.mirror(centred, SKELETON)])
    expected = both.mean(axis=0)
    angle = alignment.facing_angles(expected, SKELETON)
    np.testing.assert_allclose(prior.mean_pose[0], alignment.rotate(expected, angle), atol=1e-9)
    assert [stage for stage, *_ in history] == ["align", "mixture"]
    if kind == "none":
        # Mean and covariance of poses that face any way are less likely than of aligned poses.
        aligned = fit_with_history(poses, mixture_size=1, num_bases=5)[1]
        assert history[-1][2] < aligned[-1][2] - 10.0


def test_a_group_counts_as_much_as_another(poses):
    # Group 0 has twice the poses of group 1: the weights count those of group 1 twice.
    few, many = poses[:100], poses[100:300]
    groups = np.repeat(["many", "few"], [200, 100])

    balanced = PosePrior.fit(
        np.concatenate([many, few]), mixture_size=1, num_bases=5, groups=groups
    )
    repeated = PosePrior.fit(np.concatenate([many, few, few]), mixture_size=1, num_bases=5)

    for name in ARRAYS:
        np.testing.assert_allclose(getattr(balanced, name), getattr(repeated, name), atol=1e-6)


def test_balanced_weights_have_mean_one(rng):
    groups = rng.integers(0, 5, 100)

    weights = learning.balanced_weights(groups)

    totals = np.bincount(groups, weights)
    np.testing.assert_allclose(totals, 20.0)
    np.testing.assert_allclose(weights.mean(), 1.0)


def test_components_lie_at_the_pelvis_and_face_the_camera(poses):
    prior = PosePrior.fit(poses, mixture_size=2, num_bases=5)

    np.testing.assert_allclose(prior.mean_pose[:, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(prior.basis[:, :, 0], 0.0, atol=1e-9)
    np.testing.assert_allclose(alignment.facing_angles(prior.mean_pose, SKELETON), 0.0, atol=1e-9)
    assert (np.diff(prior.mixture_weights) <= 0.0).all()


def test_a_known_mixture_is_recovered(rng, tiny_prior):
    truth = _symmetric_truth(rng, tiny_prior)
    num_poses = 4000
    poses = truth.sample(num_poses, seed=5)
    noise = truth.noise_stddev[0]
    # The origin is at joint 0, which therefore has no noise.
    poses[:, 1:] += rng.standard_normal([num_poses, 16, 3]) * noise
    poses = alignment.rotate(poses, rng.uniform(-np.pi, np.pi, num_poses))

    prior = PosePrior.fit(poses, mixture_size=2, num_bases=3, noise_stddev=None, tolerance=1e-6)

    # Standard errors: of a fraction p, sqrt(p (1 - p) / N) = 0.007; of a mean,
    # stddev / sqrt(N p) = 250 / sqrt(1200) = 7 mm in all along the largest basis; of a
    # deviation, 1 / sqrt(2 N p) = 2 %. Allow three of them, without counting the mirrored
    # poses as data.
    np.testing.assert_allclose(prior.mixture_weights, truth.mixture_weights, atol=0.021)
    np.testing.assert_allclose(prior.mean_pose, truth.mean_pose, atol=12.0)
    np.testing.assert_allclose(prior.stddev, truth.stddev, rtol=0.06)
    for k in range(2):
        product = prior.basis[k].reshape(3, -1) @ truth.basis[k].reshape(3, -1).T
        # Basis poses are equal up to sign, because their deviations are far apart.
        np.testing.assert_allclose(np.abs(product), np.eye(3), atol=0.1)
    # The three directions of joint 0 have no noise, and the alignment removes that of the
    # rotation.
    expected = noise * np.sqrt((51 - 3 - 4) / (51 - 3))
    np.testing.assert_allclose(prior.noise_stddev, expected, rtol=0.02)


def _symmetric_truth(rng, tiny_prior):
    """A mixture that is its own mirror image and has no rotation in its bases."""
    mean_pose = tiny_prior.mean_pose
    bases = []
    for mean in mean_pose:
        turn = np.stack([-mean[:, 1], mean[:, 0], np.zeros(17)], axis=-1).ravel()
        raw = rng.standard_normal([3, 17, 3])
        raw[:, 0] = 0.0
        # A basis pose and its mirror image agree up to a sign.
        raw += np.array([1.0, -1.0, 1.0])[:, None, None] * alignment.mirror(raw, SKELETON)
        columns = np.concatenate([turn[:, None], raw.reshape(3, -1).T], axis=1)
        bases.append(np.linalg.qr(columns)[0].T[1:].reshape(3, 17, 3))
    return PosePrior(
        mean_pose=mean_pose,
        basis=np.stack(bases),
        stddev=[[300.0, 200.0, 100.0], [250.0, 150.0, 80.0]],
        noise_stddev=[10.0, 10.0],
        mixture_weights=[0.7, 0.3],
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros([30, 17])}, r"`poses` must have shape \[N, 17, 3\].*\(30, 17\)"),
        ({"poses": np.zeros([30, 16, 3])}, r"`poses` must have shape.*\(30, 16, 3\)"),
        ({"poses": np.zeros([0, 17, 3])}, r"`poses` must hold at least.*\(0, 17, 3\)"),
        ({"poses": np.ones([4, 17, 3])}, r"`poses` must hold at least.*5.*\(4, 17, 3\)"),
        ({"poses": np.full([30, 17, 3], np.nan)}, "`poses` must be finite.*1530"),
        ({"poses": "no"}, "`poses` must be an array of numbers.*str"),
        ({"mixture_size": 0}, "`mixture_size` must be at least 1.*0"),
        ({"poses": np.ones([30, 17, 3])}, "`mixture_size` must be at most the number"),
        ({"num_bases": 48}, "`num_bases` must be from 1 to 47.*48"),
        ({"num_bases": 0}, "`num_bases` must be from 1 to 47.*0"),
        ({"groups": np.zeros(29)}, r"`groups` must have shape \[30\].*\(29,\)"),
        ({"noise_stddev": -1.0}, "`noise_stddev` must be positive.*-1.0"),
        ({"noise_stddev": np.nan}, "`noise_stddev` must be positive.*nan"),
        ({"max_iterations": 0}, "`max_iterations` must be at least 1.*0"),
        ({"skeleton": "octopus"}, "`skeleton` must be one of.*octopus"),
        ({"mixture_size": "auto"}, "`mixture_size` must be an integer.*'auto'.*prior.select"),
        ({"num_bases": 5.0}, "`num_bases` must be an integer.*5.0"),
        ({"alignment": "up"}, "`alignment` must be one of.*'up'"),
    ],
)
def test_bad_arguments_are_named(rng, change, message):
    arguments = {"poses": rng.standard_normal([30, 17, 3]) * 300.0, "num_bases": 5} | change

    with pytest.raises(ValueError, match=message):
        PosePrior.fit(**arguments)


def test_shrinkage_draws_covariances_to_their_mean(rng):
    # Vectors of six numbers, of three components with 0.6, 0.3 and 0.1 of the poses.
    scales = rng.uniform(1.0, 5.0, [3, 6])
    vectors = [scale * rng.standard_normal([500, 6]) + k for k, scale in enumerate(scales)]
    shares = np.array([0.6, 0.3, 0.1])
    moments = [
        statistics.Moments.of(part, np.full(500, share / 500))
        for part, share in zip(vectors, shares, strict=True)
    ]
    # Five bases and a noise describe a covariance exactly: its smallest variance is the noise.

    components = mixture_components.fit(moments, 5, None, shrinkage=2.0)

    own = np.stack([np.cov(part.T, bias=True) for part in vectors])
    within = np.tensordot(shares, own, 1)
    for k, (mean, basis, stddev, noise) in enumerate(components):
        np.testing.assert_allclose(mean, vectors[k].mean(axis=0), atol=1e-9)
        # An average component has a third of the poses.
        fraction = 2.0 / (2.0 + shares[k] / (1 / 3))
        expected = (1 - fraction) * own[k] + fraction * within
        actual = (basis.T * stddev**2) @ basis + noise**2 * np.eye(6)
        np.testing.assert_allclose(actual, expected, atol=1e-8)
        assert np.abs(own[k] - expected).max() > 0.1


def test_shrinkage_changes_the_prior(poses):
    plain, drawn = (
        PosePrior.fit(poses, num_bases=4, shrinkage=shrinkage) for shrinkage in (0.0, 1.0)
    )
    np.testing.assert_allclose(drawn.mixture_weights, plain.mixture_weights)
    assert np.abs(drawn.stddev - plain.stddev).max() > 1.0


@pytest.mark.parametrize("shrinkage", [-1.0, np.nan, np.inf])
def test_bad_shrinkage_is_named(poses, shrinkage):
    with pytest.raises(ValueError, match="`shrinkage` must not be negative"):
        PosePrior.fit(poses, num_bases=4, shrinkage=shrinkage)
