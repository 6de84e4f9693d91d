"""The lift by brute force in float64 NumPy, from the formulas of docs/method.md alone.

It shares no code with the library.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Lifted", "lift"]

# Poses at a time: 240 candidates of 34 coordinates take 65 kB each.
_CHUNK = 500


class Lifted(NamedTuple):
    """Costs of every candidate, and the pose of the best one.

    Attributes:
        joints_3d: `[N, L, 3]`, mm, camera frame, origin at joint 0.
        energy: `[N]`, mm^2, of the best candidate.
        costs: `[N, M]`, M12 but for terms that all candidates share; candidates by component,
            then angle.
    """

    joints_3d: np.ndarray
    energy: np.ndarray
    costs: np.ndarray

    def gaps(self) -> np.ndarray:
        """Returns the distance from each pose's lowest cost to the next, relative to it."""
        best, second = np.partition(self.costs, 1, axis=1)[:, :2].T
        return (second - best) / np.abs(best)

    def rows(self, chosen) -> "Lifted":
        """Returns some of the poses."""
        return Lifted(*(array[chosen] for array in self))


def lift(landmarks, prior, num_rotations=80, visibility=None, advance=lambda share: None) -> Lifted:
    """Lifts landmarks at a free scale: least squares for every component and angle.

    Args:
        landmarks: `[N, L, 2]`.
        prior: `PosePrior`, of more than one candidate.
        num_rotations: Number of angles.
        visibility: `[N, L]`, bool or weights >= 0; landmarks of weight 0 are left out.
        advance: Called with the share of the poses that are done.

    References:
        docs/method.md, M1 to M14.
    """
    landmarks = np.asarray(landmarks, np.float64)
    count, num_joints = landmarks.shape[:2]
    weights = np.ones([count, num_joints]) if visibility is None else np.float64(visibility)
    shapes = _turned(prior, num_rotations)
    result = Lifted(
        np.empty([count, num_joints, 3]),
        np.empty(count),
        np.empty([count, len(shapes)]),
    )
    distinct, inverse = np.unique(weights, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    done = 0
    for number, row in enumerate(distinct):
        solver = _Solver(shapes, row, prior, num_rotations)
        poses = np.flatnonzero(inverse == number)
        for start in range(0, len(poses), _CHUNK):
            part = poses[start : start + _CHUNK]
            joints_3d, energy, costs = solver(landmarks[part])
            result.joints_3d[part], result.energy[part], result.costs[part] = (
                joints_3d,
                energy,
                costs,
            )
            done += len(part)
            advance(done / count)
    return result


def _turned(prior, num_rotations):
    """Returns R [W, mu] of every candidate, `[M, J + 1, L, 3]`, camera frame: section 1."""
    angles = 2 * np.pi * np.arange(num_rotations) / num_rotations
    loadings = prior.stddev[:, :, None, None] * prior.basis
    shapes = np.concatenate([loadings, prior.mean_pose[:, None]], 1)[:, None]
    cos, sin = np.cos(angles)[None, :, None, None], np.sin(angles)[None, :, None, None]
    x, y, z = shapes[..., 0], shapes[..., 1], shapes[..., 2]
    x, y, z = np.broadcast_arrays(cos * x - sin * y, sin * x + cos * y, z)
    # (x, y, z) -> (x, -z, y).
    turned = np.stack([x, -z, y], -1)
    return turned.reshape(-1, *turned.shape[2:])


class _Solver:
    """All candidates for landmarks of the same weights.

    Coordinates are taken less their weighted mean and times the root of their weight: V of
    M14 is then the identity, and the formulas of section 1 hold.
    """

    def __init__(self, shapes, weights, prior, num_rotations):
        self._shapes = shapes
        self._seen = weights > 0
        self._weights = weights[self._seen, np.newaxis]
        seen = self._whiten(shapes[:, :, self._seen, :2])
        self._design, self._mean = seen[:, :-1], seen[:, -1]  # D' [M, J, 2L], p [M, 2L]
        num_bases = self._design.shape[1]
        self._noise = np.repeat(prior.noise_stddev**2, num_rotations)
        gram = self._design @ self._design.swapaxes(1, 2)
        gram += self._noise[:, None, None] * np.eye(num_bases)
        # z = Q y, M3.
        self._regression = np.linalg.solve(gram, self._design)
        self._dimensions = 2 * self._seen.sum() - 2
        self._normaliser = np.linalg.slogdet(gram)[1]
        self._normaliser += (self._dimensions - num_bases) * np.log(self._noise)
        self._normaliser -= 2 * np.log(np.repeat(prior.mixture_weights, num_rotations))

    def _whiten(self, points):
        """Flattens `[..., visible landmarks, 2]`."""
        mean = (self._weights * points).sum(-2, keepdims=True) / self._weights.sum()
        whitened = np.sqrt(self._weights) * (points - mean)
        return whitened.reshape(*points.shape[:-2], -1)

    def __call__(self, landmarks):
        y = self._whiten(landmarks[:, self._seen])[None]  # [1, N, 2L]; below [M, N, ...].
        noise, mean = self._noise[:, None], self._mean[:, None]
        # The part of y beyond the bases: M y = y - D Q y, M7.
        latents = y @ self._regression.swapaxes(1, 2)
        left = y - latents @ self._design
        square = (left**2).sum(-1) + noise * (latents**2).sum(-1)  # A = y'My
        product = np.einsum("mnc,mc->mn", left, self._mean)  # B = p'My
        # The most likely scale, M10.
        root = np.sqrt(product**2 + 4 * square * noise * self._dimensions)
        unit = (product + root) / (2 * square)
        target = unit[..., None] * y - mean
        latents = target @ self._regression.swapaxes(1, 2)
        residual = target - latents @ self._design
        energy = (residual**2).sum(-1) + noise * (latents**2).sum(-1)
        costs = energy / noise - 2 * self._dimensions * np.log(unit) + self._normaliser[:, None]
        best, poses = costs.argmin(0), np.arange(y.shape[1])
        chosen = self._shapes[best]
        joints = np.einsum("nj,njlc->nlc", latents[best, poses], chosen[:, :-1]) + chosen[:, -1]
        return joints - joints[:, :1], energy[best, poses], costs.T
