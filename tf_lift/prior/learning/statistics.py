"""Reads poses in chunks and sums up their sufficient statistics."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from concurrent import futures

import numpy as np
from numpy.typing import NDArray

from tf_lift import skeletons

__all__ = ["CHUNK", "Moments", "PoseData", "poses_array"]

# Number of poses that are turned and weighted at once, in float64: 3 MB fit in cache. Another
# size rounds sums differently.
CHUNK = 8192


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Weighted sums of vectors, the sufficient statistics of a Gaussian.

    Attributes:
        weight: Sum of the weights.
        first: Array of shape `[D]`, weighted sum of the vectors.
        second: Array of shape `[D, D]`, weighted sum of their outer products.

    >>> moments = Moments.of(np.array([[0.0, 2.0], [4.0, 2.0]]), np.array([0.5, 0.5]))
    >>> moments.mean, moments.covariance
    (array([2., 2.]), array([[4., 0.],
           [0., 0.]]))
    """

    weight: float
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def zero(cls, num_dimensions: int) -> "Moments":
        """Returns the moments of no vectors."""
        return cls(0.0, np.zeros(num_dimensions), np.zeros([num_dimensions, num_dimensions]))

    @classmethod
    def of(cls, vectors, weights) -> "Moments":
        """Returns the moments of vectors `[N, D]` with weights `[N]`."""
        weighted = vectors * weights[:, None]
        return cls(float(weights.sum()), weighted.sum(axis=0), weighted.T @ vectors)

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.weight + other.weight, self.first + other.first, self.second + other.second
        )

    @property
    def mean(self) -> NDArray[np.float64]:
        """Weighted mean, `[D]`."""
        return self.first / self.weight

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Weighted covariance, `[D, D]`."""
        mean = self.mean
        covariance = self.second / self.weight - np.outer(mean, mean)
        return (covariance + covariance.T) / 2.0

    def mirrored(self, skeleton: skeletons.Skeleton) -> "Moments":
        """Returns the moments of the mirrored poses, without mirroring any pose.

        Mirroring is an orthogonal map M of flattened poses, so that the sums become
        `M first` and `M second M'`.

        Args:
            skeleton: Skeleton of the poses, `D = 3 * L`.
        """
        order, signs = _mirror_map(skeleton)
        second = self.second[np.ix_(order, order)] * np.outer(signs, signs)
        return Moments(self.weight, self.first[order] * signs, second)


def _mirror_map(skeleton):
    order = 3 * np.repeat(skeleton.swap, 3) + np.tile([0, 1, 2], skeleton.num_joints)
    return order, np.tile([-1.0, 1.0, 1.0], skeleton.num_joints)


@dataclasses.dataclass(frozen=True, eq=False)
class PoseData:
    """Poses to learn from, without a copy.

    Attributes:
        poses: Array of shape `[N, L, 3]`, float32 or float64, mm, z up.
        weights: Array of shape `[N]`, sums to 1: weight of each pose.
        skeleton: `Skeleton` of the joints.
        mirror: Whether half of the weight of each pose goes to its mirror image.
    """

    poses: NDArray
    weights: NDArray[np.float64]
    skeleton: skeletons.Skeleton
    mirror: bool = True

    def map(self, function: Callable) -> Iterator:
        """Yields the results of a function for each chunk, in order.

        One thread per core takes chunks; since results come in order, their sums do not
        depend on the number of threads.

        Args:
            function: Function of the rows of the chunk, a slice, and its poses, float64 of
                shape `[n, L, 3]`, joint 0 at the origin.
        """
        starts = range(0, len(self.poses), CHUNK)
        chunks = [slice(start, min(start + CHUNK, len(self.poses))) for start in starts]

        def run(rows):
            poses = self.poses[rows].astype(np.float64)
            poses -= poses[:, :1].copy()
            return function(rows, poses)

        if len(chunks) == 1:
            yield run(chunks[0])
            return
        with futures.ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1)) as pool:
            yield from pool.map(run, chunks)

    def subset(self, most: int, seed: int) -> "PoseData":
        """Returns at most `most` of the poses, drawn at random; itself if there are no more."""
        if len(self.poses) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.poses))[:most])
        weights = self.weights[rows]
        return dataclasses.replace(self, poses=self.poses[rows], weights=weights / weights.sum())

    def with_mirrored(self, moments: Moments) -> Moments:
        """Adds the moments of the mirrored poses, if these count as well."""
        return moments + moments.mirrored(self.skeleton) if self.mirror else moments


def poses_array(poses) -> NDArray:
    """Returns poses as a floating-point array; an array of floats is not copied.

    Args:
        poses: Anything that NumPy converts to an array of numbers.

    Raises:
        ValueError: If the poses are not numeric, or hold NaN or infinity.

    >>> poses_array([[0, 1]]).dtype
    dtype('float64')
    """
    try:
        array = np.asarray(poses)
        if array.dtype not in (np.float32, np.float64):
            array = np.array(poses, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`poses` must be an array of numbers. Received: {type(poses).__name__} ({error})"
        ) from error
    if array.ndim == 0:
        raise ValueError(f"`poses` must be an array of poses. Received: {array}")
    num_bad, first = 0, -1
    for start in range(0, len(array), CHUNK):
        bad = ~np.isfinite(array[start : start + CHUNK])
        if bad.any() and first < 0:
            first = start + int(np.argmax(bad.reshape(len(bad), -1).any(axis=1)))
        num_bad += int(np.count_nonzero(bad))
    if num_bad:
        raise ValueError(
            f"`poses` must be finite. Received: {num_bad} NaN or infinite values of "
            f"{array.size}, the first in pose {first}"
        )
    return array
