"""Builds the page: markup, style, scripts and data in one file."""

import base64
import functools
import html
import importlib.resources
import json
import os
import pathlib
import re

import numpy as np

from tf_lift.io import atomic, extras
from tf_lift.viewing import panels
from tf_lift.viewing.html import stage as stages
from tf_lift.viewing.html.pictures import Pictures

__all__ = ["build_page", "write_page"]

# Each uses names of those before it.
_SCRIPTS = ("recording.js", "colours.js", "bodies.js", "view.js", "picture.js", "player.js")
_LAST_SCRIPT = "main.js"

# Stands for an unknown deviation among 16-bit millimetres.
_UNKNOWN = 65535


def build_page(
    poses,
    *,
    title: str = "Poses",
    pictures: Pictures | None = None,
    fps: float | None = None,
) -> str:
    """Builds a page that shows poses in 3D; it is one HTML file that needs no other.

    Args:
        poses: `tf_lift.inference.Poses`.
        title: Heading; any text.
        pictures: Image or frames to show beside, of `tf_lift.viewing.html.pictures`.
        fps: Frames per second; `None` for what the poses say, else 25.

    Returns:
        The HTML.

    Raises:
        ImportError: If plotly is not installed.
        ValueError: If `fps` is not positive.
    """
    plotly = extras.require("plotly.offline", "a page of poses", "viewing")
    stage = stages.arrange(poses, fps)
    scripts = "\n".join(_asset(name) for name in (*_SCRIPTS, _LAST_SCRIPT))
    parts = {
        "title": html.escape(title),
        "style": _asset("page.css"),
        "plotly": plotly.get_plotlyjs(),
        "poses": _json(_content(stage, title)),
        "pictures": _json(_pictures(pictures)),
        "script": f'(() => {{\n"use strict";\n{scripts}\n}})();',
    }
    # One pass: what is put in is not searched for further places.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("page.html"))


def write_page(poses, path: str | os.PathLike, **options) -> pathlib.Path:
    """Writes the page of `build_page`, a whole file or none; a missing folder is made.

    Args:
        poses: `tf_lift.inference.Poses`.
        path: File, `.html` or `.htm`.
        **options: Of `build_page`.

    Returns:
        The path.

    Raises:
        ValueError: If the name ends in something else.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"`path` must end in .html. Received: {path}")
    text = build_page(poses, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, text)
    return path


@functools.cache
def _asset(name):
    folder = importlib.resources.files("tf_lift.viewing.html")
    return (folder / name).read_text(encoding="utf-8")


def _content(stage, title):
    skeleton = stage.skeleton
    root = stage.joints[:, :1]
    relative = np.clip(np.round((stage.joints - root) * 1000), -32767, 32767)
    known = np.isfinite(stage.stddev)
    stddev = np.where(known, np.clip(stage.stddev * 1000, 0, _UNKNOWN - 1), _UNKNOWN).round()
    return {
        "title": title,
        "skeleton": skeleton.name,
        "jointNames": [name.replace("_", " ") for name in skeleton.joint_names],
        "sides": [_side(name) for name in skeleton.joint_names],
        "bones": [list(bone) for bone in skeleton.bones],
        "colours": {name: panels.COLOURS[name] for name in ("left", "right")},
        "personNumbers": stage.person_numbers.tolist(),
        "slots": stage.slots.tolist(),
        "frameNumbers": stage.frame_numbers.tolist(),
        "times": np.round(stage.times, 4).tolist(),
        "rateIsKnown": stage.rate_is_known,
        "isPlaced": stage.is_placed,
        "low": np.round(stage.low, 3).tolist(),
        "high": np.round(stage.high, 3).tolist(),
        "firstRow": _packed(stage.first_row, "<i4"),
        "person": _packed(stage.person, "<i4"),
        "root": _packed(root, "<f4"),
        "joints": _packed(relative, "<i2"),
        "stddev": _packed(stddev, "<u2"),
        "landmarks": _packed(stage.landmarks, "<f4"),
        "visibility": _packed(stage.visibility, "u1"),
        "misfit": _packed(stage.misfit, "<f4"),
    }


def _pictures(pictures):
    if pictures is None:
        return None
    return {
        "size": list(pictures.size),
        "frames": list(pictures.frames),
        "jpegs": pictures.jpegs,
    }


def _side(name):
    side = name.split("_")[0]
    return side if side in ("left", "right") else "middle"


def _packed(array, dtype):
    """Returns an array as base64 of its bytes, little-endian: a tenth of its decimal digits."""
    return base64.b64encode(np.ascontiguousarray(array, dtype).tobytes()).decode("ascii")


def _json(content):
    """Returns JSON that may stand inside a script element, which "</" or "<!--" could end."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
