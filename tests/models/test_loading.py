import zipfile

import pytest
import tensorflow as tf

from tf_lift import models


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no network at .*model.keras"):
        models.load_lifting_cpm(tmp_path)


def test_damaged_file(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"`model` must be a \.keras file.*damaged"):
        models.load_lifting_cpm(path)


def test_archive_of_something_else(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"`model` must be a \.keras file of tf_lift"):
        models.load_lifting_cpm(path)


def test_another_network(tmp_path):
    path = tmp_path / "model.keras"
    tf.keras.Sequential([tf.keras.Input([4]), tf.keras.layers.Dense(2)]).save(path)
    with pytest.raises(ValueError, match="must be a lifting network"):
        models.load_lifting_cpm(path)
