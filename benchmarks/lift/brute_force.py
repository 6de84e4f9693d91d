"""The lift by brute force in float64 NumPy, from the formulas of docs/method.md alone."""

from typing import NamedTuple

import numpy as np

__all__ = ["Lifted", "lift"]

# Poses at a time: 240 candidates of 34 coordinates take 65 kB each.
_CHUNK = 500


class Lifted(NamedTuple):
    """What every candidate made of the landmarks, and the poses of the best.

    Attributes:
        joints_3d: `[N, L, 3]`, mm, camera frame, origin at joint 0.
        energy: `[N]`, mm^2, of the best.
        costs: `[N, M]`, equation 12; candidates by component, then angle.
    """

    joints_3d: np.ndarray
    energy: np.ndarray
    costs: np.ndarray

    def gaps(self) -> np.ndarray:
        """Returns by how much, relative to its cost, each pose's best is before the next."""
        best, second = np.partition(self.costs, 1, axis=1)[:, :2].T
        return (second - best) / np.abs(best)


def lift(landmarks, prior, num_rotations=80, visibility=None, advance=lambda share: None) -> Lifted:
    """Lifts landmarks at a free scale: least squares for every component and angle.

    Args:
        landmarks: `[N, L, 2]`.
        prior: `PosePrior`, of more than one candidate.
        num_rotations: Number of angles.
        visibility: `[N, L]`, bool; rows of landmarks that are not seen are left out.
        advance: Told the share of the poses that are done.
    """
    landmarks = np.asarray(landmarks, np.float64)
    count, num_joints = landmarks.shape[:2]
    if visibility is None:
        visibility = np.ones([count, num_joints], bool)
    shapes = _turned(prior, num_rotations)
    result = Lifted(
        np.empty([count, num_joints, 3]),
        np.empty(count),
        np.empty([count, len(shapes)]),
    )
    masks, inverse = np.unique(visibility, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    done = 0
    for number, mask in enumerate(masks):
        solver = _Solver(shapes, mask, prior, num_rotations)
        rows = np.flatnonzero(inverse == number)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            joints_3d, energy, costs = solver(landmarks[part][:, mask])
            result.joints_3d[part], result.energy[part], result.costs[part] = (
                joints_3d,
                energy,
                costs,
            )
            done += len(part)
            advance(done / count)
    return result


def _turned(prior, num_rotations):
    """R [W, mu] of every candidate, `[M, J + 1, L, 3]`, camera frame: section 1."""
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
    """All candidates for the landmarks that one mask leaves."""

    def __init__(self, shapes, mask, prior, num_rotations):
        self._shapes = shapes
        seen = shapes[:, :, mask, :2]
        # Less the mean of each coordinate: the translation.
        seen = (seen - seen.mean(2, keepdims=True)).reshape(*seen.shape[:2], -1)
        self._design, self._mean = seen[:, :-1], seen[:, -1]  # D' [M, J, 2L], p [M, 2L]
        num_bases = self._design.shape[1]
        self._noise = np.repeat(prior.noise_stddev**2, num_rotations)
        gram = self._design @ self._design.swapaxes(1, 2)
        gram += self._noise[:, None, None] * np.eye(num_bases)
        # z = Q y, equation 3.
        self._regression = np.linalg.solve(gram, self._design)
        self._dimensions = 2 * mask.sum() - 2
        self._normaliser = np.linalg.slogdet(gram)[1]
        self._normaliser += (self._dimensions - num_bases) * np.log(self._noise)
        self._normaliser -= 2 * np.log(np.repeat(prior.mixture_weights, num_rotations))

    def __call__(self, landmarks):
        y = landmarks - landmarks.mean(1, keepdims=True)
        y = y.reshape(len(y), -1)[None]  # [1, N, 2L]; arrays below are [M, N, ...].
        noise, mean = self._noise[:, None], self._mean[:, None]
        # What the bases leave of y: M y = y - D Q y, equation 7.
        latents = y @ self._regression.swapaxes(1, 2)
        left = y - latents @ self._design
        square = (left**2).sum(-1) + noise * (latents**2).sum(-1)  # A = y'My
        product = np.einsum("mnc,mc->mn", left, self._mean)  # B = p'My
        # The most likely scale, equation 10.
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
