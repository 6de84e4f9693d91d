import pathlib

import numpy as np
import pytest
from PIL import Image

from tf_lift.inference import detectors, images


def test_read_image_is_rgb_and_upright(tmp_path):
    pixels = np.zeros([20, 30, 3], np.uint8)
    pixels[:, :10] = (250, 10, 20)
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was turned: show after a quarter turn clockwise.
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    image = images.read_image(tmp_path / "turned.png")
    assert image.shape == (30, 20, 3)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[5, 5], (250, 10, 20))
    np.testing.assert_array_equal(image[15, 5], (0, 0, 0))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_read_image_of_any_mode(tmp_path, mode):
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.new(mode, (12, 8)).save(path)
    assert images.read_image(path).shape == (8, 12, 3)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("keep", [0, 10, 200, 400])
def test_truncated_image(tmp_path, rng, ending, keep):
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(rng.integers(0, 255, [40, 40, 3]).astype(np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    with pytest.raises(ValueError, match=rf"`path` must be a whole image .*cut.{ending}"):
        images.read_image(path)


CASES = pathlib.Path(__file__).resolve().parents[1] / "cases" / "21-images"


@pytest.fixture(scope="module")
def case_detector():
    return detectors.BeliefMapDetector(CASES / "detector", "h36m17")


@pytest.mark.parametrize(
    "name", sorted(path.name for path in CASES.glob("[!s]*.*") if path.name != "rgb8.png")
)
def test_every_form_of_a_picture_shows_the_same_person(case_detector, name):
    expected = images.read_image(CASES / "rgb8.png")
    found = images.read_image(CASES / name)
    # JPEG is not exact at the edges of the dots.
    tolerance = 40 if name.endswith("jpg") else 0
    assert np.abs(found.astype(int) - expected).max() <= tolerance
    landmarks = [case_detector.detect(image).landmarks for image in (found, expected)]
    np.testing.assert_allclose(*landmarks, atol=0.5)
    assert len(np.unique(landmarks[1].round(), axis=0)) == 17


def test_a_photo_is_the_same_upright_and_turned():
    turned, upright = (
        images.read_image(CASES / f"synthetic_{name}.jpg").astype(int)
        for name in ("exif6", "upright")
    )
    assert np.abs(turned - upright).mean() < 2


def test_sixteen_bits_of_grey(tmp_path):
    values = np.linspace(0, 65535, 12 * 8).reshape(8, 12).astype(np.uint16)
    for ending in ("png", "tif"):
        Image.fromarray(values).save(tmp_path / f"grey.{ending}")
        image = images.read_image(tmp_path / f"grey.{ending}")
        np.testing.assert_array_equal(image[..., 2], np.rint(values / 257))


@pytest.mark.parametrize(
    ("values", "message"),
    [(np.full([4, 4], 70000, np.int32), "16 bits"), (np.ones([4, 4], np.float32), "floating")],
)
def test_pixels_of_an_unknown_range_are_refused(tmp_path, values, message):
    Image.fromarray(values).save(tmp_path / "image.tif")
    with pytest.raises(ValueError, match=message):
        images.read_image(tmp_path / "image.tif")


def test_the_limit_of_pixels_is_checked_before_decoding(tmp_path):
    # 300 million pixels in 300 KB, beyond Pillow's own limit, too.
    Image.new("1", (20000, 15000)).save(tmp_path / "bomb.png")
    with pytest.raises(ValueError, match=r"20000 x 15000 px, more than `max_pixels`, 250,000,000"):
        images.read_image(tmp_path / "bomb.png")
    Image.new("1", (200, 100)).save(tmp_path / "small.png")
    with pytest.raises(ValueError, match="200 x 100 px, more than `max_pixels`, 19,999"):
        images.read_image(tmp_path / "small.png", max_pixels=19_999)
    assert images.read_image(tmp_path / "small.png", max_pixels=20_000).shape == (100, 200, 3)
    assert Image.MAX_IMAGE_PIXELS is not None


def test_a_large_image_within_the_limit_raises_no_warning(tmp_path):
    # Pillow alone warns of it.
    Image.new("1", (10000, 9500)).save(tmp_path / "large.png")
    assert images.read_image(tmp_path / "large.png").shape == (9500, 10000, 3)


def test_the_first_picture_of_an_animation(tmp_path):
    pictures = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    for ending in ("gif", "png", "webp"):
        path = tmp_path / f"moving.{ending}"
        pictures[0].save(path, save_all=True, append_images=pictures[1:])
        image = images.read_image(path)
        assert image.shape == (4, 6, 3)
        assert image[0, 0, 0] > 240 and image[0, 0, 2] < 15


def test_no_image(tmp_path):
    with pytest.raises(ValueError, match="which does not exist"):
        images.read_image(tmp_path / "nothing.png")
    with pytest.raises(ValueError, match="which is not a file"):
        images.read_image(tmp_path)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 100), (100, 100)),
        ((None, 40), (80, 40)),
        ((56, None), (56, 32)),
        ((30, 400), (30, 400)),
    ],
)
def test_letterbox_keeps_the_aspect(size, expected):
    # 100 x 50 px, a white square of 10 px whose middle is at (54.5, 24.5).
    image = np.zeros([50, 100, 3], np.uint8)
    image[20:30, 50:60] = 255
    fitted = images.letterbox(image, size)
    assert fitted.pixels.shape == (expected[1], expected[0], 3)
    weights = fitted.pixels[..., 0]
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    middle = np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()
    np.testing.assert_allclose(fitted.to_image(middle), [54.5, 24.5], atol=0.25)
    assert abs(fitted.scale[0] / fitted.scale[1] - 1) < 0.04


def test_letterbox_repeats_the_edge():
    image = np.full([10, 10, 3], 7, np.uint8)
    image[-1] = 99
    pixels = images.letterbox(image, (10, 16)).pixels
    assert (pixels[10:] == 99).all()
    assert (pixels[:9] == 7).all()


def test_letterbox_of_a_box_over_the_border():
    image = np.arange(60 * 80 * 3, dtype=np.uint32).reshape(60, 80, 3).astype(np.uint8)
    fitted = images.letterbox(image, (40, 30), box=(-10, 30, 50, 300))
    # What is left of the box is 40 x 30 px, so one pixel is one pixel.
    np.testing.assert_array_equal(fitted.pixels, image[30:60, 0:40])
    np.testing.assert_allclose(fitted.to_image(np.array([3.0, 4.0])), [3, 34])


@pytest.mark.parametrize("size", [(None, None), (0, 10), (-1, None)])
def test_letterbox_size(size):
    with pytest.raises(ValueError, match="`size` must be"):
        images.letterbox(np.zeros([8, 8, 3], np.uint8), size)
