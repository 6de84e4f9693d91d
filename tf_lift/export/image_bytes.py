"""Decodes image files inside a graph: upright, any bit depth, alpha over black.

`tf_lift.inference.read_image` gives the same pixels from the same file.
"""

import tensorflow as tf

__all__ = ["decode", "orientation"]

# Bytes of a file that are searched for its orientation: cameras write it into the first 64 KB.
_HEADER = 1 << 17
# Segments or chunks before the pixels that are looked at.
_MAX_PARTS = 64
_ORIENTATION_TAG = 0x0112


def decode(content) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF (its first frame) or BMP file.

    Args:
        content: Scalar string: the file's bytes.

    Returns:
        `[height, width, 3]`, float32, whole numbers from 0 to 255, RGB, upright as the file's
        EXIF orientation says. 16 bits are divided by 257, colours that are transparent are
        mixed with black.
    """
    pixels = tf.case(
        [
            (tf.io.is_jpeg(content), lambda: _decode_jpeg(content)),
            (_is_png(content), lambda: _decode_png(content)),
        ],
        default=lambda: _decode_other(content),
    )
    pixels.set_shape([None, None, 3])
    return _upright(pixels, orientation(content))


def _decode_jpeg(content):
    # Converts CMYK, too. The default method is quick, and off by up to 20 levels.
    pixels = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")
    return tf.cast(pixels, tf.float32)


def _decode_png(content):
    depth = _byte(content, 24)
    pixels = tf.cond(
        tf.equal(depth, 16),
        lambda: tf.cast(tf.io.decode_png(content, channels=4, dtype=tf.uint16), tf.float32) / 257,
        lambda: tf.cast(tf.io.decode_png(content, channels=4), tf.float32),
    )
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    # TensorFlow adds an opaque alpha of as few bits as the file has, and does not scale it up.
    opaque = tf.cast(tf.bitwise.left_shift(1, tf.minimum(depth, 8)) - 1, tf.float32)
    alpha *= tf.where(tf.reduce_max(alpha) <= opaque, 255 / opaque, 1.0)
    return tf.round(colour * (alpha / 255))


def _byte(content, place):
    return tf.cast(tf.io.decode_raw(tf.strings.substr(content, place, 1), tf.uint8)[0], tf.int32)


def _decode_other(content):
    return tf.cast(tf.io.decode_image(content, channels=3, expand_animations=False), tf.float32)


def _is_png(content):
    return tf.equal(tf.strings.substr(content, 0, 4), b"\x89PNG")


def orientation(content) -> tf.Tensor:
    """Reads the EXIF orientation of a JPEG or PNG file.

    Args:
        content: Scalar string: the file's bytes.

    Returns:
        Scalar, int32, 1 to 8; 1, upright, where the file has none that is valid.

    References:
        CIPA. Exchangeable image file format (Exif 2.32). ISO 10918-1, B.1. W3C. PNG, 11.3.2.12.
    """
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(content, 0, _HEADER), tf.uint8), tf.int32)
    # Reading beyond the end gives zeros, which mean nothing anywhere below.
    size = tf.size(header)
    header = tf.pad(header, [[0, 16]])

    def byte(place):
        inside = (place >= 0) & (place < size)
        return tf.where(inside, tf.gather(header, tf.where(inside, place, 0)), 0)

    def number(place, count, big=True):
        parts = [byte(place + i) for i in range(count)]
        parts = (
            parts
            if big is True
            else [
                tf.where(big, part, other) for part, other in zip(parts, parts[::-1], strict=True)
            ]
        )
        total = tf.zeros_like(parts[0])
        for part in parts:
            total = total * 256 + part
        return total

    start = tf.cond(
        _is_png(content),
        lambda: _find_in_png(number),
        lambda: tf.cond(
            tf.io.is_jpeg(content), lambda: _find_in_jpeg(number), lambda: tf.constant(-1)
        ),
    )
    return tf.where(start >= 0, _read_tiff(number, start), 1)


def _find_in_jpeg(number):
    """Returns where the EXIF data begin, -1 for nowhere: in the segment APP1."""

    def is_exif(place):
        return (number(place, 2) == 0xFFE1) & (number(place + 4, 3) == 0x457869)  # "Exi"

    def goes_on(place):
        marker = number(place, 2)
        return (marker > 0xFF00) & (marker != 0xFFDA) & ~is_exif(place)

    place = _walk(tf.constant(2), goes_on, lambda place: place + 2 + number(place + 2, 2))
    return tf.where(is_exif(place), place + 10, -1)


def _find_in_png(number):
    """Returns where the EXIF data begin, -1 for nowhere: in the chunk eXIf."""

    def is_exif(place):
        return number(place + 4, 3) == 0x655849  # "eXI"

    def goes_on(place):
        kind = number(place + 4, 3)
        return (kind > 0) & (kind != 0x494441) & ~is_exif(place)  # "IDA"

    def following(place):
        # A length that no header has ends the walk beyond the header.
        return place + 12 + tf.minimum(number(place + 1, 3), _HEADER)

    place = _walk(tf.constant(8), goes_on, following)
    return tf.where(is_exif(place), place + 8, -1)


def _walk(place, goes_on, following):
    return tf.while_loop(
        goes_on, lambda place: [following(place)], [place], maximum_iterations=_MAX_PARTS
    )[0]


def _read_tiff(number, start):
    """Returns the orientation among the entries of a TIFF header's first directory."""
    big = number(start, 2) == 0x4D4D
    directory = start + tf.clip_by_value(number(start + 4, 4, big), 0, _HEADER)
    count = tf.minimum(number(directory, 2, big), 512)
    entries = directory + 2 + 12 * tf.range(count)
    found = number(entries, 2, big) == _ORIENTATION_TAG
    values = tf.where(found, number(entries + 8, 2, big), 0)
    value = tf.reduce_max(tf.concat([[1], values], 0))
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _upright(pixels, orientation):
    """Turns and mirrors pixels as an orientation from 1 to 8 says."""
    # 2, 4 are mirrored, 3, 4 upside down; from 5 on rows and columns are exchanged first.
    pixels = tf.cond(orientation >= 5, lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    across = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    pixels = tf.cond(across, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    return tf.cond(down, lambda: tf.reverse(pixels, [0]), lambda: pixels)
