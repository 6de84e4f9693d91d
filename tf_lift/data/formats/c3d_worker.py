"""Opens one C3D file with ezc3d in a separate process, for `c3d`.

ezc3d 1.7 crashes its process (or loops forever) on some damaged files, so `c3d` runs it in a
process that may die. Run as `python c3d_worker.py FILE`; prints an npz.
"""

import io
import os
import sys

import numpy as np


def main(path: str) -> bytes:
    """Reads a file and returns the data that `c3d` needs, as an npz."""
    _limit_memory(4 * 2**30 + 30 * os.path.getsize(path))
    # Imported here, so that tools which import all modules of the library need no ezc3d.
    import ezc3d

    content = ezc3d.c3d(path)
    point = content["parameters"]["POINT"]

    def values(name, default):
        # A list too long for one parameter continues in LABELS2, LABELS3, ...
        found = [np.ravel(point[key]["value"]) for key in point if _is_part(key, name)]
        joined = np.concatenate(found) if found else np.array([])
        return joined if len(joined) else np.array(default)

    points = np.moveaxis(content["data"]["points"][:3], 0, 2).swapaxes(0, 1)
    residuals = content["data"]["meta_points"]["residuals"][0].T
    if residuals.shape != points.shape[:2]:
        residuals = np.zeros(points.shape[:2])
    segments, origins = _segments(content)
    stream = io.BytesIO()
    np.savez(
        stream,
        points=points,
        residuals=residuals,
        labels=values("LABELS", [""]).astype(str),
        units=values("UNITS", [""]).astype(str),
        rate=float(values("RATE", [0.0])[0]),
        scale=float(values("SCALE", [-1.0])[0]),
        x_screen=str(values("X_SCREEN", [""])[0]),
        y_screen=str(values("Y_SCREEN", [""])[0]),
        segments=segments,
        segment_origins=origins,
        segment_rate=_segment_rate(content),
    )
    return stream.getvalue()


def _segments(content):
    """Returns names and origins [T, S, 3] of segments that the file gives as 4x4 matrices."""
    matrices = content["data"].get("rotations")
    if matrices is None or matrices.ndim != 4 or not matrices.size:
        return np.array([], str), np.zeros([0, 0, 3])
    labels = np.ravel(content["parameters"]["ROTATION"]["LABELS"]["value"]).astype(str)
    return labels[: matrices.shape[2]], np.moveaxis(matrices[:3, 3], 0, 2).swapaxes(0, 1)


def _segment_rate(content):
    group = content["parameters"].get("ROTATION") or {}
    rate = np.ravel(group["RATE"]["value"]) if "RATE" in group else []
    return float(rate[0]) if len(rate) else 0.0


def _limit_memory(size):
    """Limits the memory of this process, in case a damaged file asks for all of it."""
    try:
        import resource
    except ImportError:
        return  # Windows.
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or size < hard:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


def _is_part(key, name):
    return key == name or (key.startswith(name) and key[len(name) :].isdigit())


if __name__ == "__main__":
    try:
        output = main(sys.argv[1])
    except Exception as error:
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
    sys.stdout.buffer.write(output)
