import numpy as np
import pytest

from benchmarks.accuracy import protocol
from tf_lift.data.formats import mocap


@pytest.fixture(scope="module")
def data(poses_file):
    return protocol.load(poses_file)


def test_no_subject_is_held_out_twice():
    subjects = [subject for split in protocol.SPLITS for subject in split]
    assert len(subjects) == len(set(subjects))


def test_held_out_subjects_are_not_learnt_from(data):
    training, test = protocol.split(data, 0, 200, seed=0)
    assert set(training.subject) == {"1", "9", "14", "29"}
    assert (test.num_poses, test.num_clips) == (76, 4)
    # Every test pose is one of the held-out ones: the same heights over the pelvis.
    heights = {tuple((pose - pose[0])[:, 2].round(1)) for pose in data.poses[:76]}
    for name in ("clean", protocol.BY_CLIP):
        for pose in test.views[name].joints_3d:
            assert tuple((-pose[:, 1]).round(1) + 0.0) in heights


@pytest.mark.parametrize("subject", ["05", "5"])
def test_labels_may_have_zeros_in_front(data, subject):
    labels = np.where(data.subject == 5, subject, "14")
    renamed = mocap.MocapPoses(data.poses, labels, data.clip)
    training, test = protocol.split(renamed, 0, 10, seed=0)
    assert set(training.subject) == {"14"}
    assert test.num_poses == 44


def test_test_views_are_of_the_same_poses_and_sides(data):
    _, test = protocol.split(data, 0, 30, seed=0)
    clean = test.views["clean"]
    assert {len(views.landmarks) for views in test.views.values()} == {30}
    for name, views in test.views.items():
        if name != protocol.BY_CLIP:
            np.testing.assert_array_equal(views.joints_3d, clean.joints_3d)
    assert not np.array_equal(test.views[protocol.BY_CLIP].joints_3d, clean.joints_3d)


def test_same_seed_gives_the_same_views(data):
    first, second, other = (
        protocol.split(data, 0, 30, seed=seed)[1].views["noise_5"].landmarks for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_poses_are_tested_as_evenly_as_can_be(data):
    _, test = protocol.split(data, 0, 2 * 76, seed=0)
    heights = np.round(test.views["clean"].joints_3d[..., 1], 1)
    _, counts = np.unique(heights, axis=0, return_counts=True)
    assert list(counts) == [2] * 76


def test_clips_count_the_same_in_the_condition_by_clip(data):
    _, test = protocol.split(data, 0, 82, seed=0)
    owner = {
        tuple((pose - pose[0])[:, 2].round(1)): clip
        for pose, clip in zip(data.poses, data.clip, strict=True)
    }
    clips = [
        owner[tuple((-pose[:, 1]).round(1) + 0.0)]
        for pose in test.views[protocol.BY_CLIP].joints_3d
    ]
    _, counts = np.unique(clips, return_counts=True)
    assert sorted(counts) == [20, 20, 21, 21]


def test_training_poses_are_drawn_by_clip(data, rng):
    training, _ = protocol.split(data, 0, 10, seed=0)
    drawn = training.draw(10_000, rng)
    owner = {pose.tobytes(): clip for pose, clip in zip(training.poses, training.clip, strict=True)}
    names, counts = np.unique([owner[pose.tobytes()] for pose in drawn], return_counts=True)
    assert set(names) == {"01_00", "09_00", "14_00", "14_01", "29_00"}
    # 2000 each, standard deviation 40.
    np.testing.assert_allclose(counts, 2000, atol=200)
    assert len(np.unique(drawn.reshape(len(drawn), -1), axis=0)) == len(training.poses)


def test_training_views_are_corrupted_and_mirrored_as_asked(data, rng):
    training, _ = protocol.split(data, 0, 10, seed=0)
    clean = training.draw_views(500, rng, mirroring=False)
    assert clean.visibility.all() and not clean.noise_px.any()
    heights = {tuple(pose[:, 2].round(1) + 0.0) for pose in training.poses}

    def share_as_they_are(views):
        return np.mean([tuple((-p[:, 1]).round(1) + 0.0) in heights for p in views.joints_3d])

    assert share_as_they_are(clean) == 1.0
    assert 0.4 < share_as_they_are(training.draw_views(500, rng)) < 0.6
    corrupted = training.draw_views(500, rng, corruption=(6, 10.0))
    assert set((~corrupted.visibility).sum(axis=1)) == set(range(7))
    assert corrupted.noise_px.std() > 0


def test_priors_are_fitted_once(data):
    training, _ = protocol.split(data, 0, 10, seed=0)
    prior = training.prior(mixture_size=1, num_bases=4)
    assert training.prior(num_bases=4, mixture_size=1) is prior
    assert training.prior(mixture_size=1, num_bases=3) is not prior


def test_splits_that_leave_nothing_are_errors(data):
    with pytest.raises(ValueError, match="splits are numbered 0 to 3. Received: 7"):
        protocol.split(data, 7, 10, seed=0)
    with pytest.raises(ValueError, match="split 2 must leave .* Received: 0 of 200 poses"):
        protocol.split(data, 2, 10, seed=0)


def test_files_that_cannot_be_split_are_named(tmp_path, poses_file, monkeypatch):
    with pytest.raises(ValueError, match="no poses at .*absent.npz: name a file by `--poses`"):
        protocol.load(tmp_path / "absent.npz")
    nameless = tmp_path / "nameless.npz"
    np.savez(nameless, poses=np.load(poses_file)["poses"])
    with pytest.raises(ValueError, match=r"nameless.npz: must hold `subject`"):
        protocol.load(nameless)
    monkeypatch.setenv("TF_LIFT_SHARED", str(tmp_path))
    assert protocol.default_poses() == tmp_path / "data/cmu/cmu_h36m17_train.npz"
