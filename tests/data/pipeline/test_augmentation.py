import numpy as np
import pytest
import tensorflow as tf

from tf_lift import skeletons
from tf_lift.data.pipeline import augmentation
from tf_lift.data.synthetic import people as synthetic
from tf_lift.data.synthetic import views


@pytest.fixture
def batch(rng):
    return {
        "image": tf.constant(rng.uniform(0, 255, [3, 20, 20, 3]), tf.float32),
        "landmarks": tf.constant(rng.uniform(0, 20, [3, 17, 2]), tf.float32),
        "joints_3d": tf.constant(rng.normal(0, 300, [3, 17, 3]), tf.float32),
        "visibility": tf.constant(rng.uniform(size=[3, 17]) < 0.5),
    }


def dotted(landmarks, size=48):
    """An image with a bright dot at each landmark, one landmark a colour."""
    rows, columns = np.mgrid[:size, :size]
    image = np.zeros([size, size, 3], np.float32)
    for channel, (x, y) in enumerate(landmarks):
        image[..., channel] = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 4.5)
    return image


def dots(image):
    """Returns the mean positions of the colours of the dots."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.sum((0, 1))
    mean = (columns[..., None] * image).sum((0, 1)), (rows[..., None] * image).sum((0, 1))
    return np.stack([mean[0] / mass, mean[1] / mass], axis=-1)


def test_flip_twice_is_identity(batch):
    twice = augmentation.flip(augmentation.flip(batch, [True] * 3), [True] * 3)
    for name, value in batch.items():
        np.testing.assert_allclose(twice[name], value, atol=1e-5)


def test_flip_swaps_left_and_right_where_mirrored(batch):
    flipped = augmentation.flip(batch, [True, False, True])
    names = skeletons.H36M_17.joint_names
    for joint, name in enumerate(names):
        other = name
        if "left" in name:
            other = name.replace("left", "right")
        elif "right" in name:
            other = name.replace("right", "left")
        source = names.index(other)
        x, y = batch["landmarks"][0, source].numpy()
        np.testing.assert_allclose(flipped["landmarks"][0, joint], [19 - x, y], atol=1e-5)
        x, y, z = batch["joints_3d"][2, source].numpy()
        np.testing.assert_array_equal(flipped["joints_3d"][2, joint], [-x, y, z])
        assert flipped["visibility"][0, joint] == batch["visibility"][0, source]
    np.testing.assert_array_equal(flipped["image"][0], batch["image"][0, :, ::-1])
    for name, value in batch.items():
        np.testing.assert_array_equal(flipped[name][1], value[1])


@pytest.mark.parametrize(("angle", "scale"), [(0.0, 1.0), (0.5, 1.0), (-0.3, 1.3), (1.2, 0.8)])
def test_pixels_and_landmarks_rotate_together(angle, scale):
    landmarks = np.array([[20.0, 18.0], [30.0, 22.0], [23.0, 33.0]], np.float32)
    batch = {
        "image": dotted(landmarks)[None],
        "landmarks": landmarks[None],
        "joints_3d": np.zeros([1, 3, 3], np.float32),
    }
    turned = augmentation.rotate_and_scale(batch, [angle], [scale], grey=0.0)
    np.testing.assert_allclose(dots(turned["image"][0].numpy()), turned["landmarks"][0], atol=0.05)
    moved = np.abs(turned["landmarks"][0] - landmarks).max()
    assert (moved > 1) == ((angle, scale) != (0.0, 1.0))


def test_outside_is_grey():
    batch = {
        "image": np.full([1, 20, 20, 3], 255, np.uint8),
        "landmarks": np.zeros([1, 17, 2], np.float32),
        "joints_3d": np.zeros([1, 17, 3], np.float32),
    }
    image = augmentation.rotate_and_scale(batch, [0.0], [0.5], grey=128.0)["image"].numpy()
    assert (image[0, :3] == 128).all() and (image[0, 8:12, 8:12] == 255).all()


def test_rotated_landmarks_are_the_projection_of_rotated_joints(poses):
    people = synthetic.SyntheticPeople(poses, image_size=64, seed=2)
    person = people.person(4)
    batch = {name: person[name][None] for name in ("image", "landmarks", "joints_3d")}
    angle, scale = 0.4, 1.2
    turned = augmentation.rotate_and_scale(batch, [angle], [scale])
    # The same change of the camera: a roll about its optical axis and a longer focal length.
    camera = person["camera"]
    roll = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    middle = 31.5
    rolled = views.CropCamera(
        focal_px=camera.focal_px * scale,
        principal_point_px=middle + scale * roll[:2, :2] @ (camera.principal_point_px - middle),
        ray_rotation=roll @ camera.ray_rotation @ roll.T,
        root_mm=roll @ camera.root_mm,
    )
    projected = rolled.project(turned["joints_3d"][0].numpy().astype(np.float64))
    np.testing.assert_allclose(turned["landmarks"][0], projected, atol=1e-3)


def test_the_seed_decides(batch):
    augment = augmentation.Augmentation()
    once, again, other = (augment(batch, tf.constant([1, n])) for n in (5, 5, 6))
    for name in batch:
        np.testing.assert_array_equal(once[name], again[name])
    assert np.abs(once["image"] - other["image"]).max() > 1
    assert np.abs(once["landmarks"] - other["landmarks"]).max() > 0.1


def test_augmentation_keeps_to_its_limits():
    count = 400
    landmarks = np.tile([[[60.0, 31.5]]], [count, 17, 1]).astype(np.float32)
    batch = {
        "image": np.zeros([count, 64, 64, 3], np.uint8),
        "landmarks": landmarks,
        "joints_3d": np.zeros([count, 17, 3], np.float32),
    }
    augment = augmentation.Augmentation(flip=0.25, rotation_degrees=20.0, scale=(0.7, 1.2))
    moved = augment(batch, tf.constant([0, 0]))["landmarks"].numpy()[:, 0] - 31.5
    length = np.linalg.norm(moved, axis=-1) / 28.5
    angle = np.degrees(np.arctan2(moved[:, 1], np.abs(moved[:, 0])))
    assert 0.7 <= length.min() < 0.72 and 1.18 < length.max() <= 1.2001
    assert 19 < np.abs(angle).max() <= 20.001
    # Binomial: 100 expected, standard deviation 8.7.
    assert 65 < (moved[:, 0] < 0).sum() < 135


def test_colours_stay_in_range(batch):
    image = augmentation.jitter_colours(batch["image"], tf.constant([3, 4]), 0.5).numpy()
    assert image.min() >= 0 and image.max() <= 255
    assert np.abs(image - batch["image"]).mean() > 5


def test_bad_arguments(batch):
    with pytest.raises(ValueError, match="`flip` must be a probability"):
        augmentation.Augmentation(flip=1.5)
    with pytest.raises(ValueError, match="`scale` must be 0 < low <= high"):
        augmentation.Augmentation(scale=(1.2, 0.7))
    with pytest.raises(ValueError, match=r"`joints_3d` must have shape \[..., 17, 3\]"):
        augmentation.flip({**batch, "joints_3d": tf.zeros([3, 16, 3])}, [True] * 3)
