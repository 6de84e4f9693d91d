"""Draws the head and trunk joints of the conventions on the prior that ships."""

import numpy as np
from matplotlib.figure import Figure

import tf_lift
from tf_lift import skeletons
from tf_lift.skeletons import H36M_17

__all__ = ["draw"]

# Joints of the prior, and joints of other conventions that it lacks.
_OWN = ("head_top", "neck_nose", "thorax", "spine", "pelvis")
_OTHERS = {
    "crown": "head_top of mpii16, lsp14,\nmpi_inf_3dhp17",
    "ears": "ears of coco17, openpose,\nmediapipe33",
    "shoulders": "neck of openpose,\nthorax of mpii16",
}
_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8590b", "#9aa0a6"


def draw(prior: tf_lift.PosePrior) -> Figure:
    """Draws the most upright mean pose of a prior of h36m17 from the front.

    Args:
        prior: `PosePrior` of h36m17.

    Returns:
        Figure with the prior's joints in blue, those of other conventions in orange.
    """
    pose = prior.mean_pose[prior.mean_pose[:, 10, 2].argmax()]
    names = H36M_17.joint_names
    figure = Figure(figsize=(7, 5.2), layout="constrained")
    axes = figure.add_subplot()
    for parent, child in H36M_17.bones:
        axes.plot(*pose[[parent, child]][:, [0, 2]].T, color=_GREY, linewidth=2, zorder=1)
    axes.scatter(*pose[:, [0, 2]].T, color=_BLUE, s=22, zorder=2)
    for name in _OWN:
        x, _, z = pose[names.index(name)]
        _label(axes, (x, z), -430, z, name, _BLUE)
    head = pose[names.index("head_top")]
    crown = skeletons.convert(pose, H36M_17, "mpii16").points[9]
    middle = pose[[names.index("left_shoulder"), names.index("right_shoulder")]].mean(0)
    marks = {"crown": [crown], "ears": head + [[-75, 0, 0], [75, 0, 0]], "shoulders": [middle]}
    for name, points in marks.items():
        points = np.array(points)[:, [0, 2]]
        axes.scatter(*points.T, color=_ORANGE, marker="D", s=26, zorder=3)
        _label(axes, points[-1], 330, points[-1, 1], _OTHERS[name], _ORANGE)
    axes.set(xlim=(-480, 720), ylim=(-120, crown[2] + 70), ylabel="mm over the pelvis")
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title("Blue: the prior's joints.  Orange: joints of other conventions.", fontsize=10)
    return figure


def _label(axes, point, x, y, text, color):
    axes.annotate(
        text,
        point,
        (x, y),
        color=color,
        fontsize=9,
        va="center",
        ha="left",
        arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6},
    )
