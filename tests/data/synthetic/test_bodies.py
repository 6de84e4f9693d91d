"""Control rings of bodies."""

import numpy as np

from tf_lift.data.synthetic import bodies, views


def test_control_rings_follow_the_pose(poses):
    """Rotating the joints rotates the rings; no ring is NaN, even with straight limbs."""
    rotation = views.view_rotation(0.4, 0.2, -0.3)
    figure = bodies.Figure(hair_length_mm=100.0, bust_mm=20.0, head_yaw=0.2)
    for pose in (poses[0], bodies.STANDING):
        up = np.array([0.0, 0.0, 1.0])
        rings = bodies.control_rings(pose, up, figure)
        rotated = bodies.control_rings(pose @ rotation.T, rotation @ up, figure)
        assert np.isfinite(rings).all() and rings.shape == (bodies.NUM_RINGS, 10)
        expected = rings[:, :9].reshape(-1, 3, 3) @ rotation.T
        np.testing.assert_allclose(rotated[:, :9].reshape(-1, 3, 3), expected, atol=0.5)


def test_all_parts_face_the_same_way():
    """The standing person faces x: so do chest, nose and feet; hair and calves do not."""
    forward = {}
    for bust in (0.0, 100.0):
        figure = bodies.Figure(bust_mm=bust, hair_length_mm=200.0)
        rings = bodies.control_rings(bodies.STANDING, np.array([0.0, 0.0, 1.0]), figure)
        ends = np.cumsum(list(bodies.PARTS.values()))[:-1]
        for name, part in zip(bodies.PARTS, np.split(rings[:, 0], ends), strict=True):
            forward.setdefault(name, []).append(part)
    without, with_bust = forward["torso"]
    assert (with_bust - without).max() > 60 and (with_bust - without).min() > -1
    assert forward["nose"][0].mean() > 80 and forward["hair"][0].min() < -50
    for side in ("left", "right"):
        assert forward[f"{side}_foot"][0].max() > 150
        assert forward[f"{side}_shin"][0].min() < -8
