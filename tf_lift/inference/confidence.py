"""What the confidence of a detected landmark says about its error."""

import numpy as np

__all__ = ["NOISE_MM", "are_known", "outlier_probability", "stddev_mm", "weights"]

# Error of a detector's landmarks, mm on the person, that commands expect. On people of 300 px,
# errors of 3 to 7 px are 15 to 35 mm. Expecting too little costs much (132 mm instead of the 78
# with 20 mm expected), expecting too much costs little (52 instead of 49).
NOISE_MM = 20.0

# Confidence from which a landmark is as good as the detector's landmarks are. On 600 synthetic
# views of `python -m benchmarks cameras` with all errors, 0.5 has a mean error of 134.5 mm, 0.6
# has 135.3, 0.4 has 136.0, and 161.0 without confidences.
SURE = 0.5

# Scale of the deviation, mm on the person, that a landmark has beyond that of sure ones, and the
# power by which it grows below their confidence: 312 mm at 0.3, so that a wrist that is 100 px off
# there, on people of 300 to 1,000 px, moves no other joint by more than 15 mm. A wrist that is
# right costs 5 mm of the mean error, as if it were missing.
STDDEV_MM = 20.0
POWER = 5.5

# The same in sequences, where time shows most errors, but not those that last: 610 mm at 0.3, so
# that a wrist that is wrong there for a second hardly moves others, and 17 mm at 0.38.
SEQUENCE_SURE = 0.4
SEQUENCE_POWER = 12.0

# Probability of a landmark to be wrong altogether: of a sure one, and of one of confidence 0.
LEAST_OUTLIERS = 0.01
MOST_OUTLIERS = 0.9


def are_known(scores) -> bool:
    """Returns whether scores are confidences, not only whether joints were found.

    >>> are_known([0.0, 1.0]), are_known([0.3, 1.0])
    (False, True)
    """
    scores = np.asarray(scores)
    return bool(np.any((scores > 0) & (scores != 1)))


def stddev_mm(scores, is_sequence: bool = False) -> np.ndarray:
    """Returns the deviation of landmarks beyond that of sure ones, mm on the person.

    Args:
        scores: Confidences, any shape; above 0.5, in sequences 0.4, all count alike.
        is_sequence: Whether they are lifted as a sequence.

    References:
        docs/method.md, M37.

    >>> stddev_mm([0.9, 0.5, 0.3]).round()
    array([  0.,   0., 312.])
    """
    sure, power = (SEQUENCE_SURE, SEQUENCE_POWER) if is_sequence else (SURE, POWER)
    ratio = sure / np.clip(np.asarray(scores, np.float64), 1e-2, sure)
    return STDDEV_MM * (ratio**power - 1)


def weights(scores, prior, is_sequence: bool = False) -> np.ndarray:
    """Returns the weights of landmarks in a lift: 1 for sure ones, 0 for a confidence of 0.

    Args:
        scores: Confidences, any shape.
        prior: `PosePrior`, with the noise of sure landmarks.
        is_sequence: As for `stddev_mm`.

    References:
        docs/method.md, M37.
    """
    variance = np.mean(prior.noise_stddev**2)
    found = variance / (variance + stddev_mm(scores, is_sequence) ** 2)
    return np.where(np.asarray(scores) > 0, found, 0.0).astype(np.float32)


def outlier_probability(scores) -> np.ndarray:
    """Returns the probability of landmarks of single frames to be wrong altogether.

    Args:
        scores: Confidences, any shape.

    References:
        docs/method.md, M38.

    >>> outlier_probability([0.9, 0.3]).round(3)
    array([0.01 , 0.366])
    """
    doubt = np.clip(1 - np.asarray(scores, np.float64) / SURE, 0, 1)
    return LEAST_OUTLIERS + (MOST_OUTLIERS - LEAST_OUTLIERS) * doubt
