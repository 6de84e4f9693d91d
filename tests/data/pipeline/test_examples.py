import numpy as np
import pytest
import tensorflow as tf

from tf_lift.data.pipeline import examples, targets
from tf_lift.data.synthetic import people as synthetic
from tf_lift.data.synthetic import pool

SIZE = 64


@pytest.fixture(scope="module")
def people(poses):
    return synthetic.SyntheticPeople(poses, image_size=SIZE, seed=1)


@pytest.fixture(scope="module")
def rendered(people):
    return pool.render_pool(people, range(10), num_workers=1)


def collect(dataset):
    """All batches of a pass: list of (features, targets), NumPy."""
    return list(dataset.as_numpy_iterator())


def test_batches_hold_the_people_in_order(people, rendered):
    batches = collect(examples.dataset(people, range(10), batch_size=4, num_stages=3))
    assert [len(features["image"]) for features, _ in batches] == [4, 4, 2]
    features, wanted = batches[1]
    assert set(features) == {"image"}
    assert set(wanted) == {"stage_1", "stage_2", "stage_3", "landmarks", "joints_3d"}
    images = (rendered["image"][4:8].astype(np.float32) - 128) / 256
    np.testing.assert_array_equal(features["image"], images)
    np.testing.assert_array_equal(wanted["joints_3d"], rendered["joints_3d"][4:8])
    maps = targets.belief_map_targets(rendered["landmarks"][4:8], SIZE, 8)
    for stage in ("stage_1", "stage_2", "stage_3"):
        np.testing.assert_allclose(wanted[stage], maps, atol=1e-6)


def test_a_pool_gives_the_same_dataset_as_its_people(people, rendered):
    ours = collect(examples.dataset(people, range(10), batch_size=5))
    theirs = collect(examples.dataset(rendered, batch_size=5))
    for (features, wanted), (other_features, other_wanted) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(features["image"], other_features["image"])
        np.testing.assert_array_equal(wanted["landmarks"], other_wanted["landmarks"])
    (features, _) = collect(examples.dataset(rendered, [7, 2], batch_size=2))[0]
    np.testing.assert_array_equal(features["image"][0], ours[1][0]["image"][2])


def test_landmarks_outside_the_image_do_not_count(rendered):
    moved = {**rendered, "landmarks": rendered["landmarks"].copy()}
    moved["landmarks"][0, 3] = [SIZE + 5.0, 10.0]
    (_, wanted) = collect(examples.dataset(moved, batch_size=10))[0]
    assert np.isnan(wanted["landmarks"][0, 3]).all()
    inside = (np.abs(moved["landmarks"] - (SIZE - 1) / 2) <= SIZE / 2).all(-1)
    np.testing.assert_array_equal(wanted["landmarks"][inside], moved["landmarks"][inside])
    # Its map is labelled nevertheless, as empty.
    assert np.isfinite(wanted["stage_1"]).all()


def test_augmented_truth_stays_together(rendered):
    """The maps, the landmarks and the 3D truth of an augmented batch belong together."""
    dataset = examples.dataset(rendered, batch_size=10, augment=True, seed=5)
    (features, wanted) = collect(dataset)[0]
    assert np.abs(features["image"]).max() <= 0.5
    assert np.abs(wanted["joints_3d"] - rendered["joints_3d"]).max() > 50
    lengths = np.linalg.norm(wanted["joints_3d"][:, 8], axis=-1)
    np.testing.assert_allclose(
        lengths, np.linalg.norm(rendered["joints_3d"][:, 8], axis=-1), rtol=1e-5
    )
    inside = np.isfinite(wanted["landmarks"]).all(-1)
    peaks = wanted["stage_1"][..., :-1].reshape(10, -1, 17).argmax(1)
    cells = np.stack([peaks % 8, peaks // 8], axis=-1)
    apart = np.abs(cells * 8 + 3.5 - wanted["landmarks"])[inside]
    assert inside.sum() > 100 and apart.max() <= 4.01


def test_seeds_decide_and_passes_differ(rendered):
    def images(seed):
        dataset = examples.dataset(rendered, batch_size=10, augment=True, shuffle=True, seed=seed)
        return [collect(dataset)[0][0]["image"] for _ in range(2)]

    first, again, other = images(1), images(1), images(2)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).mean() > 0.01
    assert np.abs(first[0] - other[0]).mean() > 0.01


def test_each_pass_draws_new_augmentations(rendered):
    dataset = examples.dataset(rendered, batch_size=10, augment=True)
    first, second = (collect(dataset)[0][1]["joints_3d"] for _ in range(2))
    # The same people in the same order (equal bone lengths), rotated differently.
    lengths = [np.linalg.norm(joints[:, 8], axis=-1) for joints in (first, second)]
    np.testing.assert_allclose(*lengths, rtol=1e-5)
    assert np.abs(first - second).max() > 10


def test_shuffling_keeps_each_persons_data_together(rendered):
    (features, wanted) = collect(examples.dataset(rendered, batch_size=10, shuffle=True))[0]
    images = (rendered["image"].astype(np.float32) - 128) / 256
    order = [int(np.abs(images - image).mean((1, 2, 3)).argmin()) for image in features["image"]]
    assert sorted(order) == list(range(10)) and order != list(range(10))
    np.testing.assert_array_equal(wanted["joints_3d"], rendered["joints_3d"][order])


def test_options(rendered):
    dataset = examples.dataset(
        rendered,
        batch_size=4,
        stride=4,
        num_stages=2,
        target_names=("stages",),
        centre_map=True,
        drop_remainder=True,
        repeat=True,
    )
    features, wanted = next(iter(dataset.skip(5)))
    assert set(wanted) == {"stage_1", "stage_2"}
    assert wanted["stage_2"].shape == (4, 16, 16, 18)
    assert features["centre_map"].shape == (4, SIZE, SIZE, 1)
    assert dataset.element_spec[0]["image"].shape == (4, SIZE, SIZE, 3)
    peak = np.unravel_index(features["centre_map"][0].numpy().argmax(), (SIZE, SIZE))
    assert set(peak) <= {31, 32}


def test_a_model_fits_the_dataset(rendered):
    inputs = tf.keras.Input([SIZE, SIZE, 3], name="image")
    maps = tf.keras.layers.Conv2D(18, 8, strides=8, name="stage_1")(inputs)
    model = tf.keras.Model({"image": inputs}, {"stage_1": maps})
    model.compile("sgd", loss={"stage_1": "mse"})
    dataset = examples.dataset(rendered, batch_size=4, target_names=("stages",), augment=True)
    history = model.fit(dataset, epochs=2, verbose=0, shuffle=False).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stride": 7}, "`image_size` must be a multiple of `stride`.*image_size=64, stride=7"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"num_stages": 0}, "`num_stages` must be at least 1"),
        ({"target_names": ("maps",)}, r"`target_names` must be of .*Received: \('maps',\)"),
        ({"indices": [10]}, "`indices` must be rows of the pool, 0 to 9"),
        ({"indices": []}, "`indices` must be rows of the pool, 0 to 9"),
    ],
)
def test_bad_arguments(rendered, arguments, message):
    with pytest.raises(ValueError, match=message):
        examples.dataset(rendered, **arguments)


def test_people_need_indices(people):
    with pytest.raises(ValueError, match="`indices` must be given with SyntheticPeople"):
        examples.dataset(people)
