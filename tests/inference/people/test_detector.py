import json

import numpy as np
import pytest
from PIL import Image
from reference import people as reference

from tf_lift import inference, skeletons


@pytest.fixture(scope="module")
def detector(people_networks):
    return inference.PeopleDetector(people_networks)


@pytest.fixture(scope="module")
def skier(shared_path):
    """Photo of a skier, and COCO's keypoints `[17, 2]` and area of it."""
    image = np.asarray(Image.open(shared_path("data/images/000000000785.jpg")).convert("RGB"))
    (person,) = json.loads(shared_path("data/images/coco_785.json").read_text())["annotations"]
    return image, np.reshape(person["keypoints"], [17, 3])[:, :2], person["area"]


@pytest.fixture(scope="module")
def crew(shared_path):
    return np.asarray(Image.open(shared_path("data/images/apollo11_crew.jpg")).convert("RGB"))


# Noses of the three men, px.
CREW = np.array([[158, 203], [289, 115], [429, 208]])


def coco(person):
    joints = skeletons.convert(person.landmarks[None], "mediapipe33", "coco17")
    return joints.points[0]


def similarity(person, keypoints, area):
    return reference.keypoint_similarity(coco(person), keypoints, area)


def padded(image, margin):
    return np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="constant")


def test_skier(detector, skier):
    image, keypoints, area = skier
    (person,) = detector.detect(image)
    assert similarity(person, keypoints, area) >= 0.92
    assert person.landmarks.shape == (33, 2) and person.landmarks.dtype == np.float64
    assert person.scores.shape == (33,) and 0.5 < person.scores.min() <= person.scores.max() <= 1
    assert 0.99 < person.score <= 1
    # COCO's box is around the outline: the head's top, skis and poles are not landmarks.
    x, y, width, height = person.box
    assert 280 < x < 310 and 60 < y < 90 and 440 < x + width < 500 and 360 < y + height < 392


def test_region_finds_the_person_in_the_next_frame(detector, skier):
    image, keypoints, area = skier
    (person,) = detector.detect(image)
    # The camera turns: everything moves by 8 px, of a person of 300.
    moved = np.roll(image, 8, axis=1)
    (followed,) = detector.detect(moved, [person.region])
    found = coco(followed) - coco(person)
    np.testing.assert_allclose(found.mean(0), [8, 0], atol=2)
    assert similarity(followed, keypoints + [8, 0], area) > similarity(followed, keypoints, area)


def test_without_the_mirror(people_networks, skier):
    image, keypoints, area = skier
    (person,) = inference.PeopleDetector(people_networks, mirrored=False).detect(image)
    assert 0.88 < similarity(person, keypoints, area)


def test_mirrored_photo_has_the_mirrored_person(detector, skier):
    image, keypoints, area = skier
    (person,) = detector.detect(np.ascontiguousarray(image[:, ::-1]))
    mirrored = (keypoints * [-1, 1] + [image.shape[1] - 1, 0])[list(skeletons.COCO_17.swap)]
    assert similarity(person, mirrored, area) >= 0.9


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_people_who_lie_or_are_upside_down(detector, skier, turns):
    image, keypoints, area = skier
    (person,) = detector.detect(image)
    # Turns the region with the image: a detector of faces need not see a face that lies.
    turned, points, region = image, keypoints, person.region
    for _ in range(turns):
        width = turned.shape[1]
        turned = np.rot90(turned)
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], -1)
        centre = (region.centre[1], width - 1 - region.centre[0])
        region = inference.Region(centre, region.size, region.turn - np.pi / 2)
    (found,) = detector.detect(np.ascontiguousarray(turned), [region])
    assert similarity(found, points, area) >= 0.9


def noses(people):
    return np.array(sorted(person.landmarks[0].tolist() for person in people))


def test_all_three_of_the_crew(detector, crew):
    people = detector.detect(crew)
    assert np.abs(noses(people) - CREW).max() < 6
    again = detector.detect(crew, [person.region for person in people])
    assert np.abs(noses(again) - CREW).max() < 6
    # In the order of the regions.
    order = [person.landmarks[0, 0] for person in detector.detect(crew, [people[2].region])]
    assert len(order) == 1 and abs(order[0] - people[2].landmarks[0, 0]) < 6


def test_only_what_is_lost_is_searched(detector, crew, monkeypatch):
    people = detector.detect(crew)
    searches = []
    run = detector._detection
    monkeypatch.setattr(detector, "_detection", lambda pixels: searches.append(1) or run(pixels))
    one = [people[0].region]
    assert len(detector.detect(crew, one)) == 1 and not searches
    assert len(detector.detect(crew, one, search=True)) == 3 and searches
    searches.clear()
    away = inference.Region((5000.0, 5000.0), 300.0)
    found = detector.detect(crew, [*one, away])
    assert len(found) == 3 and searches
    assert np.abs(found[0].landmarks - people[0].landmarks).mean() < 10


def test_regions_of_one_person_give_one_person(detector, skier):
    image = skier[0]
    (person,) = detector.detect(image)
    near = inference.Region(person.region.centre, 1.05 * person.region.size, person.region.turn)
    assert len(detector.detect(image, [person.region, near])) == 1


def test_small_people_in_a_large_image(detector, skier):
    image, keypoints, area = skier
    (person,) = detector.detect(padded(image, 800))
    # 307 of 2240 px: the whole image shows no face any more.
    assert similarity(person, keypoints + 800, area) >= 0.9


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 900, 3), (240, 320, 3)])
def test_nobody_there(detector, rng, shape):
    assert detector.detect(np.full(shape, 128, np.uint8)) == []
    assert detector.detect(rng.integers(0, 256, shape).astype(np.uint8)) == []
    region = inference.Region((10.0, 10.0), 40.0)
    assert detector.detect(np.zeros(shape, np.uint8), [region]) == []


def test_bad_arguments(detector, people_networks):
    with pytest.raises(ValueError, match="`image` must be uint8 of shape"):
        detector.detect(np.zeros([10, 10], np.uint8))
    with pytest.raises(ValueError, match="`num_threads` must be at least 1. Received: 0"):
        inference.PeopleDetector(people_networks, num_threads=0)


def test_follows_a_man_who_leans(detector, shared_path):
    av = pytest.importorskip("av")
    path = shared_path("data/pose2sim/cam02.mp4")
    limbs = [
        skeletons.COCO_17.joint_names.index(f"{side}_{part}")
        for side in ("left", "right")
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    ]
    errors, regions = [], []
    with av.open(str(path)) as video:
        for index, frame in enumerate(video.decode(video=0)):
            # He leans in these.
            if not 40 <= index < 60:
                continue
            people = detector.detect(frame.to_ndarray(format="rgb24"), regions)
            regions = [person.region for person in people]
            file = shared_path(f"data/pose2sim/cam02_json/cam02.{index:04}.json")
            (known,) = json.loads(file.read_text())["people"]
            known = np.reshape(known["pose_keypoints_2d"], [25, 3])[:17]
            seen = [joint for joint in limbs if known[joint, 2] > 0]
            (person,) = people
            errors.append(np.linalg.norm(coco(person) - known[:, :2], axis=-1)[seen].mean())
    # He is 640 px high; with left and right exchanged the error is 250 px.
    assert np.mean(errors) < 25 and max(errors) < 80
