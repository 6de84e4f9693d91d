"""Speed of the lift by a camera of unknown attitude, against that of a level one."""

import tensorflow as tf

import tf_lift
from benchmarks.harness.timing import Candidate, measure, ratio
from benchmarks.lift import masks, programs

__all__ = ["KINDS", "VISIBILITIES", "attitude"]

KINDS = ("compiled", "plain")
VISIBILITIES = ("all visible", "some missing")
_PRIOR = "people"
# A camera that sees the landmarks of `programs.landmarks` 3 to 10 m away, at its sides too.
_FOCAL_LENGTH, _CENTRE = 1200.0, (250.0, 250.0)
_MISSING = 0.2


def attitude(batch, rounds, seconds, seed, advance) -> dict:
    """Times the lift of a level camera, and of two that the lift searches the attitude of.

    The estimator is the default one, "mean": by an unknown attitude every other one takes as
    long.

    Args:
        batch: Poses.
        rounds: See `timing.measure`, as for the next three.
        seconds: Budget of each kind of program.
        seed: Seed.
        advance: See `timing.measure`.

    Returns:
        Dict of `batch`, and `rows`: by kind of program, the figures of each visibility and
        camera. `times_level` is its time divided by the level camera's in the same rounds.
    """
    prior = tf_lift.PosePrior.load(_PRIOR)
    cameras = {
        "level": "level",
        "unknown": None,
        "unknown, focal length": tf_lift.Camera(_FOCAL_LENGTH, _CENTRE),
    }
    landmarks = programs.landmarks(prior, batch)

    def with_masks(rng):
        visible = masks.independent(rng, batch, prior.num_joints, _MISSING)
        return *landmarks(rng), tf.constant(visible)

    makers = dict(zip(VISIBILITIES, (landmarks, with_masks), strict=True))
    rows: dict = {}
    for index, kind in enumerate(KINDS):
        candidates = {
            f"{visibility}, {name}": Candidate(
                programs.synchronised(
                    programs.forward(prior, kind == "compiled", estimator="mean", camera=camera)
                ),
                maker,
                batch,
            )
            for visibility, maker in makers.items()
            for name, camera in cameras.items()
        }

        def part(share, text, kind=kind, index=index):
            advance((index + share) / len(KINDS), f"{kind}: {text}")

        timings = measure(candidates, rounds, seconds, seed, part)
        rows[kind] = {
            name: timing.figures()
            | {"times_level": 1 / ratio(timing, timings[f"{name.split(', ')[0]}, level"])}
            for name, timing in timings.items()
        }
    return {"batch": batch, "rows": rows}
