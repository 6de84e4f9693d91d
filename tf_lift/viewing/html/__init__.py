"""Poses as one HTML file to turn and play in a browser; `write_page` is its entry."""

from tf_lift.viewing.html import pictures
from tf_lift.viewing.html.page import build_page, write_page
from tf_lift.viewing.html.stage import frame_numbers

__all__ = ["build_page", "frame_numbers", "pictures", "write_page"]
