"""The package's atomic writer, loaded from its file.

`import tf_lift` loads TensorFlow, which machines that only run exported programs lack.
"""

import importlib.util
import pathlib

__all__ = ["replacing_folder", "write_text"]

_SOURCE = pathlib.Path(__file__).resolve().parents[2] / "tf_lift" / "io" / "atomic.py"


def _load():
    spec = importlib.util.spec_from_file_location("benchmarks_tf_lift_io_atomic", _SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_module = _load()
replacing_folder = _module.replacing_folder
write_text = _module.write_text
