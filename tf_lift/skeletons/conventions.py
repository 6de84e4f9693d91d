"""Defines the skeletons: joints in published orders, and the points that they share.

References:
    Ionescu, Papava, Olaru and Sminchisescu. Human3.6M. PAMI 2014.
    Lin et al. Microsoft COCO: Common Objects in Context. ECCV 2014.
    Cao, Hidalgo, Simon, Wei and Sheikh. OpenPose. PAMI 2019.
    Andriluka, Pishchulin, Gehler and Schiele. 2D Human Pose Estimation (MPII). CVPR 2014.
    Johnson and Everingham. Clustered Pose and Nonlinear Appearance Models (LSP). BMVC 2010.
    Bazarevsky et al. BlazePose (MediaPipe). 2020.
    Fang et al. AlphaPose: Whole-Body Regional Multi-Person Pose Estimation and Tracking in
    Real-Time. PAMI 2022 (Halpe).
    Jin et al. Whole-Body Human Pose Estimation in the Wild (COCO-WholeBody). ECCV 2020.
    Papandreou et al. PersonLab (PoseNet). ECCV 2018.
    Mehta et al. Monocular 3D Human Pose Estimation In The Wild (MPI-INF-3DHP). 3DV 2017.
    Drillis and Contini. Body Segment Parameters. 1966, in: Winter. Biomechanics and Motor
    Control of Human Movement, figure 4.1.
    Gordon et al. 2012 Anthropometric Survey of U.S. Army Personnel (ANSUR II). 2014.
"""

import dataclasses

from tf_lift.skeletons import whole_bodies
from tf_lift.skeletons.skeleton import Skeleton

__all__ = [
    "CMU_17",
    "COCO_17",
    "COCO_WHOLEBODY_133",
    "H36M_17",
    "H36M_32",
    "HALPE_136",
    "HALPE_26",
    "LSP_14",
    "MEDIAPIPE_33",
    "MPII_16",
    "MPI_INF_3DHP_17",
    "OPENPOSE_18",
    "OPENPOSE_25",
    "OPENPOSE_25B",
    "POSENET_17",
    "SKELETONS",
    "get",
]


def _names(text):
    return tuple(text.split())


_HIPS = ("left_hip", "right_hip")
_SHOULDERS = ("left_shoulder", "right_shoulder")
_EARS = ("left_ear", "right_ear")

# Conversion between the top of the head, `crown`, and the shipped prior's `head_top`. In the 19
# subjects that the prior is learnt from, standing upright, `head_top` is 0.133 of the stature
# above the middle of the shoulders, where stature is leg length / 0.491 (Drillis and Contini).
# The shoulders are 0.302 of the stature above the hips, that is at 0.832 of it. So the crown is
# 0.168 of the stature above the shoulders (0.182 by Drillis and Contini's table), and `head_top`
# is at 0.79 or 0.73 of this distance. We use 3/4.
_HEAD_TOP = 0.75
_HEAD_TOP_OF_CROWN = {"crown": _HEAD_TOP, **dict.fromkeys(_SHOULDERS, (1 - _HEAD_TOP) / 2)}
_CROWN_OF_HEAD_TOP = {
    "head_top": 1 / _HEAD_TOP,
    **dict.fromkeys(_SHOULDERS, (1 - 1 / _HEAD_TOP) / 2),
}
_CROWN_OF_EARS = {
    **dict.fromkeys(_EARS, 0.5 / _HEAD_TOP),
    **dict.fromkeys(_SHOULDERS, (1 - 1 / _HEAD_TOP) / 2),
}

# Proportions, as fractions of the stature. Hip joints are 0.10 apart (CMU's motion capture), the
# outline of the hips 0.19 wide (Drillis and Contini; ANSUR II: 0.195 for men). Shoulder joints
# are 0.22 apart (CMU), the ends of the shoulder blades 0.23 to 0.24 (ANSUR II, biacromial
# breadth of women and men). No tables of annotators' marks are published: they mark hips between
# joint and outline, and shoulders inside their ends. The forearm is 0.146 (Drillis and Contini).
_FOREARM = {"forearm": (0.136, 0.156)}
_ANNOTATED = {"hips": (0.115, 0.155), "shoulders": (0.185, 0.220), **_FOREARM}
_DETECTED = {"hips": (0.110, 0.150), "shoulders": (0.177, 0.212), **_FOREARM}

# Human3.6M's 17 joints in the order of the paper's training code.
H36M_17 = Skeleton(
    name="h36m17",
    joint_names=_names(
        "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax "
        "neck_nose head_top left_shoulder left_elbow left_wrist right_shoulder right_elbow "
        "right_wrist"
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    # These sources fit the marks of the shipped prior, learnt from CMU's motion capture:
    # `head_top` is at the height of the ears, 191 mm above the thorax; `neck_nose` is the middle
    # of the neck, 97 mm above the thorax and not in front of it; the thorax is 36 mm above the
    # middle of the shoulders, which detectors call neck. So a detector's nose and neck replace
    # none of them. On 3,000 of those poses, viewed with an anatomical nose and ears, lifting
    # has an MPJPE of 57 mm with these sources, 58 mm if the neck also serves as thorax, and
    # 69 mm if the nose serves as `neck_nose` and the neck as thorax (head joints: 64, 66 and
    # 110 mm).
    sources={
        "pelvis": (_HIPS,),
        # Human3.6M's original head_top is the same joint by definition, though above CMU's.
        "head_top": (("h36m_head_top",), _EARS, _HEAD_TOP_OF_CROWN),
    },
    approximations={
        "spine": (("mpi_spine",),),
        "thorax": (("mpi_neck",), ("upper_neck",), _SHOULDERS),
        "neck_nose": (("mpi_head",),),
    },
    # Its people have hips 239 to 293 mm apart, shoulders 257 to 328, neck 107 to 121 and head
    # 115 mm; their stature is taken as 1,735 mm, that of men in ANSUR II less 20 mm.
    proportions={
        "hips": (0.138, 0.169),
        "shoulders": (0.148, 0.189),
        "neck": (0.062, 0.070),
        "head": (0.066, 0.066),
        **_FOREARM,
    },
)

# The same joints as CMU's motion capture has them, with its marks: hips, shoulders and wrists
# are joints of the skeleton that was fitted to each person, and the wrist is the far end of the
# wrist. These are the 5 and 95 % quantiles of the 19 people that the prior learns from.
CMU_17 = dataclasses.replace(
    H36M_17,
    name="cmu17",
    proportions={
        "hips": (0.083, 0.121),
        "shoulders": (0.201, 0.242),
        "forearm": (0.144, 0.181),
        "neck": (0.055, 0.063),
        "head": (0.055, 0.064),
    },
)

# The 32 joints of Human3.6M's files. Fifteen are not among the 17: toes, hands, ends of chains,
# and joints that coincide with another one (offset 0 in the data set's skeleton).
H36M_32 = Skeleton(
    name="h36m32",
    joint_names=_names(
        "pelvis right_hip right_knee right_ankle right_toe_base right_toe_end left_hip "
        "left_knee left_ankle left_toe_base left_toe_end spine_base spine thorax neck_nose "
        "head_top left_collar left_shoulder left_elbow left_wrist left_thumb_base "
        "left_thumb_end left_hand left_hand_end right_collar right_shoulder right_elbow "
        "right_wrist right_thumb_base right_thumb_end right_hand right_hand_end"
    ),
    parents=(
        *(-1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14),
        *(12, 16, 17, 18, 19, 20, 19, 22, 12, 24, 25, 26, 27, 28, 27, 30),
    ),
    # By definition the joint of the 17, but another point: CMU's is lower (see H36M_17), and
    # the ears do not give this one.
    points={"head_top": "h36m_head_top"},
    sources={
        "pelvis": (_HIPS,),
        "head_top": (("head_top",),),
        "spine_base": (("pelvis",), _HIPS),
        "left_collar": (("thorax",),),
        "right_collar": (("thorax",),),
        "left_thumb_base": (("left_wrist",),),
        "right_thumb_base": (("right_wrist",),),
        "left_hand_end": (("left_hand",),),
        "right_hand_end": (("right_hand",),),
    },
    proportions=H36M_17.proportions,
)

COCO_17 = Skeleton(
    name="coco17",
    joint_names=_names(
        "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
        "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
        "right_ankle"
    ),
    parents=(-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    proportions=_ANNOTATED,
)

# OpenPose's COCO model; the neck is the middle of the shoulders.
OPENPOSE_18 = Skeleton(
    name="openpose18",
    joint_names=_names(
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
        "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye "
        "right_ear left_ear"
    ),
    parents=(1, -1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15),
    points={"neck": "mid_shoulders"},
    sources={"neck": (_SHOULDERS,)},
    proportions=_DETECTED,
)

# OpenPose's BODY_25; MidHip is the middle of the hips.
OPENPOSE_25 = Skeleton(
    name="openpose25",
    joint_names=_names(
        "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist "
        "mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye "
        "left_eye right_ear left_ear left_big_toe left_small_toe left_heel right_big_toe "
        "right_small_toe right_heel"
    ),
    parents=(
        *(1, -1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 10, 8, 12, 13),
        *(0, 0, 15, 16, 14, 19, 14, 11, 22, 11),
    ),
    points={"neck": "mid_shoulders", "mid_hip": "pelvis"},
    sources={"neck": (_SHOULDERS,), "mid_hip": (_HIPS,)},
    proportions=_DETECTED,
)

# OpenPose's BODY_25B: COCO's joints, then the upper neck and the top of the head as MPII's
# annotators mark them, then the feet as in BODY_25.
OPENPOSE_25B = Skeleton(
    name="openpose25b",
    joint_names=(
        *COCO_17.joint_names,
        *_names("upper_neck head_top left_big_toe left_small_toe left_heel"),
        *_names("right_big_toe right_small_toe right_heel"),
    ),
    parents=(*COCO_17.parents, 0, 17, 15, 19, 15, 16, 22, 16),
    points={"head_top": "crown"},
    sources={"head_top": (_CROWN_OF_HEAD_TOP,)},
    approximations={
        "upper_neck": (("thorax",), ("mpi_neck",), _SHOULDERS),
        "head_top": (_CROWN_OF_EARS,),
    },
    proportions=_DETECTED,
)

# PoseNet's and MoveNet's: COCO's joints in its order, detected.
POSENET_17 = dataclasses.replace(COCO_17, name="posenet17", proportions=_DETECTED)


def _with_parts(body: Skeleton, name: str, parts) -> Skeleton:
    """Adds parts, names and names of parents, to a body; maps stay those of the body."""
    names = [*body.joint_names, *(joint for joints, _ in parts for joint in joints)]
    parents = [names.index(parent) for _, of in parts for parent in of]
    return dataclasses.replace(
        body, name=name, joint_names=tuple(names), parents=(*body.parents, *parents)
    )


_FACE = (whole_bodies.face_names(), whole_bodies.face_parents())
_HANDS = tuple(
    (whole_bodies.hand_names(s), whole_bodies.hand_parents(s)) for s in ("left", "right")
)

# AlphaPose's 26 joints: COCO's, the top of the head, the middles of shoulders and hips, the feet.
HALPE_26 = Skeleton(
    name="halpe26",
    joint_names=(
        *COCO_17.joint_names,
        *_names("head_top neck pelvis left_big_toe right_big_toe left_small_toe"),
        *_names("right_small_toe left_heel right_heel"),
    ),
    parents=(
        *(18, 0, 0, 1, 2, 18, 18, 5, 6, 7, 8, 19, 19, 11, 12, 13, 14),
        *(0, -1, 18, 15, 16, 20, 21, 15, 16),
    ),
    points={"head_top": "crown", "neck": "mid_shoulders"},
    sources={"head_top": (_CROWN_OF_HEAD_TOP,), "neck": (_SHOULDERS,), "pelvis": (_HIPS,)},
    approximations={"head_top": (_CROWN_OF_EARS,)},
    proportions=_DETECTED,
)

# The same with 68 marks of the face and 21 of each hand.
HALPE_136 = _with_parts(HALPE_26, "halpe136", (_FACE, *_HANDS))

# COCO's joints, the feet, 68 marks of the face and 21 of each hand, labelled by annotators.
COCO_WHOLEBODY_133 = _with_parts(
    COCO_17,
    "coco_wholebody133",
    (
        (
            tuple(f"{s}_{p}" for s in ("left", "right") for p in ("big_toe", "small_toe", "heel")),
            tuple(f"{s}_{p}" for s in ("left", "right") for p in ("ankle", "big_toe", "ankle")),
        ),
        _FACE,
        *_HANDS,
    ),
)

# MPII's annotators marked the head by a line from the upper neck to the crown. Its pelvis and
# thorax are exactly the midpoints of the hips and of the shoulders.
MPII_16 = Skeleton(
    name="mpii16",
    joint_names=_names(
        "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax "
        "upper_neck head_top right_wrist right_elbow right_shoulder left_shoulder left_elbow "
        "left_wrist"
    ),
    parents=(1, 2, 6, 6, 3, 4, -1, 6, 7, 8, 11, 12, 7, 7, 13, 14),
    points={"thorax": "mid_shoulders", "head_top": "crown"},
    sources={"pelvis": (_HIPS,), "thorax": (_SHOULDERS,), "head_top": (_CROWN_OF_HEAD_TOP,)},
    approximations={
        "upper_neck": (("thorax",), ("mpi_neck",), _SHOULDERS),
        "head_top": (_CROWN_OF_EARS,),
    },
    proportions=_ANNOTATED,
)

# Leeds Sports Pose. Its neck is the lower end of the head, MPII's upper neck.
LSP_14 = Skeleton(
    name="lsp14",
    joint_names=_names(
        "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
        "right_shoulder left_shoulder left_elbow left_wrist neck head_top"
    ),
    parents=(1, 2, 12, 12, 3, 4, 7, 8, 12, 12, 9, 10, -1, 12),
    points={"neck": "upper_neck", "head_top": "crown"},
    sources={"head_top": (_CROWN_OF_HEAD_TOP,)},
    approximations={
        "neck": (("thorax",), ("mpi_neck",), _SHOULDERS),
        "head_top": (_CROWN_OF_EARS,),
    },
    proportions=_ANNOTATED,
)

# MediaPipe Pose (BlazePose). `thumb`, `index` and `pinky` are knuckles of the hand; `foot_index`
# is the tip of the foot, between OpenPose's toes.
MEDIAPIPE_33 = Skeleton(
    name="mediapipe33",
    joint_names=_names(
        "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
        "left_ear right_ear left_mouth right_mouth left_shoulder right_shoulder left_elbow "
        "right_elbow left_wrist right_wrist left_pinky right_pinky left_index right_index "
        "left_thumb right_thumb left_hip right_hip left_knee right_knee left_ankle right_ankle "
        "left_heel right_heel left_foot_index right_foot_index"
    ),
    parents=(
        *(-1, 0, 1, 2, 0, 4, 5, 3, 6, 0, 0, 0, 0, 11, 12, 13, 14),
        *(15, 16, 15, 16, 15, 16, 11, 12, 23, 24, 25, 26, 27, 28, 29, 30),
    ),
    proportions=_DETECTED,
)

# The 17 of MPI-INF-3DHP's 28 joints that its evaluation uses. They are joints of a capture
# system's skeleton. Its spine, neck, head and pelvis correspond to Human3.6M's spine, thorax,
# neck_nose and pelvis, but their positions in the body are not documented, so they are
# approximations, used on demand. The middle of the hips is known without them.
MPI_INF_3DHP_17 = Skeleton(
    name="mpi_inf_3dhp17",
    joint_names=_names(
        "head_top neck right_shoulder right_elbow right_wrist left_shoulder left_elbow "
        "left_wrist right_hip right_knee right_ankle left_hip left_knee left_ankle pelvis spine "
        "head"
    ),
    parents=(16, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    points={
        "head_top": "crown",
        "neck": "mpi_neck",
        "pelvis": "mpi_pelvis",
        "spine": "mpi_spine",
        "head": "mpi_head",
    },
    sources={"head_top": (_CROWN_OF_HEAD_TOP,)},
    approximations={
        "head_top": (_CROWN_OF_EARS,),
        "neck": (("thorax",), ("upper_neck",), _SHOULDERS),
        "pelvis": (("pelvis",), _HIPS),
        "spine": (("spine",),),
        "head": (("neck_nose",),),
    },
)

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        H36M_17,
        CMU_17,
        OPENPOSE_18,
        COCO_17,
        OPENPOSE_25,
        OPENPOSE_25B,
        HALPE_26,
        MPII_16,
        LSP_14,
        MEDIAPIPE_33,
        MPI_INF_3DHP_17,
        H36M_32,
        POSENET_17,
        COCO_WHOLEBODY_133,
        HALPE_136,
    )
}


def get(name: str | Skeleton) -> Skeleton:
    """Returns the skeleton with the given name.

    Args:
        name: One of `SKELETONS`, or a `Skeleton`, which is returned unchanged.

    Raises:
        ValueError: If there is no skeleton with this name.

    >>> get("openpose18").num_joints
    18
    """
    if isinstance(name, Skeleton):
        return name
    if name not in SKELETONS:
        raise ValueError(f"`skeleton` must be one of {sorted(SKELETONS)}. Received: {name!r}")
    return SKELETONS[name]
