"""Reads a lifting network back from a file or from a run."""

import pathlib
import zipfile

import tensorflow as tf

from tf_lift.models.lifting_cpm import describe

__all__ = ["load_lifting_cpm"]


def load_lifting_cpm(path) -> tf.keras.Model:
    """Loads a lifting network, not compiled.

    Args:
        path: `.keras` file, or the folder of a run, which has a `model.keras`.

    Raises:
        ValueError: If the file is damaged or holds another kind of model.
        FileNotFoundError: If there is no such file.
    """
    path = pathlib.Path(path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise FileNotFoundError(f"There is no network at {file}")
    if not zipfile.is_zipfile(file):
        raise ValueError(
            f"`model` must be a .keras file. Received: {file}, damaged or another kind"
        )
    try:
        model = tf.keras.models.load_model(file, compile=False)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"`model` must be a .keras file of tf_lift: {file} ({error})") from error
    describe(model)
    return model
