"""Understands the third numbers of joints: confidences, flags, logits, or a depth."""

import numpy as np
from numpy.typing import NDArray

from tf_lift.data.formats.keypoints.keypoints import KeypointsError

__all__ = ["is_depth", "understand"]

# Belief maps that are trained to peak at 1 may exceed it: RTMPose's and OpenPose's do by 0.2.
_MOST_OF_A_MAP = 1.5
# Logits of heat maps, as Detectron's, stay below; percentages do not.
_MOST_OF_A_LOGIT = 40.0


def is_depth(values: NDArray[np.floating]) -> bool:
    """Returns whether third numbers are z: some are negative, but do not just mark what is missing.

    >>> is_depth(np.array([[0.2, -0.3]])), is_depth(np.array([[0.9, -1.0, 0.0]]))
    (True, False)
    """
    known = values[np.isfinite(values)]
    return bool(np.any((known < -0.05) & (known != -1.0)))


def understand(scores: NDArray[np.floating]) -> tuple[NDArray[np.float64], list[str]]:
    """Maps third numbers to confidences.

    Within 0 and 1 they are confidences. Values up to 1.5, as of maps that peak at about 1, are cut
    at 1. COCO's flags are 0 (not labelled), 1 (hidden) and 2 (visible): 1 and 2 count as 1.
    Larger ones are logits c, and become 1 / (1 + exp(-c)); 0 stays 0.

    Args:
        scores: `[N, num_joints]` in any of these units; NaN is 0.

    Returns:
        Confidences in [0, 1], and notes on what was done.

    Raises:
        KeypointsError: If they are none of these.

    >>> understand(np.array([[0.0, 4.0]]))[0].round(3)
    array([[0.   , 0.982]])
    """
    scores = np.nan_to_num(np.asarray(scores, np.float64), nan=0.0, posinf=np.inf, neginf=0.0)
    seen = scores[scores != -1.0]
    most, least = seen.max(initial=0.0), seen.min(initial=0.0)
    if most <= 1.0 and least >= -0.05:
        return np.clip(scores, 0.0, 1.0), []
    if most == 2.0 and np.isin(seen, (0.0, 1.0, 2.0)).all():
        return (scores > 0).astype(np.float64), []
    if most <= _MOST_OF_A_MAP and least >= -0.05:
        return np.clip(scores, 0.0, 1.0), []
    if most > _MOST_OF_A_LOGIT:
        raise KeypointsError(
            f"confidences must be from 0 to 1, or logits. Received: {least:g} to {most:g}"
        )
    note = (
        f"confidences from {least:g} to {most:g} are not within 0 and 1: taken for logits c, the "
        "confidence is 1 / (1 + exp(-c))"
    )
    known = (scores != 0.0) & (scores != -1.0)
    return np.where(known, 1.0 / (1.0 + np.exp(-scores)), 0.0), [note]
