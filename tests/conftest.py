"""Fixtures of all tests."""

import dataclasses
import math
import os
import pathlib
import shutil

import numpy as np
import pytest

from tf_lift import skeletons

PROJECT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture
def rng():
    """Random generator with the same seed in every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_prior():
    """A mixture of two PPCA models with four bases over the 17 joints, shaped like a person."""
    from tf_lift import prior

    rng = np.random.default_rng(17)
    standing = _standing_pose()
    arms_up = standing.copy()
    arms_up[[12, 13, 15, 16], 2] = [640, 880, 640, 880]
    mean_pose = np.stack([standing, arms_up])
    size, joints = mean_pose.shape[:2]
    # The pelvis is the origin of every pose, so no basis moves it.
    basis = rng.standard_normal([size, 4, joints, 3])
    basis[:, :, 0] = 0.0
    orthonormal = np.linalg.qr(basis.reshape(size, 4, -1).swapaxes(1, 2))[0]
    return prior.PosePrior(
        mean_pose=mean_pose,
        basis=orthonormal.swapaxes(1, 2).reshape(basis.shape),
        stddev=np.array([[300.0, 180.0, 120.0, 60.0], [250.0, 200.0, 90.0, 50.0]]),
        noise_stddev=np.array([15.0, 12.0]),
        mixture_weights=np.array([0.7, 0.3]),
        skeleton="h36m17",
    )


@pytest.fixture(scope="session")
def cmu_prior():
    """The smaller prior that ships, of CMU's marks."""
    from tf_lift import prior

    return prior.PosePrior.load("cmu")


def _standing_pose():
    """Returns [17, 3] mm, z up, facing -y: a person who stands with the arms at the sides."""
    places = {
        "pelvis": (0, 0, 0),
        "right_hip": (-130, 0, 0),
        "right_knee": (-140, -20, -440),
        "right_ankle": (-150, 20, -880),
        "spine": (0, 10, 240),
        "thorax": (0, 0, 490),
        "neck_nose": (0, -60, 590),
        "head_top": (0, -10, 700),
        "right_shoulder": (-150, 0, 450),
        "right_elbow": (-210, 20, 170),
        "right_wrist": (-230, -60, -70),
    }
    for name, (x, y, z) in list(places.items()):
        places[name.replace("right_", "left_")] = (x if "right_" not in name else -x, y, z)
    return np.array([places[name] for name in skeletons.H36M_17.joint_names], np.float64)


@pytest.fixture(scope="session")
def small_prior():
    """Two components of three bases over seven joints: brute force of it takes no time."""
    from tf_lift import prior

    rng = np.random.default_rng(7)
    mean_pose = rng.standard_normal([2, 7, 3]) * [150.0, 100.0, 400.0]
    mean_pose[:, 0] = 0
    basis = np.linalg.qr(rng.standard_normal([2, 18, 3]))[0].swapaxes(1, 2)
    basis = np.concatenate([np.zeros([2, 3, 3]), basis], 2).reshape(2, 3, 7, 3)
    names = tuple(f"joint_{index}" for index in range(7))
    return prior.PosePrior(
        mean_pose=mean_pose,
        basis=basis,
        stddev=np.array([[300.0, 150.0, 60.0], [200.0, 120.0, 80.0]]),
        noise_stddev=np.array([15.0, 22.0]),
        mixture_weights=np.array([0.6, 0.4]),
        skeleton=skeletons.Skeleton("small", names, (-1, 0, 1, 2, 3, 4, 5)),
    )


@pytest.fixture(scope="module")
def small_layer_prior(small_prior):
    """The prior of seven joints with a skeleton that has a name, as a layer's must.

    The graph of a lift with a mask grows with the number of joints.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(skeletons.SKELETONS, "small", small_prior.skeleton)
        yield dataclasses.replace(small_prior, skeleton="small")


@pytest.fixture(scope="module")
def untraced_lifts():
    """Keeps eager lifts of few poses untraced: tracing one takes as long as ten calls."""
    from tf_lift.ops.lift import lift

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lift, "_MAX_UNTRACED", math.inf)
        yield


@pytest.fixture(scope="session")
def shared_path():
    """Function from a name to a path in the folder of shared data; skips where it is absent.

    The folder is the one that the environment variable TF_LIFT_SHARED names, else
    `shared` beside the project's own folder.
    """
    root = pathlib.Path(os.environ.get("TF_LIFT_SHARED") or PROJECT.parent / "shared")

    def find(name):
        path = root / name
        if not path.exists():
            pytest.skip(f"needs the shared data file {name}, looked for in {root}")
        return path

    return find


@pytest.fixture(scope="session")
def people_networks(tmp_path_factory):
    """Folder of the networks of `PeopleDetector`, downloaded once for all tests; skips without.

    Networks that the user has installed already are taken as they are.
    """
    pytest.importorskip("ai_edge_litert.interpreter", reason="needs the extra `detector`")
    from tf_lift.inference.people import install, networks

    installed = networks.default_folder()
    if not networks.missing(installed):
        return installed
    folder = tmp_path_factory.getbasetemp()
    # Processes side by side have folders in one.
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    try:
        return install.ensure(folder / "people_networks", say=lambda line: None)
    except ConnectionError as error:
        pytest.skip(f"needs the networks of the detector of people: {error}")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; skips where Playwright or Chromium is absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra browser")
    names = ("chromium", "chromium-browser", "google-chrome")
    with playwright.sync_playwright() as driver:
        installed = [driver.chromium.executable_path, *map(shutil.which, names)]
        path = next((path for path in installed if path and os.path.exists(path)), None)
        if path is None:
            pytest.skip("needs Chromium: apt install chromium, or playwright install chromium")
        # WebGL without a graphics processor; Chromium's sandbox refuses root.
        flags = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        launched = driver.chromium.launch(executable_path=path, args=flags)
        yield launched
        launched.close()
