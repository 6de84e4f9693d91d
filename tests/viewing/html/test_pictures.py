import base64
import io

import numpy as np
import pytest
from PIL import Image

from tf_lift.viewing.html import pictures


def opened(jpeg):
    return Image.open(io.BytesIO(base64.b64decode(jpeg)))


def noisy_frames(count, rng):
    for number in range(count):
        yield number, rng.integers(0, 255, [60, 80, 3], np.uint8)


def test_an_image_is_made_smaller_and_keeps_its_size_in_mind():
    image = np.zeros([1000, 4000, 3], np.uint8)
    image[..., 0] = 200
    found = pictures.from_image(image)
    assert found.size == (4000, 1000)
    picture = opened(found.jpegs[0])
    assert picture.format == "JPEG" and picture.size == (1280, 320)
    np.testing.assert_allclose(np.asarray(picture)[100, 100], [200, 0, 0], atol=6)


def test_frames_are_those_of_the_poses(rng):
    found = pictures.from_frames(noisy_frames(20, rng), [3, 7, 12])
    assert found.frames == [3, 7, 12] and len(found.jpegs) == 3 and found.step == 1


def test_frames_are_thinned_out_to_the_limit(rng):
    whole = pictures.from_frames(noisy_frames(40, rng), range(40))
    size = sum(len(base64.b64decode(jpeg)) for jpeg in whole.jpegs) / 1e6
    found = pictures.from_frames(noisy_frames(40, rng), range(40), megabytes=size / 3)
    assert found.step == 4 and found.frames == list(range(0, 40, 4))
    assert sum(len(base64.b64decode(jpeg)) for jpeg in found.jpegs) <= size / 3 * 1e6


def test_a_video_that_is_not_of_the_poses_is_refused(rng):
    with pytest.raises(ValueError, match="of the poses, 100 to 101. Received: 5 frames"):
        pictures.from_frames(noisy_frames(5, rng), [100, 101])
    with pytest.raises(ValueError, match="`megabytes` must be positive. Received: 0"):
        pictures.from_frames(noisy_frames(5, rng), [0], megabytes=0)
