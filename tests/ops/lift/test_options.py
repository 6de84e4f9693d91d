"""The options of a lift: what they accept, how they are compared, and what they refuse."""

import dataclasses
import json

import numpy as np
import pytest

from tf_lift.ops.lift.options import LiftOptions, ReadOut, merge


def test_mean_is_the_default():
    assert LiftOptions().estimator == "mean"
    assert LiftOptions() == LiftOptions("mean", 80, (0.0,), temperature=3.0)


def test_arrays_and_lists_become_tuples():
    options = LiftOptions(
        num_rotations=np.int64(8),
        pitches=[0, 0.25],
        landmark_stddev=np.float32([1, 2]),
        bone_lengths=np.array([[3, 4], [5, 6]]),
        add_residuals=np.bool_(True),
    )
    same = LiftOptions("mean", 8, (0.0, 0.25), (1.0, 2.0), None, True, ((3.0, 4.0), (5.0, 6.0)))
    assert options == same and hash(options) == hash(same)
    assert type(options.num_rotations) is int and options.add_residuals is True
    assert options.height is None and LiftOptions(height=1700).height == 1700.0


@pytest.mark.parametrize(
    "options",
    [
        LiftOptions(),
        LiftOptions("map", landmark_stddev=4, add_residuals=True, bone_lengths="prior"),
        LiftOptions(bone_lengths=[1.5, 2.5], pitches=(0.1,), num_hypotheses=3),
        LiftOptions("min_energy", refine=True, height=[1700, 1650], temperature=1),
    ],
)
def test_round_trip_as_json(options):
    assert LiftOptions(**json.loads(json.dumps(dataclasses.asdict(options)))) == options


def test_merge_replaces_fields():
    options = LiftOptions("map", num_rotations=8)
    assert merge(options, {}) == options
    assert merge(options, {"refine": True}) == LiftOptions("map", 8, refine=True)
    assert merge(None, {"height": 1700}) == LiftOptions(height=1700)
    assert options == LiftOptions("map", num_rotations=8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"estimator": "posterior"}, r"`estimator` must be one of \('mean', .*'posterior'"),
        ({"num_rotations": 0}, "`num_rotations` must be a positive integer. Received: 0"),
        ({"num_rotations": True}, "`num_rotations` must be a positive integer. Received: True"),
        ({"num_rotations": 8.0}, "`num_rotations` must be a positive integer. Received: 8.0"),
        ({"pitches": ()}, "`pitches` must be finite angles in radians"),
        ({"pitches": 0.1}, "`pitches` must be finite angles in radians. Received: 0.1"),
        ({"pitches": (np.nan,)}, "`pitches` must be finite angles"),
        ({"landmark_stddev": -1.0}, "`landmark_stddev` must be a number of pixels >= 0"),
        ({"landmark_stddev": [[1.0]]}, "`landmark_stddev` must be a number of pixels >= 0"),
        ({"landmark_stddev": "low"}, "`landmark_stddev` must be .* Received: 'low'"),
        ({"outlier_probability": 1.0}, r"`outlier_probability` must be probabilities in \[0, 1\)"),
        ({"outlier_probability": [0.1, np.nan]}, "`outlier_probability` must be probabilities"),
        ({"landmark_stddev": np.inf}, "`landmark_stddev` must be a number of pixels >= 0"),
        ({"height": np.inf}, "`height` must be mm > 0 or None. Received: inf"),
        ({"add_residuals": 1.0}, "`add_residuals` must be True or False. Received: 1.0"),
        ({"refine": "no", "estimator": "map"}, "`refine` must be True or False"),
        ({"refine": True}, '`refine` must be False with estimator="mean"'),
        ({"bone_lengths": "mine"}, "`bone_lengths` must be lengths in mm > 0.*'mine'"),
        ({"bone_lengths": 400.0}, "`bone_lengths` must be lengths in mm > 0"),
        ({"bone_lengths": [400.0, 0.0]}, "`bone_lengths` must be lengths in mm > 0"),
        ({"height": -1}, "`height` must be mm > 0 or None. Received: -1"),
        ({"height": 1700, "bone_lengths": "prior"}, "`height` must be None where"),
        ({"num_hypotheses": 0}, "`num_hypotheses` must be a positive integer or None"),
        ({"temperature": 0.0}, "`temperature` must be a positive number. Received: 0.0"),
        ({"temperature": np.inf}, "`temperature` must be a positive number"),
        ({"selection": "map"}, r"Options of a lift must be among \['estimator', .*'selection'"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        merge(None, fields)


def test_bad_options_object_is_named():
    with pytest.raises(ValueError, match="`options` must be a LiftOptions or None.*'map'"):
        merge("map", {})


@pytest.mark.parametrize(
    ("read_out", "uses_all", "plain"),
    [
        (ReadOut("map"), False, True),
        (ReadOut("mean"), True, False),
        (ReadOut("map", num_hypotheses=2), True, False),
        (ReadOut("min_energy", refine=True), False, False),
        (ReadOut("map", add_residuals=True), False, False),
    ],
)
def test_read_out_names_its_kind(read_out, uses_all, plain):
    assert (read_out.uses_all_candidates, read_out.is_plain) == (uses_all, plain)
