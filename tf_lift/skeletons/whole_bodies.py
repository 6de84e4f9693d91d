"""Names and bones of faces and hands, as skeletons of the whole body mark them."""

__all__ = ["face_names", "face_parents", "hand_names", "hand_parents"]

# The 68 marks of a face in the order of the 300-W challenge: those of the middle by name, the
# others by side, the person's right first.
_FACE = (
    *(f"right_jaw_{k}" for k in range(1, 9)),
    "chin",
    *(f"left_jaw_{k}" for k in range(8, 0, -1)),
    *(f"right_brow_{k}" for k in range(1, 6)),
    *(f"left_brow_{k}" for k in range(5, 0, -1)),
    *(f"nose_bridge_{k}" for k in range(1, 5)),
    *("right_nostril_1", "right_nostril_2", "nose_base", "left_nostril_2", "left_nostril_1"),
    *(f"right_eye_{k}" for k in range(1, 7)),
    *(f"left_eye_{k}" for k in (4, 3, 2, 1, 6, 5)),
    *("right_lip_1", "right_lip_2", "right_lip_3", "upper_lip"),
    *("left_lip_3", "left_lip_2", "left_lip_1", "left_lip_4", "left_lip_5", "lower_lip"),
    *("right_lip_5", "right_lip_4"),
    *("right_inner_lip_1", "right_inner_lip_2", "upper_inner_lip", "left_inner_lip_2"),
    *("left_inner_lip_1", "left_inner_lip_3", "lower_inner_lip", "right_inner_lip_3"),
)
# Parents of the marks on either side, `SIDE_` left out, and of those in the middle.
_PARENTS = {
    "jaw_1": "SIDE_ear",
    **{f"jaw_{k}": f"SIDE_jaw_{k - 1}" for k in range(2, 9)},
    "brow_1": "SIDE_eye",
    **{f"brow_{k}": f"SIDE_brow_{k - 1}" for k in range(2, 6)},
    **{f"eye_{k}": "SIDE_eye" for k in range(1, 7)},
    "nostril_1": "SIDE_nostril_2",
    "nostril_2": "nose_base",
    "lip_1": "SIDE_lip_2",
    "lip_2": "SIDE_lip_3",
    "lip_3": "upper_lip",
    "lip_4": "SIDE_lip_5",
    "lip_5": "lower_lip",
    "inner_lip_1": "SIDE_lip_1",
    "inner_lip_2": "SIDE_inner_lip_1",
    "inner_lip_3": "SIDE_inner_lip_1",
    "chin": "nose",
    "nose_bridge_1": "nose",
    **{f"nose_bridge_{k}": f"nose_bridge_{k - 1}" for k in range(2, 5)},
    "nose_base": "nose",
    "upper_lip": "nose_base",
    "lower_lip": "upper_lip",
    "upper_inner_lip": "upper_lip",
    "lower_inner_lip": "lower_lip",
}
_FINGERS = ("thumb", "forefinger", "middle_finger", "ring_finger", "little_finger")


def face_names() -> tuple[str, ...]:
    """Returns the names of the 68 marks of a face.

    >>> face_names()[7:10]
    ('right_jaw_8', 'chin', 'left_jaw_8')
    """
    return _FACE


def face_parents() -> tuple[str, ...]:
    """Returns the names of their parents; `nose`, eyes and ears are joints of the body."""
    parents = []
    for name in _FACE:
        side, _, part = name.partition("_")
        if side in ("left", "right"):
            parents.append(_PARENTS[part].replace("SIDE", side))
        else:
            parents.append(_PARENTS[name])
    return tuple(parents)


def hand_names(side: str) -> tuple[str, ...]:
    """Returns the names of the 21 joints of a hand: its root, then four of each finger.

    >>> hand_names("left")[:3]
    ('left_hand_root', 'left_thumb_1', 'left_thumb_2')
    """
    fingers = (f"{side}_{finger}_{k}" for finger in _FINGERS for k in range(1, 5))
    return (f"{side}_hand_root", *fingers)


def hand_parents(side: str) -> tuple[str, ...]:
    """Returns the names of their parents; the wrist is a joint of the body."""
    names = hand_names(side)
    fingers = (names[0] if k % 4 == 1 else names[k - 1] for k in range(1, 21))
    return (f"{side}_wrist", *fingers)
