import dataclasses

import numpy as np
import pytest

from tf_lift import skeletons
from tf_lift.inference.people import person as people
from tf_lift.inference.people.regions import Region

SWAP = list(skeletons.MEDIAPIPE_33.swap)


@pytest.fixture
def standing():
    """A person of 160 px: the left side at larger x, as seen from the front."""
    names = skeletons.MEDIAPIPE_33.joint_names
    heights = {"shoulder": 40, "elbow": 60, "wrist": 80, "hip": 85, "knee": 120, "ankle": 155}
    landmarks = []
    for name in names:
        height = next((y for part, y in heights.items() if part in name), 10)
        side = 20 if "left" in name else -20 if "right" in name else 0
        landmarks.append((100 + side, 20 + height))
    scores = np.linspace(0.5, 1, 33)
    landmarks = np.array(landmarks, np.float64)
    region = Region((100.0, 105.0), 200.0)
    return people.Person(landmarks, scores, np.array([80.0, 30, 41, 146]), 0.9, region)


def shifted(person, x, y=0.0, score=0.8):
    region = dataclasses.replace(
        person.region, centre=(person.region.centre[0] + x, person.region.centre[1] + y)
    )
    moved = person.landmarks + [x, y]
    return dataclasses.replace(person, landmarks=moved, score=score, region=region)


def test_sides_are_those_of_the_others(standing, rng):
    exchanged = dataclasses.replace(
        standing, landmarks=standing.landmarks[SWAP], scores=standing.scores[SWAP]
    )
    noisy = standing.landmarks + rng.normal(size=[33, 2]) * 3
    corrected = people.with_sides(exchanged, noisy)
    np.testing.assert_array_equal(corrected.landmarks, standing.landmarks)
    np.testing.assert_array_equal(corrected.scores, standing.scores)
    assert people.with_sides(standing, noisy) is standing


def test_sides_seen_from_the_side_stay(standing, rng):
    flat = (standing.landmarks - [100, 0]) * [0.05, 1] + [100, 0]
    profile = dataclasses.replace(standing, landmarks=flat)
    noisy = flat[SWAP] + rng.normal(size=[33, 2]) * 3
    assert people.with_sides(profile, noisy) is profile


def test_nobody_is_there_twice(standing):
    again = shifted(standing, 4, score=0.95)
    turned_round = dataclasses.replace(standing, landmarks=standing.landmarks[SWAP], score=0.3)
    neighbour = shifted(standing, 60)
    kept = people.distinct([standing, again, neighbour, turned_round])
    assert kept == [again, neighbour]


def test_same_face_is_the_same_person(standing):
    landmarks = standing.landmarks.copy()
    landmarks[11:] += [40, 30]
    cut_off = dataclasses.replace(standing, landmarks=landmarks, score=0.4)
    assert people.distinct([cut_off, standing]) == [standing]


def test_mean_of_two_findings(standing):
    other = shifted(standing, 6)
    other = dataclasses.replace(other, landmarks=other.landmarks[SWAP], scores=other.scores[SWAP])
    found = people.mean(standing, other)
    np.testing.assert_allclose(found.landmarks, standing.landmarks + [3, 0])
    np.testing.assert_allclose(found.scores, standing.scores)
    assert found.score == pytest.approx(0.85)


def test_body_counts_where_the_hips_are_seen(standing):
    scores = np.zeros(33)
    scores[11:25] = 0.4
    assert people.body_score(standing.landmarks, scores, (200, 200)) == pytest.approx(0.4)
    assert people.body_score(standing.landmarks, scores, (200, 100)) == 1.0
    # What is outside does not count.
    scores[standing.landmarks[:, 0] > 110] = 0.0
    assert people.body_score(standing.landmarks, scores, (200, 200)) == pytest.approx(0.2)
    landmarks = standing.landmarks.copy()
    landmarks[[13, 15, 17, 19, 21], 0] = 250
    expected = scores[[11, 12, 14, 16, 18, 20, 22, 23, 24]].mean()
    assert people.body_score(landmarks, scores, (200, 200)) == pytest.approx(expected)


def test_same_place(standing):
    near = shifted(standing, 10, 10).region
    assert people.same_place(near, [standing.region])
    assert not people.same_place(shifted(standing, 40).region, [standing.region])
    assert not people.same_place(near, [])


def test_box_is_inside_the_image():
    landmarks = np.array([[-5.0, 4.0], [30.0, 90.0], [500.0, 2.0]])
    box = people.surrounding_box(landmarks, np.array([0.9, 0.9, 0.1]), (40, 50))
    np.testing.assert_array_equal(box, [0, 4, 30, 45])
    box = people.surrounding_box(landmarks, np.zeros(3), (40, 50))
    np.testing.assert_array_equal(box, [0, 2, 39, 47])
