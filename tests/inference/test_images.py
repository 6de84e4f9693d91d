import numpy as np
import pytest
from PIL import Image

from tf_lift.inference import images


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
