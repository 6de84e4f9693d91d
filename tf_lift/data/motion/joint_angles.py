"""Finds the rotations of joints that replay given positions."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["RIGID_MM", "Replay", "shortest_rotations", "solve"]

# Bones whose ends keep their places relative to each other to this much turn as one, and a
# joint that keeps its place in its parent's axes to this much needs no place of its own in
# each frame. Ten such errors in a row stay within 0.1 mm; positions that were stored as
# float32 a few metres from the origin are rounded by 0.0002 mm.
RIGID_MM = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Replay:
    """A skeleton at rest and the motion of its joints.

    Attributes:
        joint_names: Name of each joint, parents first, children before the next sibling.
        parents: Index of each joint's parent, -1 for the root.
        offsets: Array of shape `[J, 3]`: places at rest in the parent's axes; 0 of the root.
        rotations: Array of shape `[T, J, 3, 3]`, from the joint's axes to its parent's.
        places: Array of shape `[T, J, 3]`: places in the parent's axes in each frame.
        moves: Which joints have places that differ from their offsets; the root has.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: NDArray[np.float64]
    rotations: NDArray[np.float64]
    places: NDArray[np.float64]
    moves: NDArray[np.bool_]


def solve(positions, joint_names, parents, rest) -> Replay:
    """Finds rotations of joints, and lengths of bones at rest, that replay positions.

    A joint with one bone below it is turned by the shortest rotation relative to its
    parent that brings the bone into its direction: no twist, which positions do not show.
    One with several bones that move as one is turned by the rotation that fits them best.
    Bones of one joint that do not move as one (a spine and the hips, both from the pelvis)
    cannot share its rotation: for those other than the largest group a joint of no length
    is put in between, called `pelvis_to_spine`. A bone whose length changes by more than
    `RIGID_MM` gets the right direction by rotations, and the rest by its end's `places`.
    So every clip is replayed.

    Args:
        positions: Array of shape `[T, J, 3]`, mm.
        joint_names: The `J` names.
        parents: Index of each joint's parent, -1 for the one root.
        rest: Array of shape `[J, 3]`: a pose of the same bones, which all rotations 0 will
            give; lengths are brought to the clip's median.

    Returns:
        `Replay`, with the joints of `positions` and those in between.

    References:
        W. Kabsch. A solution for the best rotation to relate two sets of vectors. Acta
        Crystallographica A32, 1976, for joints with several bones.
    """
    solver = _Solver(np.asarray(positions, np.float64), joint_names, parents, rest)
    identity = np.broadcast_to(np.eye(3), [len(solver.positions), 3, 3])
    solver.visit(list(parents).index(-1), -1, identity)
    return Replay(
        tuple(solver.names),
        tuple(solver.out_parents),
        np.array(solver.out_offsets),
        np.stack(solver.rotations, axis=1),
        np.stack(solver.places, axis=1),
        np.array(solver.moves),
    )


class _Solver:
    def __init__(self, positions, joint_names, parents, rest):
        self.positions = positions
        self.joint_names = joint_names
        self.children = {j: [c for c, p in enumerate(parents) if p == j] for j in range(len(rest))}
        above = np.maximum(parents, 0)
        self.bones = positions - positions[:, above]
        lengths = np.linalg.norm(self.bones, axis=-1, keepdims=True)
        self.median = np.median(lengths, axis=0)
        # A bone of no length in some frame points nowhere there: what is 0 stays 0.
        self.directions = self.bones / np.maximum(lengths, 1e-9)
        offsets = rest - rest[above]
        at_rest = np.linalg.norm(offsets, axis=-1, keepdims=True)
        self.has_direction = np.minimum(self.median, at_rest)[:, 0] > RIGID_MM
        rigid = np.abs(lengths - at_rest).max(axis=0) <= RIGID_MM
        scaled = offsets / np.maximum(at_rest, 1e-9) * self.median
        self.offsets = np.where(rigid, offsets, scaled)
        self.names, self.out_parents, self.out_offsets = [], [], []
        self.rotations, self.places, self.moves = [], [], []

    def visit(self, joint, parent, parent_rotation):
        """Adds a joint and all below it; `parent_rotation` [T, 3, 3] is in the world."""
        groups = self._groups(joint)
        main = max(groups, key=len, default=[])
        rotation = self._fit(main, parent_rotation)
        if parent < 0:
            offset, places = np.zeros(3), self.positions[:, joint]
        else:
            offset = self.offsets[joint]
            places = np.einsum("tji,tj->ti", parent_rotation, self.bones[:, joint])
        moves = parent < 0 or np.linalg.norm(places - offset, axis=-1).max() > RIGID_MM
        local = parent_rotation.swapaxes(1, 2) @ rotation
        own = self._add(self.joint_names[joint], parent, offset, local, places, moves)
        others = {group[0]: group for group in groups if group is not main}
        for child in self.children[joint]:
            if child in others:
                group = others[child]
                turned = self._fit(group, rotation)
                name = f"{self.joint_names[joint]}_to_{self.joint_names[child]}"
                while name in self.names or name in self.joint_names:
                    name += "_"
                local = rotation.swapaxes(1, 2) @ turned
                still = np.zeros([len(local), 3])
                between = self._add(name, own, np.zeros(3), local, still, False)
                for member in group:
                    self.visit(member, between, turned)
            elif child in main or not self.has_direction[child]:
                self.visit(child, own, rotation)

    def _add(self, name, parent, offset, rotation, places, moves):
        self.names.append(name)
        self.out_parents.append(parent)
        self.out_offsets.append(offset)
        self.rotations.append(rotation)
        self.places.append(places)
        self.moves.append(moves)
        return len(self.names) - 1

    def _groups(self, joint):
        """Children in groups that move as one."""
        groups: list[list[int]] = []
        for child in self.children[joint]:
            if not self.has_direction[child]:
                continue
            for group in groups:
                if all(self._moves_with(child, member) for member in group):
                    group.append(child)
                    break
            else:
                groups.append([child])
        return groups

    def _moves_with(self, first, second):
        gap = np.linalg.norm(self.directions[:, first] - self.directions[:, second], axis=-1)
        change = np.ptp(gap) * max(self.median[first, 0], self.median[second, 0])
        return change <= RIGID_MM

    def _fit(self, group, parent_rotation):
        """Returns the world's rotations [T, 3, 3] of a joint from the bones of a group."""
        if not group:
            return parent_rotation
        rest = self.offsets[group]
        if np.linalg.matrix_rank(rest, tol=RIGID_MM) == 1:
            longest = max(group, key=lambda child: self.median[child, 0])
            start = self.offsets[longest] / np.linalg.norm(self.offsets[longest])
            goal = np.einsum("tji,tj->ti", parent_rotation, self.directions[:, longest])
            goal = np.where(goal.any(axis=1, keepdims=True), goal, start)
            return parent_rotation @ shortest_rotations(start, goal)
        seen = self.directions[:, group] * self.median[group]
        left, _, right = np.linalg.svd(np.einsum("tci,cj->tij", seen, rest))
        # The best orthogonal matrix, and of those the best that does not mirror.
        left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
        return left @ right


def shortest_rotations(start, goals) -> NDArray[np.float64]:
    """Returns the rotations by the smallest angle that turn one direction into others.

    A rotation is two half turns: about `start`, which keeps it, and then about the middle
    between it and the goal, which exchanges the two.

    Args:
        start: Array of shape `[3]`, length 1.
        goals: Array of shape `[T, 3]`, length 1. For the opposite of `start` the axis is one
            of many.

    Returns:
        Array of shape `[T, 3, 3]`.

    >>> turn = shortest_rotations(np.array([1.0, 0, 0]), np.array([[0.0, 1, 0]]))
    >>> (turn[0] @ [0.0, 1.0, 0.0]).round(6) + 0.0
    array([-1.,  0.,  0.])
    """
    middle = start + goals
    length = np.linalg.norm(middle, axis=-1, keepdims=True)
    across = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
    # Where start and goal are opposite to 1e-7, any axis across them turns as well.
    middle = np.where(length > 1e-7, middle / np.maximum(length, 1e-7), across)
    middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
    return _half_turns(middle) @ _half_turns(start)


def _half_turns(axes):
    return 2.0 * axes[..., :, None] * axes[..., None, :] - np.eye(3)
