"""Confidences weigh landmarks, and poses that do not fit are noted."""

import json
import warnings

import numpy as np
import pytest

import tf_lift
from tf_lift import cli, inference
from tf_lift.inference import confidence, misfits, poses

pytestmark = pytest.mark.usefixtures("untraced_lifts")


@pytest.fixture
def landmarks(tiny_prior):
    """`[3, 17, 2]`, px, of poses of the prior."""
    return 0.3 * tiny_prior.sample(3, seed=2)[..., [0, 2]] * [1, -1] + [300, 400]


def test_doubtful_landmarks_weigh_less_and_are_wrong_more_often(tiny_prior):
    scores = np.array([0.0, 0.05, 0.3, 0.4, 0.5, 0.9])
    weights = confidence.weights(scores, tiny_prior)
    assert weights[0] == 0 and np.all(np.diff(weights[:5]) > 0)
    np.testing.assert_array_equal(weights[4:], 1)
    variance = np.mean(tiny_prior.noise_stddev**2)
    stddev = 20 * ((0.5 / 0.3) ** 5.5 - 1)
    np.testing.assert_allclose(weights[2], variance / (variance + stddev**2), rtol=1e-6)
    wrong = confidence.outlier_probability(scores)
    assert np.all(np.diff(wrong[:5]) < 0)
    np.testing.assert_allclose(wrong[[0, 2, 4, 5]], [0.9, 0.366, 0.01, 0.01])


def test_confidences_are_those_of_a_direct_lift(tiny_prior, landmarks, rng):
    scores = rng.uniform(0.1, 0.9, [3, 17])
    scores[0, 4] = 0.01
    known = np.where(scores < 0.05, 0, scores)
    found = poses.lift_landmarks(landmarks, tiny_prior, scores=scores)
    expected = tf_lift.lift(
        landmarks.astype(np.float32),
        tiny_prior,
        confidence.weights(known, tiny_prior),
        outlier_probability=confidence.outlier_probability(known),
    )
    np.testing.assert_allclose(found.joints_3d, expected["joints_3d"], atol=0.1)
    np.testing.assert_allclose(found.misfit, expected["misfit"], rtol=1e-3)
    plain = poses.lift_landmarks(landmarks, tiny_prior, scores=scores, robust=False)
    expected = tf_lift.lift(landmarks.astype(np.float32), tiny_prior, known > 0)
    np.testing.assert_allclose(plain.joints_3d, expected["joints_3d"], atol=0.1)


def test_a_doubtful_wrist_that_is_wrong_moves_no_other_joint():
    prior = tf_lift.PosePrior.load("cmu").with_noise(20.0)
    landmarks = 0.3 * prior.sample(6, seed=2)[..., [0, 2]] * [1, -1] + [300, 400]
    scores = np.full([6, 17], 0.9)
    scores[:, 16] = 0.3
    wrong = landmarks.copy()
    wrong[:, 16] += [80, -60]
    moved = np.linalg.norm(
        poses.lift_landmarks(wrong, prior, scores=scores).joints_3d
        - poses.lift_landmarks(landmarks, prior, scores=scores).joints_3d,
        axis=-1,
    )
    assert np.all(moved[:, :16] < 15)


def test_sequences_are_weighed_without_outlier_probabilities(tiny_prior, landmarks):
    scores = np.full([3, 17], 0.9)
    scores[1, 4] = 0.3
    weights = confidence.weights(scores, tiny_prior, is_sequence=True)
    assert weights[1, 4] < confidence.weights(scores, tiny_prior)[1, 4]
    options = {"fps": 20, "camera": "level", "num_rotations": 8}
    found = poses.lift_landmarks(landmarks, tiny_prior, scores=scores, **options)
    expected = tf_lift.lift_sequence(landmarks.astype(np.float32), tiny_prior, weights, **options)
    np.testing.assert_allclose(found.joints_3d, expected["joints_3d"], atol=0.1)


def test_a_sequence_of_one_frame_is_a_single_frame(tiny_prior, landmarks, rng):
    scores = rng.uniform(0.1, 0.9, [1, 17])
    options = {"camera": "level", "num_rotations": 8}
    one = poses.lift_landmarks(landmarks[:1], tiny_prior, scores=scores, fps=20, **options)
    single = poses.lift_landmarks(landmarks[:1], tiny_prior, scores=scores, **options)
    np.testing.assert_allclose(one.joints_3d, single.joints_3d, atol=0.1)


@pytest.mark.parametrize("wrong", [slice(30, 31), slice(20, 40)], ids=["frame", "second"])
def test_a_doubtful_wrist_of_a_sequence_that_is_wrong_moves_no_other_joint(wrong, rng):
    prior = tf_lift.PosePrior.load("cmu").with_noise(20.0)
    keys = 0.3 * prior.sample(5, seed=1)[..., [0, 2]] * [1, -1] + [300, 400]
    time = np.linspace(0, 4, 60, endpoint=False)
    first = time.astype(int)
    share = ((1 - np.cos(np.pi * (time - first))) / 2)[:, np.newaxis, np.newaxis]
    landmarks = (1 - share) * keys[first] + share * keys[first + 1]
    landmarks += 2 * rng.standard_normal(landmarks.shape)
    scores = np.full([60, 17], 0.9)
    scores[wrong, 16] = 0.3
    moved = landmarks.copy()
    moved[wrong, 16] += [80, -60]
    before, after = (
        poses.lift_landmarks(each, prior, scores=scores, fps=20, num_rotations=20).joints_3d
        for each in (landmarks, moved)
    )
    assert np.linalg.norm(after - before, axis=-1)[:, :16].max() < 15


def _lift(tmp_path, tiny_prior, landmarks, capsys):
    """Runs `tf-lift lift`; returns the exit code, the notes and the poses."""
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="h36m17")
    tiny_prior.save(tmp_path / "prior.npz")
    names = [str(tmp_path / name) for name in ("in.npz", "prior.npz", "out.json")]
    code = cli.main(["lift", names[0], "--prior", names[1], "-o", names[2]])
    return code, capsys.readouterr().err, json.loads((tmp_path / "out.json").read_text())["poses"]


@pytest.mark.parametrize("place", [100.0, "underflow"])
def test_command_notes_poses_that_do_not_fit(tmp_path, tiny_prior, landmarks, capsys, place):
    landmarks[1] = 1e-42 * landmarks[1] if place == "underflow" else place
    code, notes, found = _lift(tmp_path, tiny_prior, landmarks, capsys)
    assert code == 0 and notes.count("tf-lift: note:") == 1
    assert "1 of 3 poses do not fit the prior (misfit above 1)" in notes
    assert "zeros for missing joints" in notes
    assert found[1]["misfit"] is None and found[0]["misfit"] < 1


def test_command_has_no_note_where_all_poses_fit(tmp_path, tiny_prior, landmarks, capsys):
    code, notes, _ = _lift(tmp_path, tiny_prior, landmarks, capsys)
    assert code == 0 and "note" not in notes


def test_a_file_lifted_in_python_warns(tmp_path, tiny_prior, landmarks):
    landmarks[2] = 7.0
    np.savez(tmp_path / "in.npz", landmarks=landmarks, skeleton="h36m17")
    with pytest.warns(inference.MisfitWarning, match="1 of 3 poses"):
        found = inference.lift_file(tmp_path / "in.npz", tiny_prior, tmp_path / "out.npz")
    assert found.misfit[2] == np.inf
    with np.load(tmp_path / "out.npz") as content:
        np.testing.assert_array_equal(content["misfit"], found.misfit)


def test_poses_with_too_few_joints_are_not_counted():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert misfits.warn([0.4, np.nan]) == 0
    with pytest.warns(inference.MisfitWarning, match="1 of 2 poses"):
        assert misfits.warn([0.4, np.nan, 1.1]) == 1
