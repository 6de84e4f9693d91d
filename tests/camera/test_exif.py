"""The camera that a photo's EXIF data describe."""

import math

import numpy as np
import pytest
from PIL import ExifTags, Image

from tf_lift.camera import exif

TAGS = ExifTags.Base


def save(path, size=(60, 40), focal_mm=None, orientation=None, taken=None):
    data = Image.Exif()
    if orientation:
        data[TAGS.Orientation] = orientation
    details = data.get_ifd(ExifTags.IFD.Exif)
    if focal_mm is not None:
        details[TAGS.FocalLengthIn35mmFilm] = focal_mm
    if taken:
        details[TAGS.ExifImageWidth], details[TAGS.ExifImageHeight] = taken
    Image.new("RGB", size).save(path, exif=data)
    return path


def test_the_focal_length_relates_to_the_diagonal(tmp_path):
    """An image of 3:2 is the film: 36 mm are its width."""
    camera = exif.camera_of(save(tmp_path / "a.jpg", focal_mm=30))
    np.testing.assert_allclose(camera.focal_length, 60 * 30 / 36)
    assert camera.image_size == (60, 40)
    assert camera.pitch is None and camera.roll is None
    square = exif.camera_of(save(tmp_path / "b.jpg", (50, 50), 30))
    np.testing.assert_allclose(square.focal_length, 30 * math.hypot(50, 50) / math.hypot(24, 36))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_image(tmp_path, orientation):
    path = save(tmp_path / "a.jpg", focal_mm=30, orientation=orientation, taken=(600, 400))
    camera = exif.camera_of(path)
    assert camera.image_size == ((40, 60) if orientation > 4 else (60, 40))
    np.testing.assert_allclose(camera.focal_length, 50)


@pytest.mark.parametrize(
    "options", [{}, {"focal_mm": 0}, {"focal_mm": 30, "taken": (300, 400)}, {"focal_mm": 9000}]
)
def test_no_camera(tmp_path, options):
    assert exif.camera_of(save(tmp_path / "a.jpg", **options)) is None


def test_files_without_exif_data(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no image")
    assert exif.camera_of(tmp_path / "a.jpg") is None
    assert exif.camera_of(tmp_path / "b.jpg") is None
    Image.new("L", (3, 3)).save(tmp_path / "c.bmp")
    assert exif.camera_of(tmp_path / "c.bmp") is None


def test_large_images_are_no_warning(tmp_path, monkeypatch):
    path = save(tmp_path / "a.jpg", focal_mm=30)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1500)
    assert exif.camera_of(path).image_size == (60, 40)
