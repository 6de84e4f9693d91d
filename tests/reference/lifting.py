"""Brute-force lift in float64: every component and rotation by least squares."""

import numpy as np


def rotation(angle, pitch=0.0):
    """Turns a pose about z, then looks at it with a camera tilted down by `pitch`."""
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    level = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    tilt = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    return tilt @ level @ turn


def candidate(landmarks, prior, k, matrix, weights=None, scale=None):
    """Solves one component at one rotation; rows of weight 0 are left out.

    Returns a dict of energy (mm^2), scale, joints_3d, landmarks and the cost
    energy / noise^2 + log det of the visible landmarks' covariance - 2 log weight.
    """
    num_joints = prior.num_joints
    weights = np.ones(num_joints) if weights is None else np.asarray(weights, float)
    seen = np.repeat(weights > 0, 2)
    root = np.sqrt(np.repeat(weights, 2)[seen])[:, None]
    project = matrix[:2]
    mean = (prior.mean_pose[k] @ project.T).reshape(-1)
    basis = np.stack([(e @ project.T).reshape(-1) for e in prior.basis[k]], 1)
    noise = prior.noise_stddev[k]
    penalty = np.diag(noise / prior.stddev[k])
    num_bases = len(penalty)
    shift = np.tile(np.eye(2), [num_joints, 1])
    y = landmarks.reshape(-1)

    if scale is None:
        # Unknowns: s, s a, t.
        rows = np.concatenate([mean[:, None], basis, shift], 1)
        system = np.concatenate(
            [
                root * rows[seen],
                np.concatenate([np.zeros([num_bases, 1]), penalty, np.zeros([num_bases, 2])], 1),
            ]
        )
        right = np.concatenate([root[:, 0] * y[seen], np.zeros(num_bases)])
        solution = np.linalg.lstsq(system, right, rcond=None)[0]
        scale_found = solution[0]
        if scale_found <= 0:
            return None
        coefficients = solution[1 : 1 + num_bases] / scale_found
        projected = rows @ solution
        energy = np.sum((system @ solution - right) ** 2) / scale_found**2
    else:
        system = np.concatenate([root * basis[seen], penalty])
        right = np.concatenate([root[:, 0] * (y / scale - mean)[seen], np.zeros(num_bases)])
        coefficients = np.linalg.lstsq(system, right, rcond=None)[0]
        projected = scale * (mean + basis @ coefficients)
        energy = np.sum((system @ coefficients - right) ** 2)
        scale_found = scale
    joints = prior.mean_pose[k] + np.tensordot(coefficients, prior.basis[k], 1)
    joints = joints @ matrix.T

    covariance = basis[seen] @ np.diag(prior.stddev[k] ** 2) @ basis[seen].T
    covariance += noise**2 * np.diag(1 / np.repeat(weights, 2)[seen])
    if scale is None:
        # The landmarks' density is that of what a translation cannot change: the
        # orthogonal complement of the shifts, in the metric of the weights.
        whitened = root * covariance * root.T
        complement = np.linalg.svd(root * shift[seen])[0][:, 2:]
        log_det = np.linalg.slogdet(complement.T @ whitened @ complement)[1]
    else:
        log_det = np.linalg.slogdet(root * covariance * root.T)[1]
    return {
        "energy": energy,
        "scale": scale_found,
        "joints_3d": joints - joints[0],
        "landmarks": projected.reshape(-1, 2),
        "cost": energy / noise**2 + log_det - 2 * np.log(prior.mixture_weights[k]),
    }


def lift(
    landmarks,
    prior,
    weights=None,
    scale=None,
    num_rotations=80,
    selection="posterior",
    pitches=(0.0,),
):
    """Returns the candidates of one pose, best first, each with its index and angle."""
    candidates = []
    for k in range(prior.mixture_size):
        for pitch in pitches:
            for n in range(num_rotations):
                angle = 2 * np.pi * n / num_rotations
                found = candidate(landmarks, prior, k, rotation(angle, pitch), weights, scale)
                if found is not None:
                    found |= {"mixture_index": k, "rotation_angle": angle, "pitch": pitch}
                    candidates.append(found)
    key = "cost" if selection == "posterior" else "energy"
    return sorted(candidates, key=lambda found: found[key])
