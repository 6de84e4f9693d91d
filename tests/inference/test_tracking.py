"""People keep their numbers: order, crossings, gaps, missing joints, newcomers."""

import numpy as np
import pytest

from tf_lift.inference import tracking

POSE = np.array([[0, 0], [-20, 10], [20, 10], [-25, 60], [25, 60], [-10, 150], [10, 150.0]])


def walk(start, speed, frames, rng, scale=1.0, noise=1.5):
    """Landmarks `[T, 7, 2]` of a person who walks and swings the arms."""
    t = np.arange(frames)
    pose = np.repeat(POSE[np.newaxis], frames, 0)
    pose[:, 3, 0] += 15 * np.sin(0.6 * t)
    pose[:, 4, 0] -= 15 * np.sin(0.6 * t)
    centre = np.asarray(start) + np.asarray(speed) * t[:, np.newaxis]
    return scale * pose + centre[:, np.newaxis] + rng.normal(0, noise, pose.shape)


def follow(people, fps=25.0, hidden=(), shuffle=None):
    """Returns the numbers of each person `[P, T]`, -1 where hidden: a set of (person, frame)."""
    tracker = tracking.Tracker(fps)
    numbers = np.full([len(people), len(people[0])], -1)
    for frame in range(len(people[0])):
        shown = [p for p in range(len(people)) if (p, frame) not in hidden]
        if shuffle is not None:
            shown = [shown[i] for i in shuffle.permutation(len(shown))]
        rows = np.array([people[p][frame] for p in shown]).reshape(-1, 7, 2)
        numbers[shown, frame] = tracker.update(frame, rows)
    return numbers


def test_numbers_do_not_depend_on_the_order(rng):
    places = ((0, 3, 1.0), (150, -1, 1.2), (400, 0, 1.0))
    people = [walk([x, 100], [dx, 0], 40, rng, scale) for x, dx, scale in places]
    numbers = follow(people, shuffle=rng)
    assert all(len(set(row)) == 1 for row in numbers)
    assert len(set(numbers[:, 0])) == 3


def test_people_who_cross_keep_their_numbers(rng):
    people = [walk([0, 100], [8, 0], 60, rng), walk([480, 110], [-8, 0], 60, rng, scale=1.1)]
    # The one behind is hidden where they meet.
    hidden = {(0, frame) for frame in range(25, 36)}
    numbers = follow(people, hidden=hidden, shuffle=rng)
    assert set(numbers[0][numbers[0] >= 0]) == {numbers[0, 0]}
    assert set(numbers[1]) == {numbers[1, 0]}


def test_a_person_is_found_again_after_a_gap_and_not_after_a_long_one(rng):
    person = walk([0, 100], [4, 0], 100, rng)
    short = follow([person], hidden={(0, frame) for frame in range(30, 45)})
    assert set(short[0][short[0] >= 0]) == {0}
    long = follow([person], hidden={(0, frame) for frame in range(30, 85)})
    assert set(long[0][:30]) == {0} and set(long[0][85:]) == {1}


def test_joints_come_and_go(rng):
    people = [walk([0, 100], [5, 0], 40, rng), walk([120, 100], [5, 0], 40, rng)]
    for person in people:
        missing = rng.random(person.shape[:2]) < 0.3
        person[missing & (missing.sum(1, keepdims=True) <= 4)] = np.nan
    numbers = follow(people, shuffle=rng)
    assert set(numbers[0]) == {numbers[0, 0]} and set(numbers[1]) == {numbers[1, 0]}


def test_a_newcomer_gets_a_new_number_and_a_far_person_is_another(rng):
    tracker = tracking.Tracker(25)
    person = walk([0, 0], [2, 0], 3, rng)
    assert tracker.update(0, person[:1]).tolist() == [0]
    assert tracker.update(1, np.stack([person[1] + [500, 0], person[1]])).tolist() == [1, 0]
    assert tracker.update(4, person[2:] + [0, 900]).tolist() == [2]
    assert tracker.update(5, np.zeros([0, 7, 2])).tolist() == []


def test_weights_of_zero_are_missing_joints(rng):
    person = walk([0, 0], [2, 0], 2, rng)
    wild = person[1:].copy()
    wild[0, 2:5] = 9000
    weights = np.ones([1, 7])
    weights[0, 2:5] = 0
    tracker = tracking.Tracker(25)
    tracker.update(0, person[:1])
    assert tracker.update(1, wild, weights).tolist() == [0]


def test_frames_of_any_rate(rng):
    slow = [walk([0, 0], [30, 0], 20, rng), walk([600, 0], [-30, 0], 20, rng, scale=1.2)]
    numbers = follow(slow, fps=6.0, hidden={(0, frame) for frame in range(9, 12)})
    assert set(numbers[0][numbers[0] >= 0]) == {0} and set(numbers[1]) == {1}


def test_similarity_is_one_for_the_same_and_zero_where_little_is_shared(rng):
    poses = rng.uniform(0, 100, [3, 7, 2])
    lacking = poses.copy()
    lacking[1, 2:] = np.nan
    alike = tracking.similarity(poses, lacking, [1e3] * 3)
    assert alike.shape == (3, 3)
    np.testing.assert_allclose(np.diag(alike), [1, 0, 1])
    expected = np.exp(-np.sum((poses[0] - poses[2]) ** 2, -1) / (2 * 0.01 * 1e3)).mean()
    np.testing.assert_allclose(alike[0, 2], expected)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), None])
def test_bad_fps(fps):
    with pytest.raises(ValueError, match="`fps` must be a positive number"):
        tracking.Tracker(fps)


def test_bad_frames():
    tracker = tracking.Tracker(25)
    tracker.update(3, POSE[np.newaxis])
    with pytest.raises(ValueError, match="`frame` must be later than 3"):
        tracker.update(3, POSE[np.newaxis])
    with pytest.raises(ValueError, match=r"`landmarks` must have shape \[P, L, 2\]"):
        tracker.update(4, POSE)
