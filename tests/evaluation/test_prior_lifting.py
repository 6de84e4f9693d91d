import numpy as np
import pytest
from reference import pose_errors as oracle

import tf_lift
from tf_lift import PosePrior, evaluation
from tf_lift.evaluation import prior_lifting
from tf_lift.prior.gaussian import alignment


@pytest.fixture(scope="module")
def poses():
    return PosePrior.load().sample(12, seed=5) + [500.0, -300.0, 900.0]


def test_errors_are_those_of_the_lift(poses, monkeypatch):
    prior, lifts = PosePrior.load(), []
    original = tf_lift.lift

    def lift(landmarks, prior, **arguments):
        assert arguments == {"estimator": "map", "num_rotations": 40}
        result = original(landmarks, prior, **arguments)
        lifts.append((landmarks.numpy(), result["joints_3d"].numpy()))
        return result

    monkeypatch.setattr(prior_lifting.lifting, "lift", lift)
    monkeypatch.setattr(prior_lifting, "BATCH", 5)
    errors = evaluation.lifting_errors(prior, poses, num_rotations=40)

    assert [len(landmarks) for landmarks, _ in lifts] == [5, 5, 2]
    landmarks, lifted = (np.concatenate(parts) for parts in zip(*lifts, strict=True))
    for n, pose in enumerate(poses - poses[:, :1]):
        # Heights in the image give the scale, horizontal positions the rotation.
        scale = -np.vdot(landmarks[n, :, 1], pose[:, 2]) / np.vdot(pose[:, 2], pose[:, 2])
        assert prior_lifting.SCALES[0] <= scale <= prior_lifting.SCALES[1]
        along = np.linalg.lstsq(pose[:, :2], landmarks[n, :, 0] / scale, rcond=None)[0]
        assert np.linalg.norm(along) == pytest.approx(1.0, abs=1e-4)
        turned = alignment.rotate(pose, np.arctan2(-along[1], along[0]))
        true = np.stack([turned[:, 0], -turned[:, 2], turned[:, 1]], axis=-1)
        np.testing.assert_allclose(landmarks[n] / scale, true[:, :2], atol=0.1)
        weights = np.ones(17)
        found = lifted[n] - lifted[n, :1]
        assert errors["mpjpe"][n] == pytest.approx(oracle.mpjpe(found, true, weights), abs=0.1)
        expected = oracle.pa_mpjpe(found, true, weights)
        assert errors["pa_mpjpe"][n] == pytest.approx(expected, abs=0.1)


def test_views_depend_on_the_seed_alone(poses):
    prior = PosePrior.load()
    first, again, other = (
        evaluation.lifting_errors(prior, poses, seed, num_rotations=20)["mpjpe"]
        for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_another_estimator_is_passed_on(poses):
    prior = PosePrior.load("cmu")
    found = {
        estimator: evaluation.lifting_errors(prior, poses, estimator=estimator, num_rotations=20)[
            "mpjpe"
        ]
        for estimator in ("map", "mean")
    }
    assert (found["map"] != found["mean"]).any()
