"""Maps from the joints of motion-capture files to the joints of a skeleton.

A map is a JSON or YAML file with an entry for each joint of the target skeleton:

    {
      "name": "my_studio",
      "target": "h36m17",
      "joints": {
        "pelvis": ["LHIP", "RHIP"],
        "right_hip": "RHIP",
        "left_wrist": {"LELB": -0.5, "LHAND": 1.5},
        ...
      }
    }

An entry is the name of a joint or marker of the file, a list of names (for their mean), or
names with weights. Weights sum to 1 and may be negative: the `left_wrist` above lies on the
line from LELB to LHAND, half its length beyond LHAND. A weight of 0 only requires a joint, to
tell the map's file format from others. `{"first_of": [entry, entry, ...]}` stands for the first
entry whose joints the file has. Prefixes, case and separators may differ where the name is
unique without them: "LeftUpLeg" finds "mixamorig:LeftUpLeg" and "left_upleg" (`joint_names`).
`name` is optional; other entries are comments.
"""

import dataclasses
import functools
import importlib.resources
import json
import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data.formats import joint_names as naming
from tf_lift.data.motion.clip import Motion
from tf_lift.io import extras

__all__ = ["BUILT_IN", "SkeletonMap", "from_skeleton", "get", "guess", "load", "to_skeleton"]

# The files in the folder `maps`, more specific ones first.
BUILT_IN = (
    "cmu_asf",
    "cgspeed_bvh",
    "humanik",
    "xsens",
    "xsens_segments",
    "bandai_namco",
    "unity",
    "unreal",
    "biped",
    "ipi",
    "motive",
    "daz",
    "deepmotion",
    "smpl",
    "kinect",
    "theia",
    "plug_in_gait",
    "plug_in_gait_markers",
    "qualisys_markers",
    "openpose",
    "mediapipe",
)
# Most joints of a file that an error message lists.
_MOST_LISTED = 80


@dataclasses.dataclass(frozen=True)
class SkeletonMap:
    """Weights that combine the joints of a file to the joints of a skeleton.

    Attributes:
        name: Name of the map in messages.
        target: Name of the skeleton, one of `skeletons.SKELETONS`.
        joints: For each joint of the skeleton, the weights of the file's joints.
        alternatives: For some joints of the skeleton, further weights to use where the file lacks
            a joint of the first, in order of preference.

    Raises:
        ValueError: If a joint of the skeleton is missing, a joint is not in the skeleton, or
            weights are not finite or do not sum to 1.

    >>> get("cmu_asf").joints["pelvis"]
    {'lhipjoint': 0.5, 'rhipjoint': 0.5}
    """

    name: str
    target: str
    joints: dict[str, dict[str, float]]
    alternatives: dict[str, tuple[dict[str, float], ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        expected = skeletons.get(self.target).joint_names
        for joint in (*self.joints, *self.alternatives):
            if joint not in expected:
                raise ValueError(f"{self.target} has no joint {joint!r}; it has {list(expected)}")
            for weights in self._choices(joint):
                total = sum(weights.values())
                if not abs(total - 1.0) < 1e-6:  # Not `>=`: NaN must not pass.
                    raise ValueError(f"weights of {joint!r} must sum to 1. Received: {total:g}")
        missing = [joint for joint in expected if joint not in self.joints]
        if missing:
            raise ValueError(f"`joints` must have all joints of {self.target}. Missing: {missing}")

    @property
    def sources(self) -> tuple[str, ...]:
        """Returns the names of the file's joints that the map needs, alternatives left out."""
        return tuple(dict.fromkeys(name for row in self.joints.values() for name in row))

    def for_file(self, joint_names) -> "SkeletonMap":
        """Returns the map with the alternatives that fit a file best.

        Args:
            joint_names: Names of the file's joints.

        Returns:
            The map without alternatives. Of each joint's choices, it has the first whose joints
            the file has; if there is none, the one that lacks fewest.
        """
        index = self._index(joint_names)

        def lacking(weights):
            return sum(index(name) is None for name in weights)

        # `min` returns the first of equals.
        joints = {joint: min(self._choices(joint), key=lacking) for joint in self.joints}
        return SkeletonMap(self.name, self.target, joints)

    def missing(self, joint_names) -> list[str]:
        """Returns the names of joints that the map needs and a file lacks."""
        index = self._index(joint_names)
        return [name for name in self.for_file(joint_names).sources if index(name) is None]

    def matrix(self, joint_names) -> NDArray[np.float64]:
        """Returns the weights as a matrix.

        Args:
            joint_names: Names of the `J` joints of a file.

        Returns:
            Array of shape `[joints of the target, J]`; its rows sum to 1.

        Raises:
            ValueError: If `joint_names` lacks a joint that the map needs.
        """
        index = self._index(joint_names)
        joints = self.for_file(joint_names).joints
        matrix = np.zeros([len(joints), len(joint_names)])
        for row, joint in zip(matrix, skeletons.get(self.target).joint_names, strict=True):
            for source, weight in joints[joint].items():
                column = index(source)
                if column is None:
                    raise ValueError(
                        f"the map {self.name!r} needs {source!r} for {joint!r}. "
                        f"Received: {_listed(joint_names)}"
                    )
                row[column] += weight
        return matrix

    def _choices(self, joint):
        return (self.joints[joint], *self.alternatives.get(joint, ()))

    def _index(self, joint_names):
        """Returns a function from a name to the index of the file's joint, or `None`."""
        # The library's own names are common words: in another spelling, they may be other joints.
        exactly = self.name in skeletons.SKELETONS
        index = _index_of(tuple(joint_names))
        return lambda name: index.find(name, exactly)


@functools.lru_cache(maxsize=16)
def _index_of(joint_names):
    return naming.NameIndex(joint_names)


def _listed(joint_names):
    names = list(joint_names)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more


def to_skeleton(
    motion: Motion, target: str = "h36m17", map: str | pathlib.Path | SkeletonMap | None = None
) -> NDArray[np.float64]:
    """Converts a clip to the joints of a skeleton.

    Args:
        motion: The clip.
        target: Name of the skeleton, one of `skeletons.SKELETONS`.
        map: A `SkeletonMap`, one of `BUILT_IN`, or a JSON or YAML file; `None` to find a map
            by the names of the joints.

    Returns:
        Array of shape `[T, L, 3]`: poses in mm, world frame, z up.

    Raises:
        ValueError: If no map fits, the given map is for another skeleton or needs joints that
            the clip lacks, or its file is not valid; the message names the clip, the file and
            the joint.
        OSError: If the file cannot be opened.

    >>> names = tf_lift.skeletons.H36M_17.joint_names
    >>> clip = tf_lift.data.motion.clip.Motion(np.ones([2, 17, 3]), names, (-1,) * 17, fps=10)
    >>> to_skeleton(clip).shape
    (2, 17, 3)
    """
    if map is None:
        try:
            map = guess(motion.joint_names, target)
        except ValueError as error:
            raise ValueError(f"{motion.clip or 'clip'}: {error}") from error
    elif not isinstance(map, SkeletonMap):
        map = get(str(map)) if str(map) in BUILT_IN else load(map)
    if map.target != target:
        raise ValueError(f"the map {map.name!r} must be for {target!r}. Received: {map.target!r}")
    try:
        matrix = map.matrix(motion.joint_names)
    except ValueError as error:
        raise ValueError(f"{motion.clip or 'clip'}: {error}") from error
    return matrix @ motion.positions


def get(name: str) -> SkeletonMap:
    """Returns a built-in map.

    Args:
        name: One of `BUILT_IN`.

    Raises:
        ValueError: If there is no such map.
    """
    if name not in BUILT_IN:
        raise ValueError(f"`map` must be a file or one of {list(BUILT_IN)}. Received: {name!r}")
    file = importlib.resources.files("tf_lift.data.formats") / "maps" / f"{name}.json"
    return _from_content(json.loads(file.read_text(encoding="utf-8")), name)


def from_skeleton(source: str, target: str) -> SkeletonMap:
    """Returns the map between two skeletons of the library.

    Args:
        source: Name of the file's skeleton.
        target: Name of the wanted skeleton.

    Raises:
        ValueError: If the source lacks joints of the target.
    """
    names = skeletons.get(source).joint_names
    weights = skeletons.joint_map(skeletons.get(source), skeletons.get(target)).astype(np.float64)
    # The matrix is float32: renormalise thirds and the like in float64.
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    joints = {
        joint: {names[s]: float(row[s]) for s in np.flatnonzero(row)}
        for joint, row in zip(skeletons.get(target).joint_names, weights, strict=True)
        if row.any()
    }
    return SkeletonMap(source, target, joints)


def guess(joint_names, target: str = "h36m17") -> SkeletonMap:
    """Finds the map for a file by the names of its joints.

    The candidates are `BUILT_IN` and then the skeletons of the library. A map fits if the
    file has all joints that it needs, those of an alternative where it has several.

    Args:
        joint_names: Names of the file's joints.
        target: Name of the wanted skeleton.

    Returns:
        The map.

    Raises:
        ValueError: If no map fits; the message lists the file's names and those missing for
            the map of which the largest share of names fits.

    >>> guess(tf_lift.skeletons.H36M_32.joint_names).name
    'h36m32'
    """
    maps = _candidates(target)
    missing = {found.name: found.missing(joint_names) for found in maps}
    fitting = [found for found in maps if not missing[found.name]]
    for found in fitting:
        # Prefer an exact match: the names of h36m17 are among those of h36m32.
        known = skeletons.SKELETONS.get(found.name)
        if known is not None and set(known.joint_names) == set(joint_names):
            return found
    if fitting:
        return fitting[0]
    raise ValueError(
        f"its joints fit no known map to {target}, so `map` must be given"
        f"{_hint(maps, missing, joint_names)}. Received: the joints {_listed(joint_names)}"
    )


def _hint(maps, missing, joint_names):
    """Returns the part of a message that names the map with most fitting names."""
    persons = naming.people(joint_names)
    if persons:
        return f"; the names repeat for {', '.join(persons)}: export each person to a file"
    needed = {found.name: len(found.for_file(joint_names).sources) for found in maps}
    fits = {name: needed[name] - len(missing[name]) for name in needed}
    if not any(fits.values()):
        return ""
    # By the share that fits, for maps need different numbers of joints.
    nearest = max(fits, key=lambda name: fits[name] / needed[name])
    return (
        f"; the nearest is {nearest!r}: {fits[nearest]} of the {needed[nearest]} joints that it "
        f"needs are there, it lacks {', '.join(missing[nearest])}"
    )


def _candidates(target: str) -> list[SkeletonMap]:
    known = [found for found in map(get, BUILT_IN) if found.target == target]
    for source in skeletons.SKELETONS:
        try:
            known.append(from_skeleton(source, target))
        except ValueError:
            continue  # It lacks joints of the target.
    return known


def load(path) -> SkeletonMap:
    """Reads a map from a file.

    Args:
        path: JSON file, or YAML file (.yaml or .yml), in the form that the module documents.

    Returns:
        The map.

    Raises:
        ValueError: If the file is not a map; the message names the joint.
        ImportError: If the file is YAML and PyYAML is not installed.
        OSError: If the file cannot be opened.
    """
    path = pathlib.Path(path)
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix.lower() in (".yaml", ".yml"):
            yaml = extras.require("yaml", "reading maps in YAML")
            try:
                content = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ValueError(f"must be YAML ({' '.join(str(error).split())})") from error
        else:
            # A syntax error is a ValueError that names line and column.
            content = json.loads(text, object_pairs_hook=_without_repetition)
        return _from_content(content, path.stem)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _without_repetition(pairs):
    names = [name for name, _ in pairs]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"names must be different. Received twice: {repeated[0]!r}")
    return dict(pairs)


def _from_content(content, name):
    if not isinstance(content, dict) or not isinstance(content.get("joints"), dict):
        raise ValueError("must have `joints`, with an entry for each joint of the skeleton")
    choices = {str(joint): _choices(joint, entry) for joint, entry in content["joints"].items()}
    return SkeletonMap(
        str(content.get("name", name)),
        str(content.get("target", "h36m17")),
        {joint: found[0] for joint, found in choices.items()},
        {joint: tuple(found[1:]) for joint, found in choices.items() if len(found) > 1},
    )


def _choices(joint, entry):
    if isinstance(entry, dict) and set(entry) == {"first_of"}:
        if not isinstance(entry["first_of"], list) or not entry["first_of"]:
            raise ValueError(
                f"`first_of` of {joint!r} must be a list of entries. "
                f"Received: {entry['first_of']!r}"
            )
        return [_weights(joint, choice) for choice in entry["first_of"]]
    return [_weights(joint, entry)]


def _weights(joint, entry):
    if isinstance(entry, str):
        return {entry: 1.0}
    if isinstance(entry, list) and entry and all(isinstance(name, str) for name in entry):
        return {name: entry.count(name) / len(entry) for name in entry}
    if isinstance(entry, dict) and entry:
        numbers = [w for w in entry.values() if isinstance(w, int | float) and w is not True]
        if len(numbers) == len(entry):
            return {str(name): float(weight) for name, weight in entry.items()}
    raise ValueError(
        f"the entry of {joint!r} must be a name, a list of names, names with weights, or "
        "`first_of` with a list of these. "
        f"Received: {entry!r}"
    )
