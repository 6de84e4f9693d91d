"""People made of dots, and networks that see them."""

import numpy as np
import pytest
from dots import dot_model, draw_dots, save_model
from PIL import Image

from tf_lift import skeletons


@pytest.fixture(scope="session")
def standing(tiny_prior):
    """OpenPose-18 landmarks [18, 2], px of 320 x 240, of a person seen from the front."""
    weights = skeletons.joint_map(skeletons.H36M_17, skeletons.OPENPOSE_18)
    pose = tiny_prior.mean_pose[0] * 0.12
    landmarks = weights @ np.stack([pose[:, 0] + 160, 110 - pose[:, 2]], -1)
    # The prior's person has no face.
    head = {"nose": (0, 6), "right_eye": (-11, -8), "left_eye": (11, -8)}
    head |= {"right_ear": (-22, 2), "left_ear": (22, 2)}
    for name, (x, y) in head.items():
        landmarks[skeletons.OPENPOSE_18.joint_names.index(name)] = (160 + x, 24 + y)
    return np.round(landmarks)


@pytest.fixture(scope="session")
def dot_networks(tmp_path_factory):
    """Function from a format to the path of an OpenPose-18 network in that format."""
    folder = tmp_path_factory.mktemp("networks")
    paths = {}

    def find(kind):
        if kind not in paths:
            paths[kind] = save_model(dot_model(18, extra_channels=1), folder, kind)
        return paths[kind]

    return find


@pytest.fixture
def photo(standing, tmp_path):
    """Path of a photo of the standing person."""
    path = tmp_path / "person.png"
    Image.fromarray(draw_dots(standing)).save(path)
    return path


@pytest.fixture(scope="session")
def prior_path(tiny_prior, tmp_path_factory):
    path = tmp_path_factory.mktemp("prior") / "prior.npz"
    tiny_prior.save(path)
    return path
