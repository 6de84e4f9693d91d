"""Landmarks and weights of random people."""

import numpy as np
from reference import lifting as reference


def make_landmarks(prior, rng, num_poses, scale=None, noise_px=2.0):
    """Projects poses of the prior at random yaws; placed at random where scale is None."""
    poses = prior.sample(num_poses, seed=int(rng.integers(1 << 30)))
    matrices = np.stack([reference.rotation(a) for a in rng.uniform(0, 2 * np.pi, num_poses)])
    flat = np.einsum("ndc,nlc->nld", matrices, poses)[..., :2]
    if scale is None:
        scale = rng.uniform(0.2, 0.6, [num_poses, 1, 1])
        flat = flat * scale + rng.uniform(100, 400, [num_poses, 1, 2])
    else:
        flat = flat * scale
    return flat + rng.normal(0, noise_px, flat.shape)


def random_weights(rng, kind, shape):
    if kind == "all":
        return None
    if kind == "visible":
        # Of the first pose none is missing, of the second more than XLA eliminates written out.
        visible = rng.uniform(size=shape) > 0.25
        visible[0], visible[1] = True, np.arange(shape[1]) % 2 == 0
        return visible
    if kind == "mask":
        weights = (rng.uniform(size=shape) > 0.3).astype(np.float64)
        weights[..., :2] = 1
        return weights
    return rng.uniform(0.1, 2, shape) * (rng.uniform(size=shape) > 0.2)
