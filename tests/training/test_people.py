import numpy as np
import pytest

from tf_lift import models
from tf_lift.data.pipeline import targets
from tf_lift.training import people
from tf_lift.training.config import TrainConfig

NETWORK = models.lifting_cpm.Description(("stage_1", "stage_2"), 32, 8, 17, False)


def write_mocap(path, tiny_prior, **labels):
    poses = tiny_prior.sample(60, seed=0)
    np.savez(path, poses=poses, **labels)
    return poses


def test_sets_share_no_pose_and_no_image(tiny_prior):
    split = people.split_poses(TrainConfig(seed=1), tiny_prior, 32)
    first = [split.poses[name][:500].reshape(500, -1) for name in people.SETS]
    assert len(np.unique(np.concatenate(first), axis=0)) == 1500
    images = [split.render(name, 2)["image"] for name in people.SETS]
    assert len(np.unique(np.concatenate(images).reshape(6, -1), axis=0)) == 6


def test_sets_depend_on_the_seed_alone(tiny_prior):
    first, again, other = (
        people.split_poses(TrainConfig(seed=seed), tiny_prior, 32).render("test", 2)["image"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("label", ["clip", "subject"])
def test_labels_of_a_mocap_file_stay_together(label, tiny_prior, tmp_path):
    path = tmp_path / "mocap.npz"
    labels = np.repeat(np.arange(12), 5)
    poses = write_mocap(path, tiny_prior, **{label: labels}).astype(np.float32)
    split = people.split_poses(TrainConfig(mocap=str(path)), tiny_prior, 32)
    labels_of = {}
    for name in people.SETS:
        rows = (split.poses[name][:, None] == poses).all((2, 3)).argmax(1)
        labels_of[name] = set(labels[rows])
    assert labels_of["train"] | labels_of["validation"] | labels_of["test"] == set(range(12))
    assert sum(map(len, labels_of.values())) == 12
    assert (len(labels_of["validation"]), len(labels_of["test"])) == (1, 2)


def test_mocap_without_labels_is_cut_in_blocks(tiny_prior, tmp_path):
    path = tmp_path / "mocap.npz"
    write_mocap(path, tiny_prior)
    split = people.split_poses(TrainConfig(mocap=str(path)), tiny_prior, 32)
    sizes = {name: len(split.poses[name]) for name in people.SETS}
    assert sizes == {"train": 42, "validation": 6, "test": 12}


def test_too_few_poses(tiny_prior, tmp_path):
    path = tmp_path / "mocap.npz"
    np.savez(path, poses=tiny_prior.sample(2, seed=0))
    with pytest.raises(ValueError, match="`mocap` must hold at least 3 poses. Received: 2 poses"):
        people.split_poses(TrainConfig(mocap=str(path)), tiny_prior, 32)


def test_dataset_has_a_target_for_every_output(tiny_prior):
    pool = people.split_poses(TrainConfig(), tiny_prior, 32).render("train", 4)
    pool["landmarks"][:, 3] = [500.0, 5.0]
    config = TrainConfig(batch_size=4, augment=False)
    features, wanted = next(iter(people.training_dataset(pool, config, NETWORK, 6.0)))
    assert set(features) == {"image"}
    assert set(wanted) == {"stage_1", "stage_2", "landmarks", "joints_3d", "scores"}
    # The order of people in the batch.
    order = [
        int(np.argmin(np.abs(pool["joints_3d"] - pose).sum((1, 2)))) for pose in wanted["joints_3d"]
    ]
    expected = targets.belief_map_targets(pool["landmarks"][order], 32, 8, 6.0)
    np.testing.assert_allclose(wanted["stage_2"], expected, atol=1e-6)
    np.testing.assert_array_equal(wanted["stage_1"], wanted["stage_2"])
    # A joint outside the image has an empty map, no position and no score.
    assert not wanted["stage_1"].numpy()[..., 3].any()
    assert np.isnan(wanted["landmarks"].numpy()[:, 3]).all()
    inside = (np.abs(pool["landmarks"][order] - 15.5) <= 16).all(-1)
    np.testing.assert_array_equal(wanted["scores"], inside)
