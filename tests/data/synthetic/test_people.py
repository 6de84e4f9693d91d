import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.data.synthetic import people as synthetic

SIZE = 64


@pytest.fixture(scope="module")
def people(poses):
    return synthetic.SyntheticPeople(poses, image_size=SIZE, seed=3)


@pytest.fixture(scope="module")
def persons(people):
    return [people.person(index) for index in range(24)]


def test_shapes_and_types(persons):
    for person in persons:
        assert person["image"].shape == (SIZE, SIZE, 3) and person["image"].dtype == np.uint8
        assert person["landmarks"].shape == (17, 2) and person["landmarks"].dtype == np.float32
        assert person["joints_3d"].shape == (17, 3) and person["joints_3d"].dtype == np.float32
        assert person["visibility"].shape == (17,) and person["visibility"].dtype == bool
        assert np.isfinite(person["landmarks"]).all()


def test_any_image_size(poses):
    for size in (16, 97, 200):
        assert synthetic.SyntheticPeople(poses, size).person(0)["image"].shape == (size, size, 3)


def test_only_index_and_seed_decide(poses, people, persons):
    again = synthetic.SyntheticPeople(poses, image_size=SIZE, seed=3)
    for index in (7, 2):
        for name in ("image", "landmarks", "joints_3d", "visibility"):
            np.testing.assert_array_equal(again.person(index)[name], persons[index][name])
    other = synthetic.SyntheticPeople(poses, image_size=SIZE, seed=4).person(7)
    assert np.abs(other["landmarks"] - persons[7]["landmarks"]).max() > 1
    assert np.abs(persons[7]["landmarks"] - persons[8]["landmarks"]).max() > 1
    # Nor do neighbouring seeds give the same people one index further.
    neighbour = synthetic.SyntheticPeople(poses, image_size=SIZE, seed=4).person(6)
    assert np.abs(neighbour["landmarks"] - persons[7]["landmarks"]).max() > 1


def test_the_truth_does_not_depend_on_the_image_size(poses, persons):
    larger = synthetic.SyntheticPeople(poses, image_size=2 * SIZE, seed=3).person(5)
    np.testing.assert_array_equal(larger["joints_3d"], persons[5]["joints_3d"])
    middles = (SIZE - 1) / 2, (2 * SIZE - 1) / 2
    scaled = 2 * (persons[5]["landmarks"] - middles[0]) + middles[1]
    np.testing.assert_allclose(larger["landmarks"], scaled, atol=1e-4)


def test_landmarks_are_the_projection_of_joints_3d(persons):
    for person in persons:
        np.testing.assert_array_equal(person["joints_3d"][0], 0)
        projected = person["camera"].project(person["joints_3d"].astype(np.float64))
        np.testing.assert_allclose(person["landmarks"], projected, atol=1e-3)


def test_people_are_drawn_where_their_landmarks_are(people, persons, monkeypatch):
    """Rendering the pose in the camera frame gives the same pixels."""
    drawn = []

    def render(joints, up, camera, image_size, rng):
        places = camera.focal_px * joints[:, :2] / joints[:, 2:] + camera.principal_point_px
        drawn.append((places, joints, up))
        return np.zeros([image_size, image_size, 3], np.uint8), np.ones(17, bool)

    monkeypatch.setattr(synthetic.rendering, "render", render)
    for index, person in enumerate(persons):
        people.person(index)
        places, joints, up = drawn[-1]
        np.testing.assert_allclose(places, person["landmarks"], atol=1e-3)
        # The ray frame is a rotation of the camera's; its z axis goes through the middle.
        rotation = person["camera"].ray_rotation
        turned = (joints - joints[0]) @ rotation.T
        np.testing.assert_allclose(turned, person["joints_3d"], atol=1e-2)
        focal, middle = person["camera"].focal_px, (SIZE - 1) / 2
        ray = [*((middle - person["camera"].principal_point_px) / focal), 1.0]
        np.testing.assert_allclose((rotation @ ray)[:2], 0, atol=1e-9)
        assert np.linalg.norm(up) == pytest.approx(1) and up[1] < -0.8


def test_joints_3d_are_a_rotated_pose(poses, persons):
    """A rotation and a factor near 1 bring a pose, or its mirror image, to joints_3d."""
    swap = list(skeletons.H36M_17.swap)
    centred = poses - poses[:, :1]
    centred = np.concatenate([centred, centred[:, swap] * [-1, 1, 1]])
    for person in persons:
        joints = person["joints_3d"]
        errors = []
        for pose in centred:
            u, _, vt = np.linalg.svd(pose.T @ joints)
            proper = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
            turned = pose @ proper
            scale = (turned * joints).sum() / (turned**2).sum()
            errors.append(np.abs(scale * turned - joints).max() + 1e3 * (abs(scale - 1) > 0.151))
        assert min(errors) < 0.5


def test_people_are_upright_and_viewed_from_all_sides(poses):
    people = synthetic.SyntheticPeople(poses, image_size=16, seed=0, roll_degrees=0.0)
    persons = [people.person(index) for index in range(60)]
    joints = np.stack([person["joints_3d"] for person in persons])
    assert (joints[:, 8, 1] < -300).all()  # the thorax is above the pelvis, y down
    # The left hip is right of the right hip in the image if the person faces the camera.
    facing = joints[:, 4, 0] > joints[:, 1, 0]
    assert 15 < facing.sum() < 45
    pitch = np.degrees(np.arctan2(-joints[:, 8, 2], -joints[:, 8, 1]))
    assert pitch.min() > -30 and pitch.max() < 45 and pitch.max() > 5


def test_the_crop_contains_the_person(persons):
    landmarks = np.stack([person["landmarks"] for person in persons])
    inside = (np.abs(landmarks - (SIZE - 1) / 2) <= SIZE / 2).all(-1)
    assert inside.mean() > 0.97
    extent = np.ptp(landmarks, axis=1).max(-1) / SIZE
    assert 0.45 < extent.min() and extent.max() < 1.0
    heights = [person["person_height_px"] for person in persons]
    np.testing.assert_allclose(heights, np.ptp(landmarks[..., 1], axis=1), rtol=1e-5)


def test_a_joint_outside_the_image_is_not_visible(poses):
    people = synthetic.SyntheticPeople(poses, image_size=SIZE, box_scale=(0.5, 0.5))
    outside = 0
    for index in range(6):
        person = people.person(index)
        out = (np.abs(person["landmarks"] - (SIZE - 1) / 2) > SIZE / 2).any(-1)
        assert not person["visibility"][out].any()
        outside += out.sum()
    assert outside > 5


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (np.zeros([4, 16, 3]), r"`poses` must have shape \[num_poses, 17, 3\].*\(4, 16, 3\)"),
        (np.zeros([17, 3]), r"`poses` must have shape .*Received: poses.shape=\(17, 3\)"),
        (np.zeros([0, 17, 3]), "with at least one pose"),
        (np.full([3, 17, 3], np.nan), "`poses` must be finite. Received: 3 poses"),
    ],
)
def test_bad_poses(poses, message):
    with pytest.raises(ValueError, match=message):
        synthetic.SyntheticPeople(poses)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": 8}, "`image_size` must be an integer of at least 16 px"),
        ({"image_size": 64.5}, "`image_size` must be an integer"),
        ({"distance_mm": (1000.0, 2000.0)}, "`distance_mm` must be at least 2000"),
        ({"pitch_degrees": (20.0, 10.0)}, r"`pitch_degrees` must be \(low, high\)"),
        ({"box_scale": (0.0, 1.0)}, "`box_scale` must be positive"),
        ({"seed": -1}, "`seed` must be an integer >= 0"),
    ],
)
def test_bad_numbers(poses, arguments, message):
    with pytest.raises(ValueError, match=message):
        synthetic.SyntheticPeople(poses, **arguments)


def test_bad_index(people):
    with pytest.raises(ValueError, match="`index` must be an integer >= 0. Received: -1"):
        people.person(-1)
