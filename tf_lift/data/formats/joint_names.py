"""Finds joints of a file by name, whatever the program put in front of it or wrote it like."""

import re
from collections import Counter

__all__ = ["NameIndex", "people"]

# Share of a file's names that must begin alike for the beginning to be a prefix, such as that
# of a character. A few joints without it, such as a root, are common.
_PREFIX_SHARE = 0.8
_MIN_NAMES = 8


class NameIndex:
    """The joints of a file, to be found by name.

    A name is found as it is written; else without its prefix ("mixamorig:Hips", "Ann:LASI",
    "Character1_Hips", "mixamorigHips"); else by its letters and digits alone, in any case
    ("left_up_leg" finds "LeftUpLeg"). What fits several joints fits none.

    Args:
        joint_names: Names of the file's joints, in order.

    >>> index = NameIndex(["mixamorig1:Hips", "mixamorig1:LeftUpLeg"])
    >>> index.find("LeftUpLeg"), index.find("left_upleg"), index.find("RightUpLeg")
    (1, 1, None)
    """

    def __init__(self, joint_names):
        names = [str(name) for name in joint_names]
        short = [name.rpartition(":")[2] or name for name in names]
        prefix = _common_prefix(short)
        bare = [name.removeprefix(prefix) or name for name in short]
        self._exact = {**_unique(short), **{name: i for i, name in enumerate(names)}}
        self._loose: dict[str, int] = {}
        for form in ([_letters(name) for name in part] for part in (bare, short, names)):
            self._loose |= _unique(form)
        self._bare = _unique(bare)

    def find(self, name: str, exactly: bool = False) -> int | None:
        """Returns the index of a joint, or `None`.

        Args:
            name: Name of the joint.
            exactly: Whether only prefixes that end in ":" may differ.
        """
        if name in self._exact or exactly:
            return self._exact.get(name)
        if name in self._bare:
            return self._bare[name]
        return self._loose.get(_letters(name))


def people(joint_names) -> list[str]:
    """Returns the prefixes by which a file's names repeat, if it holds several people.

    >>> people(["a:hip", "a:knee", "b:hip", "b:knee"]), people(["a:hip", "knee"])
    (['a', 'b'], [])
    """
    prefixes: dict[str, set[str]] = {}
    for name in joint_names:
        prefix, separator, short = str(name).rpartition(":")
        if separator:
            prefixes.setdefault(prefix, set()).add(short)
    shared = [
        prefix
        for prefix, names in prefixes.items()
        if any(
            len(names & others) > len(names) / 2 for p, others in prefixes.items() if p != prefix
        )
    ]
    return shared


def _letters(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _unique(names):
    counts = Counter(names)
    return {name: index for index, name in enumerate(names) if counts[name] == 1 and name}


def _common_prefix(names):
    """Returns the longest beginning that most names share."""
    prefix = ""
    if len(names) < _MIN_NAMES:
        return prefix
    for length in range(1, max(map(len, names))):
        begin, count = Counter(name[:length] for name in names).most_common(1)[0]
        if count < _PREFIX_SHARE * len(names):
            break
        prefix = begin
    return prefix
