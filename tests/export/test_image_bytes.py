"""Image files in a graph: the same pixels as `read_image` gives."""

import io
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lift.export import image_bytes
from tf_lift.inference import images


@pytest.fixture(scope="module")
def decode():
    return tf.function(
        image_bytes.decode, input_signature=[tf.TensorSpec([], tf.string, name="content")]
    )


def picture(mode="RGB", height=24, width=40):
    """A smooth picture without any symmetry."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    rgb = 255 * np.stack([x, y**2, (x + y) / 2], -1)
    image = Image.fromarray(rgb.round().astype(np.uint8))
    if mode == "I;16":
        return Image.fromarray((65535 * x * y).astype(np.uint16))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray((255 * x).astype(np.uint8)))
    return image.convert(mode)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_of(orientation, more=False):
    exif = Image.Exif()
    if more:
        exif[0x010F] = "Maker" * 40
        exif[0x0132] = "2026:01:01 00:00:00"
    exif[0x0112] = orientation
    return exif


def check(decode, content, tmp_path, tolerance=0):
    (tmp_path / "image").write_bytes(content)
    expected = images.read_image(tmp_path / "image").astype(np.float32)
    found = decode(content).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance
    return expected


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA", "I;16"])
def test_a_png_of_any_mode(decode, tmp_path, mode):
    image = picture(mode)
    pixels = check(decode, encode(image, "png"), tmp_path)
    assert len(np.unique(pixels)) > 1
    if mode == "I;16":
        np.testing.assert_array_equal(pixels[..., 0], np.rint(np.asarray(image) / 257))
    if mode == "RGBA":
        alpha = np.asarray(image)[..., 3:] / 255
        np.testing.assert_array_equal(pixels, np.rint(np.asarray(image)[..., :3] * alpha))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("mode", ["L", "P"])
def test_few_bits(decode, tmp_path, mode, bits):
    levels = (np.asarray(picture("L")) >> (8 - bits)).astype(np.uint8)
    image = Image.fromarray(levels)
    if mode == "P":
        image.putpalette(list(range(40, 40 + 3 * 2**bits)))
        pixels = check(decode, encode(image, "png", bits=bits), tmp_path)
        np.testing.assert_array_equal(pixels[..., 0], 40 + 3 * levels.astype(int))
        return
    content = grey_png(levels, bits)
    pixels = check(decode, content, tmp_path)
    np.testing.assert_array_equal(pixels[..., 1], levels * (255 // (2**bits - 1)))


def grey_png(levels, bits):
    """Writes grey levels of few bits, which Pillow reads and does not write."""

    def chunk(kind, data):
        check_sum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + check_sum

    height, width = levels.shape
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    digits = (levels[..., np.newaxis] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(digits.reshape(height, -1), axis=1)
    data = zlib.compress(np.pad(rows, [[0, 0], [1, 0]]).tobytes())
    parts = chunk(b"IHDR", size + bytes([bits, 0, 0, 0, 0])) + chunk(b"IDAT", data)
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def test_transparency_of_a_palette_and_of_one_colour(decode, tmp_path):
    image = picture("P")
    check(decode, encode(image, "png", transparency=int(np.asarray(image)[3, 30])), tmp_path)
    grey = picture("L")
    pixels = check(decode, encode(grey, "png", transparency=int(np.asarray(grey)[3, 30])), tmp_path)
    assert (pixels[3, 30] == 0).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_of_any_mode(decode, tmp_path, mode):
    # Two decoders of JPEG may round differently.
    check(decode, encode(picture(mode), "jpeg", quality=95), tmp_path, tolerance=2)


@pytest.mark.parametrize("kind", ["gif", "bmp"])
def test_other_files(decode, tmp_path, kind):
    options = {"save_all": True, "append_images": [picture("L")]} if kind == "gif" else {}
    check(decode, encode(picture("P" if kind == "gif" else "RGB"), kind, **options), tmp_path)


@pytest.mark.parametrize("kind", ["jpeg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(decode, tmp_path, kind, orientation):
    exif = exif_of(orientation, more=orientation % 2)
    content = encode(picture(), kind, exif=exif)
    assert image_bytes.orientation(tf.constant(content)) == orientation
    pixels = check(decode, content, tmp_path, tolerance=2)
    assert pixels.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    # Where the dark corner of the picture is now.
    corner = (pixels[0, 0].sum() < 60, pixels[-1, -1].sum() < 60)
    assert corner == (orientation in (1, 5), orientation in (3, 7))


@pytest.mark.parametrize("endian", ["little", "big"])
def test_both_byte_orders(endian):
    def number(value, size):
        return value.to_bytes(size, endian)

    tiff = (b"II" if endian == "little" else b"MM") + number(42, 2) + number(8, 4)
    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(6, 2) + bytes(2)
    tiff += number(1, 2) + entry + number(0, 4)
    content = encode(picture(), "jpeg")
    segment = b"Exif\0\0" + tiff
    content = (
        content[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + content[2:]
    )
    assert image_bytes.orientation(tf.constant(content)) == 6


def test_an_orientation_that_is_none_or_broken_means_upright():
    good = encode(picture(), "jpeg", exif=exif_of(6))
    place = good.index(b"Exif")
    for content in (
        b"",
        b"\xff\xd8",
        good[:20],
        good[: place + 12],
        encode(picture(), "jpeg", exif=exif_of(9)),
        encode(picture(), "bmp"),
        # Offsets that point anywhere.
        good[: place + 10] + b"\xff" * 8 + good[place + 18 :],
        b"\xff\xd8" + b"\xff\xe0\x00\x00" * 200,
    ):
        assert image_bytes.orientation(tf.constant(content)) == 1


def test_one_pixel(decode, tmp_path):
    check(decode, encode(Image.new("RGB", (1, 1), (10, 200, 30)), "png"), tmp_path)
