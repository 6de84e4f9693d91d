"""Finds joint rotations that reproduce given positions."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["RIGID_MM", "Replay", "shortest_rotations", "solve"]

# Tolerance within which bones rotate together, and within which a joint is fixed in its
# parent's axes and needs no position channels. Ten such errors in a chain stay within 0.1 mm.
# Storing positions a few metres from the origin as float32 rounds them by 0.0002 mm.
RIGID_MM = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Replay:
    """A skeleton at rest and the motion of its joints.

    Attributes:
        joint_names: Name of each joint, parents first, children before the next sibling.
        parents: Index of each joint's parent, -1 for the root.
        offsets: Array of shape `[J, 3]`: positions at rest in the parent's axes; 0 for the
            root.
        rotations: Array of shape `[T, J, 3, 3]`, from the joint's axes to its parent's.
        translations: Array of shape `[T, J, 3]`: positions in the parent's axes.
        moves: Which joints have translations that differ from their offsets; always the root.
    """

    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: NDArray[np.float64]
    rotations: NDArray[np.float64]
    translations: NDArray[np.float64]
    moves: NDArray[np.bool_]


def solve(positions, joint_names, parents, rest_pose, constant_bones: bool = False) -> Replay:
    """Finds joint rotations and bone lengths at rest that reproduce positions.

    - A joint with one bone gets the shortest rotation, relative to its parent, that gives the
      bone its direction. Positions do not show twist, so there is none.
    - A joint whose bones rotate together gets the rotation that fits them best.
    - Bones of one joint that rotate separately (the spine and the hips, both from the
      pelvis) cannot share its rotation. The largest group keeps the joint; each other group
      gets an extra joint of zero length, such as `pelvis_to_spine`.
    - A bone whose length changes by more than `RIGID_MM` gets its direction from rotations
      and its length from the `translations` of its end.

    So every clip can be reproduced. With `constant_bones`, each bone keeps its length at rest and
    its direction, so that joints are off where lengths change.

    Args:
        positions: Array of shape `[T, J, 3]`, mm.
        joint_names: The `J` names.
        parents: Index of each joint's parent, -1 for the one root.
        rest_pose: Array of shape `[J, 3]`: the pose in which all rotations are 0. Its bone
            lengths are set to the medians of the clip.
        constant_bones: Whether only the root moves in its parent's axes.

    Returns:
        `Replay` with the joints of `positions` and the extra ones.

    References:
        W. Kabsch. A solution for the best rotation to relate two sets of vectors. Acta
        Crystallographica A32, 1976, for joints with several bones.
    """
    solver = _Solver(np.asarray(positions, np.float64), joint_names, parents, rest_pose)
    solver.constant_bones = constant_bones
    identity = np.broadcast_to(np.eye(3), [len(solver.positions), 3, 3])
    solver.visit(list(parents).index(-1), -1, identity)
    return Replay(
        tuple(solver.names),
        tuple(solver.out_parents),
        np.array(solver.out_offsets),
        np.stack(solver.rotations, axis=1),
        np.stack(solver.translations, axis=1),
        np.array(solver.moves),
    )


class _Solver:
    constant_bones = False

    def __init__(self, positions, joint_names, parents, rest_pose):
        self.positions = positions
        self.joint_names = joint_names
        joints = range(len(rest_pose))
        self.children = {j: [c for c, p in enumerate(parents) if p == j] for j in joints}
        above = np.maximum(parents, 0)
        self.bones = positions - positions[:, above]
        lengths = np.linalg.norm(self.bones, axis=-1, keepdims=True)
        self.median = np.median(lengths, axis=0)
        # A bone of zero length has no direction in that frame; keep it 0.
        self.directions = self.bones / np.maximum(lengths, 1e-9)
        offsets = rest_pose - rest_pose[above]
        rest_lengths = np.linalg.norm(offsets, axis=-1, keepdims=True)
        self.has_direction = np.minimum(self.median, rest_lengths)[:, 0] > RIGID_MM
        rigid = np.abs(lengths - rest_lengths).max(axis=0) <= RIGID_MM
        scaled = offsets / np.maximum(rest_lengths, 1e-9) * self.median
        self.offsets = np.where(rigid, offsets, scaled)
        self.names, self.out_parents, self.out_offsets = [], [], []
        self.rotations, self.translations, self.moves = [], [], []

    def visit(self, joint, parent, parent_rotation):
        """Adds a joint and all joints below it.

        Args:
            joint: Index of the joint in the clip.
            parent: Index of its parent in the result, -1 for the root.
            parent_rotation: Rotation of the parent in the world, `[T, 3, 3]`.
        """
        groups = self._groups(joint)
        main = max(groups, key=len, default=[])
        rotation = self._fit(main, parent_rotation)
        if parent < 0:
            offset, translations = np.zeros(3), self.positions[:, joint]
        else:
            offset = self.offsets[joint]
            translations = np.einsum("tji,tj->ti", parent_rotation, self.bones[:, joint])
            if self.constant_bones:
                translations = np.broadcast_to(offset, translations.shape)
        moves = parent < 0 or np.linalg.norm(translations - offset, axis=-1).max() > RIGID_MM
        local = parent_rotation.swapaxes(1, 2) @ rotation
        index = self._add(self.joint_names[joint], parent, offset, local, translations, moves)
        others = {group[0]: group for group in groups if group is not main}
        for child in self.children[joint]:
            if child in others:
                group = others[child]
                group_rotation = self._fit(group, rotation)
                name = f"{self.joint_names[joint]}_to_{self.joint_names[child]}"
                while name in self.names or name in self.joint_names:
                    name += "_"
                local = rotation.swapaxes(1, 2) @ group_rotation
                zeros = np.zeros([len(local), 3])
                between = self._add(name, index, np.zeros(3), local, zeros, False)
                for member in group:
                    self.visit(member, between, group_rotation)
            elif child in main or not self.has_direction[child]:
                self.visit(child, index, rotation)

    def _add(self, name, parent, offset, rotation, translations, moves):
        self.names.append(name)
        self.out_parents.append(parent)
        self.out_offsets.append(offset)
        self.rotations.append(rotation)
        self.translations.append(translations)
        self.moves.append(moves)
        return len(self.names) - 1

    def _groups(self, joint):
        """Returns the children in groups that rotate together."""
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
        """Returns the rotation of a joint in the world, [T, 3, 3], from the bones of a group."""
        if not group:
            return parent_rotation
        offsets = self.offsets[group]
        if np.linalg.matrix_rank(offsets, tol=RIGID_MM) == 1:
            longest = max(group, key=lambda child: self.median[child, 0])
            start = self.offsets[longest] / np.linalg.norm(self.offsets[longest])
            goal = np.einsum("tji,tj->ti", parent_rotation, self.directions[:, longest])
            goal = np.where(goal.any(axis=1, keepdims=True), goal, start)
            return parent_rotation @ shortest_rotations(start, goal)
        bones = self.directions[:, group] * self.median[group]
        left, _, right = np.linalg.svd(np.einsum("tci,cj->tij", bones, offsets))
        # Flip the last singular vector where the best orthogonal matrix is a reflection.
        left[:, :, 2] *= np.linalg.det(left @ right)[:, None]
        return left @ right


def shortest_rotations(start, goals) -> NDArray[np.float64]:
    """Computes the rotations by the smallest angle from one direction to others.

    Each rotation is a product of two half turns: the first, about `start`, keeps `start`;
    the second, about the bisector of `start` and the goal, exchanges the two.

    Args:
        start: Array of shape `[3]`, length 1.
        goals: Array of shape `[T, 3]`, length 1. For the opposite of `start` the rotation is
            not unique; one of them is returned.

    Returns:
        Array of shape `[T, 3, 3]`.

    >>> turn = shortest_rotations(np.array([1.0, 0, 0]), np.array([[0.0, 1, 0]]))
    >>> (turn[0] @ [0.0, 1.0, 0.0]).round(6) + 0.0
    array([-1.,  0.,  0.])
    """
    bisector = start + goals
    length = np.linalg.norm(bisector, axis=-1, keepdims=True)
    perpendicular = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])
    # Where start and goal are opposite to 1e-7, any perpendicular axis serves.
    bisector = np.where(length > 1e-7, bisector / np.maximum(length, 1e-7), perpendicular)
    bisector /= np.linalg.norm(bisector, axis=-1, keepdims=True)
    return _half_turns(bisector) @ _half_turns(start)


def _half_turns(axes):
    return 2.0 * axes[..., :, None] * axes[..., None, :] - np.eye(3)
