"""A walking person, and tiny motion-capture files of it, written by other libraries."""

import numpy as np

from tf_lift import skeletons
from tf_lift.data.synthetic import bodies

NAMES = skeletons.H36M_17.joint_names
# Indices of the 17 joints among Human3.6M's 32.
OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)


def walk(num_frames=60, fps=50.0):
    """Returns poses [T, 17, 3], mm, z up, all different: limbs swing, 1.2 m/s along x."""
    time = np.arange(num_frames) / fps
    poses = np.repeat(bodies.STANDING[None].astype(np.float64), num_frames, axis=0)
    for top, below, size in (
        (1, (2, 3), 0.5),
        (4, (5, 6), -0.5),
        (11, (12, 13), 0.7),
        (14, (15, 16), -0.7),
    ):
        angle = size * np.sin(2 * np.pi * 0.9 * time)
        cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
        x, z = (poses[:, below, axis] - poses[:, [top], axis] for axis in (0, 2))
        poses[:, below, 0] = poses[:, [top], 0] + cosine * x - sine * z
        poses[:, below, 2] = poses[:, [top], 2] + sine * x + cosine * z
    poses[..., 0] += 1200.0 * time[:, None]
    return poses + [300.0, -500.0, 900.0]


def write_videopose3d(path, clips):
    """Writes {subject: {action: [T, J, 3] mm}} as VideoPose3D does: metres, a pickle."""
    scaled = {
        subject: {action: (poses / 1000.0).astype("float32") for action, poses in actions.items()}
        for subject, actions in clips.items()
    }
    np.savez_compressed(path, positions_3d=np.array(scaled, dtype=object))


def write_cdf(path, poses, variable="Pose"):
    """Writes [T, 17, 3] as one of Human3.6M's D3_Positions: 32 joints, [1, T, 96]."""
    from cdflib.cdfwrite import CDF

    joints = np.zeros([1, len(poses), 32, 3], np.float32)
    joints[0][:, OF_32] = poses
    path.parent.mkdir(parents=True, exist_ok=True)
    file = CDF(path, {"Encoding": 6}, delete=True)
    description = {
        "Variable": variable,
        "Data_Type": 44,
        "Num_Elements": 1,
        "Rec_Vary": True,
        "Var_Type": "zVariable",
        "Dim_Sizes": [len(poses), 96],
    }
    file.write_var(description, var_data=joints.reshape(1, len(poses), 96))
    file.close()
    return path


def write_c3d(path, positions, labels, rate=50.0, residuals=None, **parameters):
    """Writes [T, J, 3] by ezc3d alone, with parameters of POINT such as UNITS="m"."""
    import ezc3d

    content = ezc3d.c3d()
    point = content["parameters"]["POINT"]
    point["RATE"]["value"] = [rate]
    point["LABELS"]["value"] = list(labels)
    for name, value in ({"UNITS": "mm"} | parameters).items():
        content.add_parameter("POINT", name, value)
    points = np.ones([4, positions.shape[1], len(positions)])
    points[:3] = np.moveaxis(positions, 0, 2).swapaxes(0, 1)
    content["data"]["points"] = points
    if residuals is not None:
        masks = np.zeros([7, positions.shape[1], len(positions)], bool)
        content["data"]["meta_points"] = {"residuals": residuals.T[None], "camera_masks": masks}
    content.write(str(path))
    return path
