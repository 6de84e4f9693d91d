import numpy as np
import pytest
import tensorflow as tf

from tf_lift import models
from tf_lift.evaluation import StagePoses, evaluate_stages, pose_error_means
from tf_lift.models.presets import Conv, Preset

NANO = Preset(
    image_size=32,
    tower=(Conv(4, 3, 4),),
    first_head=(),
    later_head=(),
    fusion_weights=(0.7, None),
    centre_map=True,
)


@pytest.fixture(scope="module")
def model(tiny_prior):
    tf.keras.utils.set_random_seed(0)
    return models.build_lifting_cpm(NANO, tiny_prior, num_rotations=12)


@pytest.fixture
def people(rng):
    return {
        "image": rng.integers(0, 256, size=[5, 32, 32, 3], dtype=np.uint8),
        "landmarks": rng.uniform(0, 32, size=[5, 17, 2]),
        "joints_3d": rng.normal(scale=300, size=[5, 17, 3]),
    }


def test_last_stage_is_the_networks_own_result(model, people):
    poses = StagePoses(model)(people["image"], batch_size=2)
    rows, columns = np.mgrid[:32, :32]
    centre = np.exp(-0.5 * ((rows - 15.5) ** 2 + (columns - 15.5) ** 2) / (21 * 32 / 368) ** 2)
    centre = np.where(centre < 0.01, 0, centre)[None, ..., None].repeat(5, 0)
    images = (people["image"].astype(np.float32) - 128) / 256
    outputs = model({"image": images, "centre_map": centre.astype(np.float32)})
    for key in ("landmarks", "joints_3d"):
        np.testing.assert_allclose(poses["stage_2"][key], outputs[key], rtol=1e-4, atol=1e-2)
    landmarks = model.get_layer("decoder")(outputs["stage_1"])
    np.testing.assert_allclose(poses["stage_1"]["landmarks"], landmarks, rtol=1e-4, atol=1e-3)
    lifted = model.get_layer("lift")(landmarks)["joints_3d"]
    np.testing.assert_allclose(poses["stage_1"]["joints_3d"], lifted, rtol=1e-4, atol=1e-2)


def test_batches_make_no_difference(model, people):
    poses = StagePoses(model)
    errors = [evaluate_stages(poses, people, batch_size) for batch_size in (2, 5)]
    for left, right in zip(*errors, strict=True):
        assert left.pop("stage") == right.pop("stage")
        assert left == pytest.approx(right, rel=1e-4)


def test_error_means_of_known_poses():
    joints_3d = np.zeros([2, 17, 3])
    joints_3d[:, 1:] = np.random.default_rng(0).normal(scale=300, size=[2, 16, 3])
    people = {"landmarks": np.zeros([2, 17, 2]), "joints_3d": joints_3d}
    landmarks = np.zeros([2, 17, 2])
    landmarks[0] = [3, 4]
    errors = pose_error_means(landmarks, 2 * joints_3d, people)
    assert errors["landmark_error_px"] == pytest.approx(2.5)
    expected = np.linalg.norm(joints_3d, axis=-1).mean()
    assert errors["mpjpe_mm"] == pytest.approx(expected, rel=1e-5)
    assert errors["n_mpjpe_mm"] == pytest.approx(0, abs=1e-2)
    assert errors["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-2)


@pytest.mark.parametrize("shape", [(0, 32, 32, 3), (5, 32, 31, 3), (32, 32, 3)])
def test_wrong_images_are_refused(shape, model):
    with pytest.raises(ValueError, match="`images` must"):
        StagePoses(model)(np.zeros(shape, np.uint8))
