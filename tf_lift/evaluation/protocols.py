"""What published evaluations count: joints, origin, alignment, frames, and their traps."""

import dataclasses

from tf_lift import skeletons

__all__ = ["PROTOCOLS", "Protocol", "get"]

_H36M_LIMBS = tuple(
    f"{side}_{part}"
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("right", "left")
)
# Without pelvis, spine and nose.
_H36M_14 = (*_H36M_LIMBS, "thorax", "head_top")
_MPI_14 = ("head_top", "neck", *_H36M_LIMBS)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What counts in an evaluation.

    Attributes:
        name: Name, as in `PROTOCOLS`.
        skeleton: Name of the skeleton of the joints below. Poses in another one are converted.
        joints: Joints that count in distances.
        root: Joints whose mean is the origin of a pose before distances are taken; empty if poses
            are compared where they are.
        aligned: Whether the figure that the protocol is known by is after Procrustes alignment.
        pck_joints: Joints that count in the 3D PCK and its area; `None` for `joints`.
        pck_mm: Distance below which a joint is right, mm.
        step: Every how many frames a pose counts.
        notes: What the data or other people's figures do, printed with the figures.
    """

    name: str
    skeleton: str
    joints: tuple[str, ...]
    root: tuple[str, ...] = ("pelvis",)
    aligned: bool = False
    pck_joints: tuple[str, ...] | None = None
    pck_mm: float = 150.0
    step: int = 1
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """Name of the figure that the protocol is known by."""
        return "pa_mpjpe_mm" if self.aligned else "mpjpe_mm"


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "all",
            "h36m17",
            skeletons.H36M_17.joint_names,
            notes=("All 17 joints, the pelvis with its error of 0 among them, of every pose.",),
        ),
        Protocol(
            "limbs",
            "h36m17",
            _H36M_LIMBS,
            root=("left_hip", "right_hip"),
            notes=("The twelve joints that every convention has, about the middle of the hips.",),
        ),
        Protocol(
            "h36m-1",
            "h36m17",
            skeletons.H36M_17.joint_names,
            notes=(
                "Human3.6M, protocol 1: subjects 9 and 11, all cameras, every frame, 17 joints "
                "about the pelvis, which counts with its error of 0.",
                "Some evaluations leave out takes whose videos are damaged (subject 11, "
                "Directions).",
            ),
        ),
        Protocol(
            "h36m-2",
            "h36m17",
            _H36M_14,
            aligned=True,
            step=64,
            notes=(
                "Human3.6M, protocol 2 as in Tome et al. (CVPR 2017): subject 11, every 64th "
                "frame, 14 joints, after Procrustes alignment.",
                "Others call 17 joints of subjects 9 and 11, every frame, after alignment "
                '"protocol 2": that is pa_mpjpe_mm of h36m-1.',
            ),
        ),
        Protocol(
            "h36m-3",
            "h36m17",
            _H36M_14,
            aligned=True,
            notes=(
                "Human3.6M, protocol 3 as in Tome et al. (CVPR 2017): frontal camera, trial 1, "
                "14 joints, after Procrustes alignment.",
            ),
        ),
        Protocol(
            "mpi-inf-3dhp",
            "mpi_inf_3dhp17",
            skeletons.MPI_INF_3DHP_17.joint_names,
            pck_joints=_MPI_14,
            notes=(
                "MPI-INF-3DHP's test set: 17 joints about the pelvis; PCK at 150 mm and its area "
                "over 0 to 150 mm in steps of 5 over 14 joints (no pelvis, spine, head).",
                "Only frames with valid_frame = 1 count. Universal ground truth (univ_annot3) is "
                "the people at one size; figures on annot3 are not comparable.",
            ),
        ),
        Protocol(
            "3dpw",
            "lsp14",
            skeletons.LSP_14.joint_names,
            root=("left_hip", "right_hip"),
            notes=(
                "3DPW's test set: 14 joints about the middle of the hips, camera frame.",
                "The data are in metres and in the world; frames with campose_valid = 0 do not "
                "count. Figures on SMPL's 24 joints, or about SMPL's pelvis, are not comparable.",
            ),
        ),
    )
}


def get(name: str | Protocol) -> Protocol:
    """Returns the protocol with the given name.

    Raises:
        ValueError: If there is none.

    >>> get("h36m-2").headline, len(get("h36m-2").joints)
    ('pa_mpjpe_mm', 14)
    """
    if isinstance(name, Protocol):
        return name
    if name not in PROTOCOLS:
        raise ValueError(f"`protocol` must be one of {', '.join(PROTOCOLS)}. Received: {name!r}")
    return PROTOCOLS[name]
