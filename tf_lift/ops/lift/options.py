"""Options of a lift, and the form in which the search and the read-out take them."""

import dataclasses
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["ESTIMATORS", "LiftOptions", "ReadOut", "merge"]

ESTIMATORS = ("mean", "map", "min_energy")


@dataclasses.dataclass(frozen=True)
class LiftOptions:
    """Options that every lift takes: `tf_lift.lift`, the layer, the command line, exports.

    Sequences and arrays become tuples, so that options can be compared, hashed and written
    as JSON (`dataclasses.asdict`).

    Attributes:
        estimator: Pose to return. "mean": the mean over all candidates, each weighted by its
            probability, which has the lowest error; "map": the most probable candidate;
            "min_energy": the candidate of the lowest energy, the paper's P2. With "mean",
            `joints_3d`, `joints_3d_stddev` and `landmarks` are means; all other results
            belong to the most probable candidate.
        num_rotations: Number of angles about the vertical to search, of a level camera.
        pitches: Pitches of that camera to search, rad, positive looking down.
        landmark_stddev: Standard deviation of each coordinate of the landmarks, px: one
            number or one for each joint. `None`: the landmarks' noise is within the prior's.
        outlier_probability: Probability of a landmark to be wrong altogether, in [0, 1): one
            number, one for each joint, or `[..., L]` for each pose. Landmarks then count as much
            as the pose that all others show makes them likely to be right, see
            `tf_lift.ops.lift.robust`; takes two to four times as long. `None`: none is wrong.
        add_residuals: Whether to add to `joints_3d` what the landmarks show beyond the
            prior's bases and `landmark_stddev` does not explain. Without `landmark_stddev`
            the joints then project exactly to the landmarks.
        bone_lengths: Bone lengths of the person, mm, `[L - 1]`: from each joint but the
            root, in order, to its parent; or `[..., L - 1]` for each pose; or "prior" for
            those of the prior's people. They set size and depths, see
            `tf_lift.ops.lift.bone_lengths.apply`.
        height: Standing height of the person, mm, a number or `[...]`: bone lengths in
            proportion to those of the prior's people. Excludes `bone_lengths`.
        num_hypotheses: Number of distinct poses to return under `hypotheses`, or `None`.
        refine: Whether to refine the rotation between the searched angles of a level camera;
            not for "mean", which averages over all of them.
        temperature: Divides the log-probabilities of the candidates, for the mean, its
            standard deviation and the hypotheses. Above 1, because people differ from those
            whom the prior was learnt from.

    Raises:
        ValueError: If a field has a value that it cannot have.

    References:
        Tome, Russell and Agapito. Lifting from the Deep. CVPR 2017, P2.
        docs/method.md, sections 2 and 10.

    >>> LiftOptions(bone_lengths=np.array([450.0, 430.0])).bone_lengths
    (450.0, 430.0)
    """

    estimator: str = "mean"
    num_rotations: int = 80
    pitches: tuple[float, ...] = (0.0,)
    # Fields typed `Any` hold numbers or nested tuples of them.
    landmark_stddev: Any = None
    outlier_probability: Any = None
    add_residuals: bool = False
    bone_lengths: Any = None
    height: Any = None
    num_hypotheses: int | None = None
    refine: bool = False
    temperature: float = 3.0

    def __post_init__(self):
        if self.estimator not in ESTIMATORS:
            raise ValueError(
                f"`estimator` must be one of {ESTIMATORS}. Received: {self.estimator!r}"
            )
        self._set_count("num_rotations")
        if self.num_hypotheses is not None:
            self._set_count("num_hypotheses", " or None")
        for name in ("add_residuals", "refine"):
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"`{name}` must be True or False. Received: {value!r}")
            object.__setattr__(self, name, bool(value))
        if self.refine and self.estimator == "mean":
            raise ValueError(
                '`refine` must be False with estimator="mean", which averages over all '
                "rotations. Received: refine=True"
            )
        if self.height is not None and self.bone_lengths is not None:
            raise ValueError(
                "`height` must be None where `bone_lengths` are given. "
                f"Received: height={self.height}, bone_lengths={self.bone_lengths}"
            )
        self._set_floats("temperature", "a positive number", [0], _is_positive)
        self._set_floats("pitches", "finite angles in radians", [1], np.isfinite)
        if self.landmark_stddev is not None:
            expected = "a number of pixels >= 0, one for each joint, or None"
            self._set_floats("landmark_stddev", expected, [0, 1], _is_not_negative)
        if self.outlier_probability is not None:
            expected = "probabilities in [0, 1), one number or [..., L], or None"
            self._set_floats("outlier_probability", expected, range(8), _is_probability)
        if self.bone_lengths is not None and not _is_prior(self.bone_lengths):
            expected = 'lengths in mm > 0, "prior" or None'
            self._set_floats("bone_lengths", expected, range(1, 8), _is_positive)
        if self.height is not None:
            self._set_floats("height", "mm > 0 or None", range(7), _is_positive)

    def _set_count(self, name, others=""):
        value = getattr(self, name)
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer{others}. Received: {value!r}")
        object.__setattr__(self, name, int(value))

    def _set_floats(self, name, expected, ranks, is_valid):
        """Checks the numbers of a field and makes them (nested tuples of) floats."""
        value = getattr(self, name)
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            array = np.array(np.nan)
        if array.ndim not in ranks or not array.size or not np.all(is_valid(array)):
            raise ValueError(f"`{name}` must be {expected}. Received: {value!r}")
        object.__setattr__(self, name, _to_tuples(array.tolist()))


def merge(options: LiftOptions | None, fields: Mapping[str, Any]) -> LiftOptions:
    """Returns options with some of their fields replaced.

    Args:
        options: `LiftOptions`, or `None` for the defaults.
        fields: Values by the names of the fields.

    Raises:
        ValueError: If `options` is of another type, or a field does not exist.

    >>> merge(None, {"estimator": "map"}).estimator
    'map'
    """
    if options is None:
        options = LiftOptions()
    if not isinstance(options, LiftOptions):
        raise ValueError(f"`options` must be a LiftOptions or None. Received: {options!r}")
    names = [field.name for field in dataclasses.fields(LiftOptions)]
    unknown = sorted(fields.keys() - set(names))
    if unknown:
        raise ValueError(f"Options of a lift must be among {names}. Received: {unknown}")
    return dataclasses.replace(options, **fields)


@dataclasses.dataclass(frozen=True)
class ReadOut:
    """The static part of how one batch is lifted: what to read out of the candidates.

    Attributes:
        estimator: See `LiftOptions`, as for the next four.
        temperature: For the probabilities of the candidates.
        refine: Whether to refine the rotation.
        num_hypotheses: Number of distinct poses, or `None`.
        add_residuals: Whether to add the landmarks' residuals.
        parents: Parent of each joint, -1 for the root, where bone lengths are given.
        masks: Whether all weights are 0 or 1.
        compiled: Whether XLA compiles the lift.

    >>> ReadOut("mean").uses_all_candidates
    True
    """

    estimator: str = "mean"
    temperature: float = 3.0
    refine: bool = False
    num_hypotheses: int | None = None
    add_residuals: bool = False
    parents: tuple[int, ...] | None = None
    masks: bool = False
    compiled: bool = False

    @property
    def uses_all_candidates(self) -> bool:
        """Whether the result needs more than the few best candidates."""
        return self.estimator == "mean" or self.num_hypotheses is not None

    @property
    def is_plain(self) -> bool:
        """Whether the result is the best candidate's pose as the prior has it."""
        return not (self.uses_all_candidates or self.refine or self.add_residuals)


def _is_prior(bone_lengths):
    return isinstance(bone_lengths, str) and bone_lengths == "prior"


def _is_positive(array):
    return np.isfinite(array) & (array > 0)


def _is_not_negative(array):
    return np.isfinite(array) & (array >= 0)


def _is_probability(array):
    return (array >= 0) & (array < 1)


def _to_tuples(value):
    return tuple(_to_tuples(entry) for entry in value) if isinstance(value, list) else value
