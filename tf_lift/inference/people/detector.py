"""Finds people in images, and follows them from frame to frame."""

import os
from collections.abc import Sequence

import numpy as np

from tf_lift import skeletons
from tf_lift.inference import images
from tf_lift.inference.people import landmarks, networks
from tf_lift.inference.people import search as search_
from tf_lift.inference.people.install import ensure
from tf_lift.inference.people.person import (
    Person,
    body_score,
    distinct,
    mean,
    same_place,
    surrounding_box,
    with_sides,
)
from tf_lift.inference.people.regions import Region, around_body, crop, upright

__all__ = ["PeopleDetector"]

# Probability from which a person counts.
MIN_PERSON = 0.5
# `body_score` from which a new person counts: in photos with wide margins, 95 % of the people
# have 0.75 and more, half of the findings that are none less than 0.63.
MIN_BODY = 0.6

# Rows after the skeleton's landmarks: the points that the next frame's region is built from.
_HIPS, _CIRCLE = landmarks.NUM_LANDMARKS, landmarks.NUM_LANDMARKS + 1


class PeopleDetector:
    """Finds the landmarks of all people in an image with the two networks of MediaPipe (BlazePose).

    The first network finds where people are, the second each person's landmarks. Both run on
    the CPU. They are downloaded at first use, which one line reports. See docs/detector.md.

    Not for several threads at once: each needs a detector of its own.

    Args:
        folder: Folder of the networks; `None` for the one that `TF_LIFT_DETECTOR_FOLDER` names,
            else the user's cache.
        mirrored: Whether each person is looked at in the mirror too, and the mean of both taken: a
            tenth more exact, and 15 ms more for each person.
        num_threads: Number of threads of each network. Both are small: 11 and 15 ms with one.

    Raises:
        ImportError: If the extra `detector` is not installed.
        ConnectionError: If the networks are not there and pip cannot download them.
        OSError: If the networks cannot be written.
        ValueError: If `num_threads` is below 1.

    Example::

        detector = tf_lift.inference.PeopleDetector()
        people = detector.detect(tf_lift.inference.read_image("party.jpg"))
    """

    skeleton = skeletons.MEDIAPIPE_33

    def __init__(
        self,
        folder: str | os.PathLike | None = None,
        *,
        mirrored: bool = True,
        num_threads: int = 1,
    ):
        if num_threads < 1:
            raise ValueError(f"`num_threads` must be at least 1. Received: {num_threads}")
        self.mirrored = mirrored
        folder = ensure(folder)
        self._detection = networks.Network(networks.DETECTION, folder, num_threads)
        self._landmarks = networks.Network(networks.LANDMARKS, folder, num_threads)

    def detect(
        self, image: np.ndarray, regions: Sequence[Region] = (), *, search: bool = False
    ) -> list[Person]:
        """Finds the people in an image.

        Args:
            image: Array of shape `[height, width, 3]`, uint8, RGB.
            regions: `Person.region` of the people of the previous frame, if the image is one of
                a video. Only if one of them is lost, the image is searched for others.
            search: Whether to search for others anyway. A video needs that once in a while, as
                people enter.

        Returns:
            The people: those of `regions` in order, as far as they are still there, then others,
            the surest first. Nobody twice.

        Raises:
            ValueError: If the image is invalid.
        """
        image = images.check_image(image)
        followed = [self._follow(image, region) for region in regions]
        people = distinct(person for person in followed if person is not None)
        if search or not people or len(people) < len(regions):
            known = [person.region for person in people]
            new = [
                region
                for region in search_.find_bodies(image, self._detection)
                if not same_place(region, known)
            ]
            found = [self._find(image, region) for region in new]
            people = distinct([*people, *(person for person in found if person is not None)])
        return people

    def _find(self, image, region):
        """Returns the person in the region of a detection; `None` if there is none.

        A detection's region is rough. The landmarks that are seen in it give a better one.
        """
        first = self._look(image, region)
        person = None if first is None else self._follow(image, first.region)
        if person is None:
            return None
        body = body_score(person.landmarks, person.scores, image.shape[1::-1])
        return person if body >= MIN_BODY else None

    def _follow(self, image, region):
        """Returns the person in a region that landmarks gave; `None` if there is none.

        Turned along a leaning body, a region has the floor and the walls aslant, and the network
        then often takes a person's front for the back. So left and right are those that it sees
        in the region upright. The landmarks are more exact in the turned one.
        """
        person = self._look(image, region)
        if self.mirrored and person is not None:
            mirrored = self._look(image, region, mirrored=True)
            person = person if mirrored is None else mean(person, mirrored)
        if person is None or person.score < MIN_PERSON:
            return None
        level = upright(region)
        sides = None if level is region else self._look(image, level)
        return person if sides is None else with_sides(person, sides.landmarks)

    def _look(self, image, region, mirrored=False):
        """Returns what the landmark network sees in a region, whatever its score."""
        pixels = crop(image, region, networks.LANDMARKS.input_size).astype(np.float32) / 255
        outputs = self._landmarks(np.ascontiguousarray(pixels[:, ::-1]) if mirrored else pixels)
        points, scores = landmarks.decode(outputs)
        if mirrored:
            points[:, 0] = 1 - points[:, 0]
        points = region.to_image(points)
        following = around_body(points[_HIPS], points[_CIRCLE])
        if following is None:
            return None
        order = self.skeleton.swap if mirrored else range(self.skeleton.num_joints)
        points, scores = points[list(order)], scores[list(order)]
        box = surrounding_box(points, scores, image.shape[1::-1])
        return Person(points, scores, box, float(outputs["person"][0]), following)
