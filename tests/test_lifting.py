"""`tf_lift.lift`: from a prior, in whatever precision and mode."""

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift.ops.lift import lift as lifting
from tf_lift.ops.lift.options import ReadOut


def make_landmarks(num_poses):
    poses = tf_lift.PosePrior.load().sample(num_poses, seed=4)
    return 0.3 * poses[..., [0, 2]] * [1, -1] + 200


def test_precision_follows_landmarks():
    prior = tf_lift.PosePrior.load()
    landmarks = make_landmarks(2)
    exact = tf_lift.lift(landmarks, prior, camera="level")
    rounded = tf_lift.lift(landmarks.astype("float32"), prior, camera="level")
    assert exact["joints_3d"].dtype == tf.float64
    assert rounded["joints_3d"].dtype == tf.float32
    np.testing.assert_allclose(rounded["joints_3d"], exact["joints_3d"], atol=0.1)
    assert (
        tf_lift.lift(landmarks.astype("int32"), prior, camera="level")["joints_3d"].dtype
        == tf.float32
    )


def test_compiled_with_a_prior_outside():
    prior = tf_lift.PosePrior.load()
    landmarks = tf.constant(make_landmarks(3), tf.float32)

    @tf.function(jit_compile=True)
    def lift(landmarks):
        return tf_lift.lift(landmarks, prior, num_rotations=40, camera="level")["joints_3d"]

    expected = tf_lift.lift(landmarks, prior, num_rotations=40, camera="level")["joints_3d"]
    np.testing.assert_allclose(lift(landmarks), expected, atol=0.1)


def test_recovers_the_poses_of_the_prior():
    """Poses of the model seen without noise: in depth too, all but what cannot be seen."""
    prior = tf_lift.PosePrior.load()
    poses = prior.sample(200, seed=3)
    true = poses[..., [0, 2, 1]] * [1, -1, 1]
    result = tf_lift.lift(0.3 * true[..., :2] + 250, prior, camera="level")
    error = np.linalg.norm(result["joints_3d"] - true, axis=-1)
    baseline = np.linalg.norm(true - true.mean(0), axis=-1)
    assert np.median(error) < 0.5 * np.median(baseline)
    np.testing.assert_allclose(np.median(result["scale"]), 0.3, rtol=0.05)
    # The deviation is calibrated: most of the truth within one, nearly all within three.
    within = error[:, 1:] / result["joints_3d_stddev"].numpy()[:, 1:]
    assert 0.55 < np.mean(within < 1) < 0.9
    assert np.mean(within < 3) > 0.95


def test_landmarks_of_another_skeleton(tiny_prior, rng):
    landmarks = np.float32(rng.uniform(0, 300, [2, 17, 2]))
    visible = np.tile(np.arange(17) != 9, [2, 1])
    converted, seen, _ = tf_lift.skeletons.convert(landmarks, "coco17", "h36m17", visible)
    narrowed = tf_lift.prior.narrow(tiny_prior, "coco17")
    expected = tf_lift.lift(np.float32(converted), narrowed, seen, num_rotations=8, camera="level")

    lifted = tf_lift.lift(
        landmarks, tiny_prior, visible, num_rotations=8, skeleton="coco17", camera="level"
    )

    np.testing.assert_allclose(lifted["joints_3d"], expected["joints_3d"], atol=1e-2)
    assert not np.asarray(seen).all()
    with pytest.raises(ValueError, match="skeleton"):
        tf_lift.lift(landmarks, tiny_prior, skeleton="nobody", camera="level")


def test_fields_replace_options(tiny_prior):
    landmarks = np.random.default_rng(0).uniform(0, 300, [2, 17, 2])
    options = tf_lift.LiftOptions("map", num_rotations=8)
    lifted = tf_lift.lift(landmarks, tiny_prior, options=options, num_hypotheses=2, camera="level")
    expected = tf_lift.lift(
        landmarks, tiny_prior, estimator="map", num_rotations=8, num_hypotheses=2, camera="level"
    )
    tf.nest.map_structure(np.testing.assert_array_equal, lifted, expected)
    assert lifted["hypotheses"]["joints_3d"].shape == (2, 2, 17, 3)
    with pytest.raises(ValueError, match=r"among \['estimator', .*'selection'"):
        tf_lift.lift(landmarks, tiny_prior, selection="energy", camera="level")
    with pytest.raises(ValueError, match="`landmark_stddev` must have shape .* 17"):
        tf_lift.lift(landmarks, tiny_prior, landmark_stddev=[1.0, 2.0], camera="level")
    with pytest.raises(ValueError, match="`jit_compile` must be True or False.*'caller'"):
        tf_lift.lift(landmarks, tiny_prior, jit_compile="caller", camera="level")


def test_visibility_as_bool_and_as_weights(tiny_prior):
    landmarks = np.random.default_rng(0).uniform(0, 300, [3, 17, 2])
    visible = np.arange(17) % np.array([[3], [4], [5]]) != 1
    lifted = tf_lift.lift(landmarks, tiny_prior, visible, num_rotations=8, camera="level")
    for dtype in ("float32", "float64", "int64"):
        weighted = tf_lift.lift(
            landmarks, tiny_prior, visible.astype(dtype), num_rotations=8, camera="level"
        )
        np.testing.assert_allclose(weighted["joints_3d"], lifted["joints_3d"], atol=1e-4)
    halved = tf_lift.lift(landmarks, tiny_prior, 0.5 * visible, num_rotations=8, camera="level")
    assert np.abs(halved["joints_3d"] - lifted["joints_3d"]).max() > 0.1


@pytest.mark.parametrize("jit_compile", [True, False])
def test_form_is_that_of_the_enclosing_function(tiny_prior, monkeypatch, jit_compile):
    """Also of one that encloses it from afar: nothing has to be said."""
    forms = []

    def record(*arguments, compiled, **options):
        forms.append(compiled)
        return ReadOut(*arguments, compiled=compiled, **options)

    monkeypatch.setattr(lifting, "ReadOut", record)
    landmarks = tf.constant(make_landmarks(3), tf.float32)
    options = {"num_rotations": 8, "estimator": "map"}

    def lift(landmarks):
        return tf_lift.lift(landmarks, tiny_prior, **options, camera="level")["joints_3d"]

    expected = lift(landmarks)
    assert forms == [False]
    forms.clear()
    nested = tf.function(lambda landmarks: tf.function(lift)(landmarks), jit_compile=jit_compile)
    np.testing.assert_allclose(nested(landmarks), expected, atol=0.1)
    assert forms == [jit_compile]
    points = tf.keras.Input([17, 2])
    layer = tf_lift.layers.PPCALifting(tiny_prior, jit_compile=False, **options)
    model = tf.keras.Model(points, layer(points)["joints_3d"])
    model.compile(jit_compile=jit_compile)
    forms.clear()
    np.testing.assert_allclose(model.predict(landmarks, verbose=0), expected, atol=0.1)
    assert forms[-1] == jit_compile


def test_large_eager_batch_is_traced_once_for_all_sizes(small_prior, monkeypatch):
    traced, lift_tensors = [], lifting._lift_tensors

    def record(tables, read_out, arguments):
        traced.append(arguments["landmarks"].shape.as_list())
        return lift_tensors(tables, read_out, arguments)

    monkeypatch.setattr(lifting, "_lift_tensors", record)
    landmarks = np.float32(0.3 * small_prior.sample(70, seed=4)[..., [0, 2]] * [1, -1] + 200)
    visible = np.arange(7) != 3
    options = {"num_rotations": 6, "height": 1700.0, "landmark_stddev": 2.0}
    lifted = tf_lift.lift(landmarks, small_prior, visible, **options, camera="level")
    again = tf_lift.lift(landmarks[:65], small_prior, visible, **options, camera="level")
    nested = tf_lift.lift(
        landmarks.reshape(7, 10, 7, 2), small_prior, visible, **options, camera="level"
    )
    assert traced == [[None, 7, 2], [None, None, 7, 2]]
    assert nested["joints_3d"].shape == (7, 10, 7, 3)
    alone = tf_lift.lift(landmarks[:3], small_prior, visible, **options, camera="level")
    assert traced[2:] == [[3, 7, 2]]
    for other in (again["joints_3d"], tf.reshape(nested["joints_3d"], [70, 7, 3])[:65]):
        np.testing.assert_allclose(other, lifted["joints_3d"][:65], atol=0.1)
    np.testing.assert_allclose(alone["joints_3d"], lifted["joints_3d"][:3], atol=0.1)
