"""glTF files: what `writers` does not show."""

import mocap_files
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tf_lift.data.formats import gltf
from tf_lift.data.motion.clip import Motion


def test_quaternions_do_not_change_their_sign(rng):
    turns = Rotation.from_euler("x", np.linspace(0, 720, 60)[:, None], degrees=True).as_quat()
    signs = rng.choice([-1.0, 1.0], [60, 1])
    smooth = gltf._without_jumps((turns * signs)[:, None])[:, 0]
    assert (np.sum(smooth[1:] * smooth[:-1], axis=1) > 0.9).all()
    np.testing.assert_array_equal(np.abs(smooth), np.abs(turns))


def test_bones_are_octahedra_from_parent_to_child():
    rest = np.array([[0.0, 0, 0], [0, 2, 0], [0, 2, 0]])
    vertices, triangles, owner = gltf._octahedra(rest, (-1, 0, 1))
    assert owner.tolist() == [0] * 6  # The bone without length is left out.
    np.testing.assert_array_equal(vertices[[0, 5]], rest[:2])
    assert np.ptp(vertices[1:5, 1]) < 1e-12
    # Faces look outwards.
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outwards = corners.mean(axis=1) - vertices.mean(axis=0)
    assert (np.sum(normals * outwards, axis=1) > 0).all()
    with pytest.raises(ValueError, match="must have bones. Received: joints in one place"):
        gltf._octahedra(np.zeros([2, 3]), (-1, 0))


def test_markers_are_refused(tmp_path):
    pytest.importorskip("pygltflib", reason="needs the extra `gltf`")
    clip = Motion(mocap_files.walk(3), mocap_files.NAMES, (-1,) * 17, fps=10.0)
    with pytest.raises(ValueError, match="must have one root"):
        gltf.write(tmp_path / "a.glb", clip)
    assert not list(tmp_path.iterdir())
