"""The two networks that find people: which files they are, where they lie, and how they run."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from tf_lift.io import extras, native_output

__all__ = [
    "DETECTION",
    "FOLDER_VARIABLE",
    "LANDMARKS",
    "NETWORKS",
    "Network",
    "NetworkFile",
    "default_folder",
    "missing",
    "state",
]

# Environment variable that names the folder of the networks, in place of the user's cache.
FOLDER_VARIABLE = "TF_LIFT_DETECTOR_FOLDER"


@dataclasses.dataclass(frozen=True)
class NetworkFile:
    """A file of a network, known by its checksum.

    Attributes:
        name: Name of the file.
        num_bytes: Its size.
        sha256: Its SHA-256, in hexadecimal digits.
        input_size: Side of the network's square input, px.
        outputs: Shape of each output that is used, by name. No two outputs of a network have
            the same shape, so the shape identifies them.
    """

    name: str
    num_bytes: int
    sha256: str
    input_size: int
    outputs: Mapping[str, tuple[int, ...]]


# Finds faces, and with each the middle of the hips and the circle around the body.
DETECTION = NetworkFile(
    "pose_detection.tflite",
    2_959_046,
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    224,
    {"boxes": (1, 2254, 12), "logits": (1, 2254, 1)},
)

# Finds 33 landmarks, and 6 auxiliary ones, of the person in a square around a body.
LANDMARKS = NetworkFile(
    "pose_landmark_full.tflite",
    6_440_512,
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    256,
    {"landmarks": (1, 195), "person": (1, 1), "heat_maps": (1, 64, 64, 39)},
)

NETWORKS = (DETECTION, LANDMARKS)


def default_folder() -> pathlib.Path:
    """Returns the folder of the networks: that of `TF_LIFT_DETECTOR_FOLDER`, else a cache.

    Raises:
        ImportError: If the folder has to be in the user's cache and `platformdirs` is missing.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return pathlib.Path(named).expanduser()
    platformdirs = extras.require("platformdirs", "finding people", "detector")
    return platformdirs.user_cache_path("tf_lift", appauthor=False) / "detector"


def state(file: NetworkFile, folder: str | os.PathLike) -> str:
    """Returns whether a file is "installed", "missing" or "damaged" in a folder.

    Raises:
        OSError: If there is such a file, but it cannot be read.
    """
    path = pathlib.Path(folder) / file.name
    if not path.is_file():
        return "missing"
    whole = hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    return "installed" if whole else "damaged"


def missing(folder: str | os.PathLike) -> list[NetworkFile]:
    """Returns the files that are not whole in a folder."""
    return [file for file in NETWORKS if state(file, folder) != "installed"]


class Network:
    """Runs one of the two networks on the CPU with LiteRT, one image at a time.

    Not for several threads at once: they would share the buffers.

    Args:
        file: Which network.
        folder: Folder of its file.
        num_threads: Number of threads of the CPU.

    Raises:
        ImportError: If LiteRT is not installed.
        ValueError: If the file has other outputs than this network.
    """

    def __init__(self, file: NetworkFile, folder: str | os.PathLike, num_threads: int = 1):
        litert = extras.require("ai_edge_litert.interpreter", "finding people", "detector")
        path = pathlib.Path(folder) / file.name
        with native_output.hidden():
            self._interpreter = litert.Interpreter(model_path=str(path), num_threads=num_threads)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        found = {
            tuple(int(side) for side in details["shape"]): details["index"]
            for details in self._interpreter.get_output_details()
        }
        lacking = [shape for shape in file.outputs.values() if shape not in found]
        if lacking:
            raise ValueError(
                f"{path} must have outputs of the shapes {list(file.outputs.values())}. "
                f"Received: {list(found)}"
            )
        self._outputs = {name: found[shape] for name, shape in file.outputs.items()}

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs by name, without their first dimension.

        Args:
            pixels: Array of shape `[size, size, 3]`, float32, in the range that the network
                expects.
        """
        self._interpreter.set_tensor(self._input, pixels[np.newaxis])
        self._interpreter.invoke()
        return {
            name: self._interpreter.get_tensor(index)[0] for name, index in self._outputs.items()
        }
