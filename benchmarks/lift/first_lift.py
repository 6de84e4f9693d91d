"""The first lift of a new process: `python -m benchmarks.lift.first_lift PRIOR` prints seconds."""

import json
import sys
import time

import numpy as np

__all__ = ["seconds"]

# Joints of h36m17 that a table or the edge of an image often hides: knees and ankles.
_MISSING = (2, 3, 5, 6)


def seconds(name: str) -> float:
    """Measures one eager lift of one pose with four landmarks missing.

    Args:
        name: Name of a prior that ships.

    Returns:
        Seconds from the call to the result, tables included.
    """
    import tf_lift

    prior = tf_lift.PosePrior.load(name)
    pose = prior.sample(1, seed=0)[0]
    landmarks = (0.3 * pose[:, [0, 2]] * [1, -1] + [320, 240]).astype(np.float32)
    visible = ~np.isin(np.arange(prior.num_joints), _MISSING)
    started = time.perf_counter()
    tf_lift.lift(landmarks, prior, visible, estimator="map", camera="level")["joints_3d"].numpy()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(seconds(sys.argv[1])))
