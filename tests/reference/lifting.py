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

    Returns a dict of energy (mm^2), scale, joints_3d, landmarks and the cost, minus twice
    the log of the weight times the density of the visible landmarks (up to a constant). With
    S the covariance of these landmarks y, the dict also has y'S^-1 y, p'S^-1 y and p'S^-1 p
    times noise^2 (square, product and constant) and log |S|; and the variance `[L]`, mm^2, of
    the joints relative to joint 0, summed over the axes (docs/method.md, "Uncertainty").
    """
    num_joints = prior.num_joints
    weights = np.ones(num_joints) if weights is None else np.asarray(weights, float)
    seen = np.repeat(weights > 0, 2)
    root = np.sqrt(np.repeat(weights, 2)[seen])[:, None]
    project = matrix[:2]
    mean = (prior.mean_pose[k] @ project.T).reshape(-1)
    basis = np.stack([(e @ project.T).reshape(-1) for e in prior.basis[k]], 1)
    noise = prior.noise_stddev[k]
    y = landmarks.reshape(-1)
    shift = np.tile(np.eye(2), [num_joints, 1])

    covariance = basis[seen] @ np.diag(prior.stddev[k] ** 2) @ basis[seen].T
    covariance += noise**2 * np.diag(1 / np.repeat(weights, 2)[seen])
    whitened = root * covariance * root.T
    if scale is None:
        # The landmarks' density is that of what a translation cannot change: the
        # orthogonal complement of the shifts, in the metric of the weights.
        complement = np.linalg.svd(root * shift[seen])[0][:, 2:]
    else:
        shift, complement = shift[:, :0], np.eye(len(root))
    whitened = complement.T @ whitened @ complement
    seen_y, seen_mean = (complement.T @ (root[:, 0] * part[seen]) for part in (y, mean))
    square = seen_y @ np.linalg.solve(whitened, seen_y)
    product = seen_mean @ np.linalg.solve(whitened, seen_y)
    constant = seen_mean @ np.linalg.solve(whitened, seen_mean)
    if scale is None:
        # (u y - p)' S^-1 (u y - p) - 2 d log u is least where its derivative is zero.
        inverse_scale = np.max(np.roots([square, -product, -len(seen_y)]))
        volume = len(seen_y) * np.log(inverse_scale)
    else:
        inverse_scale, volume = 1 / scale, 0.0

    # Unknowns at that scale: a, t.
    rows = np.concatenate([basis, shift], 1)
    num_bases, num_shifts = basis.shape[1], shift.shape[1]
    penalty = np.diag(noise / prior.stddev[k])
    penalty = np.concatenate([penalty, np.zeros([num_bases, num_shifts])], 1)
    system = np.concatenate([root * rows[seen], penalty])
    right = np.concatenate([root[:, 0] * (inverse_scale * y - mean)[seen], np.zeros(num_bases)])
    solution = np.linalg.lstsq(system, right, rcond=None)[0]
    energy = np.sum((system @ solution - right) ** 2)
    joints = prior.mean_pose[k] + np.tensordot(solution[:num_bases], prior.basis[k], 1)
    joints = joints @ matrix.T

    # The energy over 2 noise^2 is the negative log posterior of the unknowns at that scale.
    covariance = noise**2 * np.linalg.inv(system.T @ system)[:num_bases, :num_bases]
    rooted = prior.basis[k] - prior.basis[k][:, :1]
    variance = np.einsum("jlc,ji,ilc->l", rooted, covariance, rooted) + 3 * noise**2
    if scale is None:
        # The curvature of half of (u y - p)' S^-1 (u y - p) - 2 d log u, and how the pose
        # changes with u.
        scale_variance = 1 / (square + len(seen_y) / inverse_scale**2)
        right = np.concatenate([root[:, 0] * y[seen], np.zeros(num_bases)])
        change = np.linalg.lstsq(system, right, rcond=None)[0][:num_bases]
        change = np.tensordot(change, rooted, 1)
        variance += scale_variance * np.sum(change**2, -1)
    log_det = np.linalg.slogdet(whitened)[1]
    return {
        "energy": energy,
        "scale": 1 / inverse_scale,
        "joints_3d": joints - joints[0],
        "landmarks": ((mean + rows @ solution) / inverse_scale).reshape(-1, 2),
        "variance": variance,
        "square": noise**2 * square,
        "product": noise**2 * product,
        "constant": noise**2 * constant,
        "log_determinant": log_det,
        "cost": energy / noise**2 + log_det - 2 * volume - 2 * np.log(prior.mixture_weights[k]),
    }


def lift(
    landmarks,
    prior,
    weights=None,
    scale=None,
    num_rotations=80,
    estimator="map",
    pitches=(0.0,),
):
    """Returns the candidates of one pose, best first, each with its index and angle."""
    candidates = every(landmarks, prior, weights, scale, num_rotations, pitches)
    key = "energy" if estimator == "min_energy" else "cost"
    return sorted(candidates, key=lambda found: found[key])


def every(landmarks, prior, weights=None, scale=None, num_rotations=80, pitches=(0.0,)):
    """Returns all candidates of one pose: by component, then pitch, then rotation."""
    candidates = []
    expected = expected_spread(prior, weights, num_rotations, pitches)
    for k in range(prior.mixture_size):
        for pitch in pitches:
            for n in range(num_rotations):
                angle = 2 * np.pi * n / num_rotations
                found = candidate(landmarks, prior, k, rotation(angle, pitch), weights, scale)
                found |= {"mixture_index": k, "rotation_angle": angle, "pitch": pitch, "roll": 0.0}
                found["misfit"] = misfit(found, landmarks, prior, weights, scale, expected)
                found["dimensions"] = dimensions(landmarks, weights, scale)
                candidates.append(found)
    return candidates


def spread(points, weights=None):
    """Returns the mean squared distance of visible points from their centre."""
    seen = points if weights is None else points[np.asarray(weights) > 0]
    return np.mean(np.sum((seen - np.mean(seen, 0)) ** 2, -1))


def expected_spread(prior, weights=None, num_rotations=80, pitches=(0.0,)):
    """Returns the mean spread of the prior's poses over all views, mm^2."""
    total = 2 * np.mean(prior.noise_stddev**2)
    for k, share in enumerate(prior.mixture_weights):
        views = [(n, pitch) for n in range(num_rotations) for pitch in pitches]
        for n, pitch in views:
            project = rotation(2 * np.pi * n / num_rotations, pitch)[:2].T
            parts = [prior.mean_pose[k], *(prior.basis[k] * prior.stddev[k][:, None, None])]
            spreads = sum(spread(part @ project, weights) for part in parts)
            total += share / prior.mixture_weights.sum() * spreads / len(views)
    return total


def dimensions(landmarks, weights=None, scale=None):
    """Returns the number of free coordinates of landmarks."""
    count = len(landmarks) if weights is None else np.sum(np.asarray(weights) > 0)
    return 2 * count if scale is not None else 2 * count - 2


def misfit(found, landmarks, prior, weights, scale, expected):
    """Returns the misfit of a candidate, docs/method.md, M30 to M32."""
    count = dimensions(landmarks, weights, scale)
    distance = found["energy"] / prior.noise_stddev[found["mixture_index"]] ** 2
    if scale is None:
        relative = spread(landmarks, weights) / found["scale"] ** 2 / expected
        distance += count * max(-np.log(relative) - 0.5, 0)
    width = 2 / 9 / count
    return distance / (2.5 * count * (1 - width + 2.326 * np.sqrt(width)) ** 3)


def read_out(candidates, estimator="map", temperature=3.0):
    """Returns the result of one lift: the best candidate's, or means over candidates.

    Args:
        candidates: All candidates, best first.
        estimator: "mean", "map" or "min_energy".
        temperature: Of the probabilities of the mean.

    Returns:
        The best candidate's dict, with the means of joints_3d and landmarks if these are
        wanted, and joints_3d_stddev `[L]`: by the law of total variance over all
        candidates for the mean; over the two best, times 1.3, for the others; and growing
        with the misfit, docs/method.md, M33.
    """
    result, spread = dict(candidates[0]), candidates[:2]
    key = "energy" if estimator == "min_energy" else "cost"
    probability = _probability(spread, key, 1.0)
    if estimator == "mean":
        spread, probability = candidates, _probability(candidates, key, temperature)
        for name in ("joints_3d", "landmarks"):
            result[name] = sum(p * each[name] for p, each in zip(probability, spread, strict=True))
    within = sum(p * each["variance"] for p, each in zip(probability, spread, strict=True))
    between = sum(
        p * np.sum((each["joints_3d"] - result["joints_3d"]) ** 2, -1)
        for p, each in zip(probability, spread, strict=True)
    )
    stddev = calibration(result["misfit"], result["dimensions"], estimator)
    stddev *= np.sqrt(within + between)
    stddev[0] = 0
    return result | {"joints_3d_stddev": stddev}


def calibration(misfit, dimensions, estimator="map"):
    """Returns the factor of deviations, docs/method.md, M33."""
    return (1.0 if estimator == "mean" else 1.3) * (2.6 * misfit + 1.5 / np.sqrt(dimensions))


def _probability(candidates, key, temperature):
    costs = np.array([each[key] for each in candidates])
    probability = np.exp(-(costs - costs.min()) / (2 * temperature))
    return probability / probability.sum()
