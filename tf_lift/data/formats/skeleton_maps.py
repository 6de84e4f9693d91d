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

import importlib.resources
import json
import pathlib

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons
from tf_lift.data.formats import joint_names as naming
from tf_lift.data.formats.skeleton_map import SkeletonMap, listed
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
        raise ValueError(
            f"`map` must be a file or one of {', '.join(BUILT_IN)}. Received: {name!r}"
        )
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
        f"{_hint(maps, missing, joint_names)}. Received: the joints {listed(joint_names)}"
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
        ValueError: If the file is not a map; the message names the joint. Also if there is no such
            file and the name has no ending, as those of built-in maps.
        ImportError: If the file is YAML and PyYAML is not installed.
        OSError: If the file cannot be opened.
    """
    path = pathlib.Path(path)
    if not path.suffix and not path.exists():
        # A name, not a file.
        raise ValueError(
            f"`map` must be a file or one of {', '.join(BUILT_IN)}. Received: {str(path)!r}"
        )
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
        return _with_bare_ends(_from_content(content, path.stem))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _with_bare_ends(found):
    """Adds alternatives for end sites of zero length, which are no joints of their own.

    Those lie at the joint above: `Head_end` is `Head`.
    """
    alternatives = dict(found.alternatives)
    for joint, first in found.joints.items():
        choices = (first, *alternatives.get(joint, ()))
        if any(name.endswith("_end") for weights in choices for name in weights):
            bare = [_add_up(weights) for weights in choices]
            alternatives[joint] = (*choices[1:], *bare)
    return SkeletonMap(found.name, found.target, found.joints, alternatives)


def _add_up(weights):
    total: dict[str, float] = {}
    for name, weight in weights.items():
        bare = name.removesuffix("_end")
        total[bare] = total.get(bare, 0.0) + weight
    return total


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
