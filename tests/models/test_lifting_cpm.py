import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tf_lift
from tf_lift import models
from tf_lift.models.presets import Conv, Pool, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 2), Pool(), Conv(8)),
    first_head=(Conv(8, 1),),
    later_head=(Conv(8, 3),),
    fusion_weights=(0.7, 0.4, None),
    decoder="subpixel",
)
# Two stages are traced in two thirds of the time.
TWO_STAGES = dataclasses.replace(NANO, fusion_weights=(0.7, None))


@pytest.fixture(scope="module")
def nano(tiny_prior):
    tf.keras.utils.set_random_seed(0)
    return models.build_lifting_cpm(NANO, tiny_prior, num_rotations=12)


@pytest.fixture
def images(rng):
    return rng.normal(size=[3, 32, 32, 3]).astype(np.float32)


def num_trainable(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def targets_of(model, batch, rng):
    targets = {
        key: rng.uniform(size=(batch, *tensor.shape[1:])).astype(np.float32)
        for key, tensor in model.output.items()
    }
    return targets


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        # VGG-19 to conv4_2, CPM's five convolutions, head of stage 1, five later stages, five
        # fusion weights; 29.9 M have been published.
        ("vgg", 5_865_536 + 3_245_184 + 75_282 + 5 * 4_152_722 + 5),
        # Stage 1, the shared tower, five later stages; about 31 M have been published.
        ("original", 4_387_634 + 2_685_696 + 5 * 4_876_466 + 5),
    ],
)
def test_full_size_networks_have_the_published_number_of_weights(preset, expected, tiny_prior):
    model = models.build_lifting_cpm(preset, tiny_prior, num_rotations=4, pitches=(0.0,))
    assert num_trainable(model) == expected
    network = models.describe(model)
    assert network.stages == tuple(f"stage_{stage}" for stage in range(1, 7))
    assert (network.image_size, network.stride, network.centre_map) == (368, 8, True)
    assert tuple(model.output["stage_6"].shape) == (None, 46, 46, 18)


@pytest.mark.parametrize(("preset", "cells"), [("small", 32), ("tiny", 16)])
def test_reduced_networks_build(preset, cells, tiny_prior):
    model = models.build_lifting_cpm(preset, tiny_prior, num_rotations=4)
    assert tuple(model.output["stage_1"].shape) == (None, cells, cells, 18)


def test_original_has_a_tower_of_its_own_for_stage_1(tiny_prior):
    model = models.build_lifting_cpm("original", tiny_prior, image_size=32, num_rotations=4)
    image = np.ones([1, 32, 32, 3], np.float32)
    features = {"image": image, "centre_map": image[..., :1]}
    before = model(features)
    model.get_layer("tower_conv_1").set_weights(
        [2 * weights for weights in model.get_layer("tower_conv_1").get_weights()]
    )
    after = model(features)
    np.testing.assert_array_equal(before["stage_1"], after["stage_1"])
    assert not np.array_equal(before["stage_2"], after["stage_2"])


def test_centre_map_reaches_the_later_stages_only(tiny_prior):
    preset = dataclasses.replace(NANO, centre_map=True)
    model = models.build_lifting_cpm(preset, tiny_prior, num_rotations=4)
    image = np.ones([1, 32, 32, 3], np.float32)
    without = model({"image": image, "centre_map": 0 * image[..., :1]})
    with_it = model({"image": image, "centre_map": image[..., :1]})
    np.testing.assert_array_equal(without["stage_1"], with_it["stage_1"])
    assert not np.array_equal(without["stage_2"], with_it["stage_2"])


def test_outputs_have_the_promised_names_and_shapes(nano, images):
    outputs = nano({"image": images})
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {
        "stage_1": (3, 8, 8, 18),
        "stage_2": (3, 8, 8, 18),
        "stage_3": (3, 8, 8, 18),
        "landmarks": (3, 17, 2),
        "joints_3d": (3, 17, 3),
        "scores": (3, 17),
    }
    peaks = outputs["stage_3"].numpy()[..., :-1].max((1, 2))
    np.testing.assert_array_equal(outputs["scores"], peaks)


def test_networks_of_one_prior_share_what_the_lift_looks_up(nano, tiny_prior):
    networks = [nano, models.build_lifting_cpm(NANO, tiny_prior), tf.keras.models.clone_model(nano)]
    default = [models.build_lifting_cpm(NANO, num_rotations=4) for _ in range(2)]
    for one, *others in (networks, default):
        lift = one.get_layer("lift")
        assert all(other.get_layer("lift").prior is lift.prior for other in others)
    assert default[0].get_layer("lift").prior is not nano.get_layer("lift").prior


def test_untrained_maps_are_small(nano, images):
    assert np.abs(nano({"image": images})["stage_3"]).max() < 0.3


def test_fused_maps_are_the_weighted_sum_of_eq_7(nano, images, tiny_prior):
    own = tf.keras.Model(nano.input, [nano.get_layer(f"stage_{t}_maps").output for t in (1, 2, 3)])
    own_maps = own({"image": images})
    outputs = nano({"image": images})
    # The lift expects noise of both the prior and the landmarks.
    prior = dataclasses.replace(
        tiny_prior, noise_stddev=np.sqrt(tiny_prior.noise_stddev**2 + NANO.noise_mm**2)
    )

    def lift(maps):
        cells = tf_lift.ops.belief_maps.refine_peaks(maps[..., :-1])
        landmarks = (cells + 0.5) * 4 - 0.5
        return landmarks, tf_lift.lift(
            landmarks,
            prior,
            estimator="map",
            num_rotations=12,
            pitches=NANO.pitches,
            camera="level",
        )

    for stage, weight in ((1, 0.7), (2, 0.4)):
        maps = own_maps[stage - 1]
        projected = (lift(maps)[1]["landmarks"] + 0.5) / 4 - 0.5
        projected = tf_lift.ops.belief_maps.from_landmarks(projected, 8, 8, 1.0)
        expected = weight * maps.numpy() + (1 - weight) * projected.numpy()
        np.testing.assert_allclose(outputs[f"stage_{stage}"], expected, atol=1e-4)
    # The last stage is not fused; its landmarks and their lift are the result.
    # Two graphs may divide a convolution between threads in two ways.
    np.testing.assert_allclose(outputs["stage_3"], own_maps[2], rtol=0, atol=1e-6)
    landmarks, lifted = lift(own_maps[2])
    np.testing.assert_allclose(outputs["landmarks"], landmarks, atol=1e-4)
    np.testing.assert_allclose(outputs["joints_3d"], lifted["joints_3d"], atol=0.05)


@pytest.mark.parametrize("lift_gradient", [True, False])
def test_gradient_flows_through_the_lift_only_where_wanted(lift_gradient, tiny_prior, images):
    # With w = 0 all that stage 2 sees of stage 1's maps has passed the lift.
    preset = dataclasses.replace(NANO, fusion_weights=(0.0, None))
    model = models.build_lifting_cpm(preset, tiny_prior, lift_gradient, num_rotations=12)
    head = model.get_layer("stage_1_maps").trainable_variables[0]
    head = getattr(head, "value", head) if not callable(head.value) else head
    with tf.GradientTape() as tape:
        tape.watch(head)
        # Not the plain sum: the maps' gradient must differ between cells.
        maps = model({"image": images})["stage_2"]
        loss = tf.reduce_sum(maps * tf.random.stateless_normal(tf.shape(maps), [0, 0]))
    gradient = tape.gradient(loss, head, unconnected_gradients="zero").numpy()
    assert np.isfinite(gradient).all()
    # The background of stage 1 is not decoded.
    assert (np.abs(gradient[..., :-1]).max() > 0) == lift_gradient


def test_backbone_takes_the_towers_place(tiny_prior, images):
    backbone = tf.keras.Sequential([tf.keras.layers.Conv2D(6, 3, 2, "same")])
    model = models.build_lifting_cpm(NANO, tiny_prior, backbone=backbone, num_rotations=4)
    assert models.describe(model).stride == 2
    assert tuple(model({"image": images})["stage_1"].shape) == (3, 16, 16, 18)
    assert backbone.layers[0].kernel is not None
    assert not any(layer.name.startswith("tower") for layer in model.layers)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (tf.keras.layers.Conv2D(6, 3, 16, "same"), r"stride of 8 or less.*\(None, 2, 2, 6\)"),
        (tf.keras.layers.GlobalMaxPooling2D(), r"features of shape \(None, 3\)"),
        (tf.keras.layers.Conv2D(6, 3, padding="valid"), r"\(None, 30, 30, 6\)"),
    ],
)
def test_backbone_of_another_stride_is_refused(layer, message, tiny_prior):
    with pytest.raises(ValueError, match=f"`backbone` must map .*{message}"):
        models.build_lifting_cpm(NANO, tiny_prior, backbone=tf.keras.Sequential([layer]))


@pytest.mark.parametrize("image_size", [0, 30, -32, 32.0])
def test_image_must_divide_into_cells(image_size, tiny_prior):
    with pytest.raises(ValueError, match=f"`image_size` must be .* of 4. Received: {image_size}"):
        models.build_lifting_cpm(NANO, tiny_prior, image_size=image_size)


def test_one_step_of_fit_trains_every_stage(nano, images, rng):
    model = tf.keras.models.clone_model(nano)
    model.set_weights(nano.get_weights())
    models.compile_lifting_cpm(model, tf.keras.optimizers.SGD(1e-3), loss_weights=[1, 2, 0.5])
    targets = targets_of(model, 3, rng)
    outputs = model({"image": images}, training=False)
    expected = [
        np.mean(np.sum((outputs[key].numpy() - targets[key]) ** 2, axis=(1, 2, 3)))
        for key in ("stage_1", "stage_2", "stage_3")
    ]
    before = [variable.numpy() for variable in model.trainable_variables]
    history = model.fit({"image": images}, targets, batch_size=3, verbose=0, shuffle=False)
    # No batch normalisation or dropout here, so training and inference agree.
    np.testing.assert_allclose(history.history["loss"], np.dot(expected, [1, 2, 0.5]), rtol=1e-4)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all()
        assert not np.array_equal(variable.numpy(), old), variable.name


def test_without_metrics_the_stages_are_target_enough(tiny_prior, images, rng):
    model = models.build_lifting_cpm(TWO_STAGES, tiny_prior, num_rotations=4)
    models.compile_lifting_cpm(model, metrics=False)
    targets = {key: maps for key, maps in targets_of(model, 3, rng).items() if "stage" in key}
    history = model.fit({"image": images}, targets, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()


def test_compile_wants_one_weight_per_stage(nano):
    with pytest.raises(ValueError, match=r"`loss_weights` must hold 3 weights.*\[1, 1\]"):
        models.compile_lifting_cpm(nano, loss_weights=[1, 1])


def test_another_model_is_refused():
    other = tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`model` must be a lifting network"):
        models.describe(other)


def test_mixed_precision_keeps_poses_in_float32(tiny_prior, images, rng):
    preset = dataclasses.replace(TWO_STAGES, batch_norm=True)
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = models.build_lifting_cpm(preset, tiny_prior, num_rotations=4)
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
    assert model.get_layer("tower_conv_1").compute_dtype == "bfloat16"
    outputs = model({"image": images})
    assert {tensor.dtype for tensor in outputs.values()} == {tf.float32}
    models.compile_lifting_cpm(model)
    targets = targets_of(model, 3, rng)
    history = model.fit({"image": images}, targets, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()


def test_keras_file_loads_in_a_process_that_only_imports_tf_lift(nano, images, tmp_path):
    model = tf.keras.models.clone_model(nano)
    model.set_weights(nano.get_weights())
    models.compile_lifting_cpm(model)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    program = (
        "import sys, numpy as np, tensorflow as tf, tf_lift\n"
        "folder = sys.argv[1]\n"
        "model = tf.keras.models.load_model(folder + '/model.keras')\n"
        "outputs = model({'image': np.load(folder + '/images.npy')})\n"
        "np.savez(folder + '/outputs.npz', **{k: np.array(v) for k, v in outputs.items()})\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    outputs = model({"image": images})
    with np.load(tmp_path / "outputs.npz") as loaded:
        assert set(loaded.files) == set(outputs)
        for key in loaded.files:
            np.testing.assert_allclose(loaded[key], outputs[key], rtol=1e-4, atol=1e-3)


def test_lift_takes_one_candidate_unless_told_otherwise(tiny_prior):
    def options(**lifting):
        model = models.build_lifting_cpm(NANO, tiny_prior, **lifting)
        return model.get_layer("lift").options

    assert options() == tf_lift.LiftOptions("map", pitches=NANO.pitches)
    assert options(estimator="mean", height=1700).estimator == "mean"
    whole = tf_lift.LiftOptions("min_energy", num_rotations=4)
    assert options(options=whole) == whole
