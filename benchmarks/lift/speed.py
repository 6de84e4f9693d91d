"""Speed of the lift beside one bare matrix product; what missing landmarks cost."""

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.harness.timing import Candidate, fastest, measure, ratio
from benchmarks.lift import programs
from tf_lift.prior import build_tables

__all__ = ["latency", "missing", "speed"]

# The priors that are timed; what is aimed at is said of the first.
PRIORS = ("cmu", "cmu-tuned")
_MATMULS = ("matmul_compiled", "matmul_plain")
# Calls of a round where one takes microseconds.
_LATENCY_CALLS = 60
# Lifts in turn in one function, to tell what one takes without what a call does.
_LIFTS = 4
# Poses with real-valued weights, which take the normal equations of each.
_WEIGHTED_BATCH = 128
_NUM_DISTINCT = 8


def speed(batch, rounds, seconds, seed, advance) -> dict:
    """Times the forward pass, and both passes, of whole batches.

    Args:
        batch: Poses.
        rounds: See `timing.measure`, as the next three.
        seconds: Budget.
        seed: Seed.
        advance: Told of progress.

    Returns:
        Dict of `matmul`, the name of the fastest bare product, of `candidates`, for each
        its figures and its throughput over that of the product, `times_matmul`, and of
        `backward`, seconds of both passes over those of the forward pass.
    """
    candidates = {
        f"matmul_{kind}": Candidate(
            programs.synchronised(programs.bare_matmul(kind == "compiled")),
            programs.matmul_inputs(batch),
            batch,
        )
        for kind in ("compiled", "plain")
    }
    for name in PRIORS:
        prior = tf_lift.PosePrior.load(name)
        tables = build_tables(prior)
        inputs = programs.landmarks(prior, batch)
        upstreams = programs.upstreams(batch, prior.num_joints)

        def both(rng, inputs=inputs, upstreams=upstreams):
            return inputs(rng) + upstreams(rng)

        for kind in ("compiled", "plain"):
            forward = programs.forward(tables, kind == "compiled")
            step = programs.forward_and_backward(tables, kind == "compiled")
            candidates[f"{name} {kind}"] = Candidate(programs.synchronised(forward), inputs, batch)
            candidates[f"{name} {kind} with gradient"] = Candidate(
                programs.synchronised(step), both, batch
            )

        def keyword(landmarks, prior=prior):
            return tf_lift.lift(landmarks, prior, jit_compile=True)

        candidates[f"{name} jit_compile=True"] = Candidate(
            programs.synchronised(keyword), inputs, batch
        )
    timings = measure(candidates, rounds, seconds, seed, advance)
    return speed_report(timings, batch)


def speed_report(timings, batch) -> dict:
    """Returns what `speed` does, from the timings of its candidates."""
    matmul = fastest(timings, *_MATMULS)
    figures = {
        name: timing.figures() | {"times_matmul": ratio(timing, timings[matmul])}
        for name, timing in timings.items()
    }
    backward = {
        name.removesuffix(" with gradient"): 1
        / ratio(timing, timings[name.removesuffix(" with gradient")])
        for name, timing in timings.items()
        if name.endswith(" with gradient")
    }
    return {"batch": batch, "matmul": matmul, "candidates": figures, "backward": backward}


def latency(rounds, seconds, seed, advance) -> dict:
    """Times one pose at a time, beside a compiled function that does nothing.

    Returns:
        Microseconds of a call, by name: the median over rounds of the median of many calls.
        `one lift more` is what each lift of a function adds after the first, which the call
        from Python is part of.
    """
    prior = tf_lift.PosePrior.load(PRIORS[0])
    tables = build_tables(prior)
    inputs = programs.landmarks(prior, 1)
    (example,) = inputs(np.random.default_rng(seed))
    empty = tf.function(tf.identity, jit_compile=True, autograph=False)
    compiled, plain = (programs.forward(tables, kind) for kind in (True, False))

    def fetched(function):
        """Fetches one small result, which waits for the one program that makes them all."""
        return lambda landmarks: function(landmarks)["energy"].numpy()

    def concrete(function):
        return function.get_concrete_function(tf.TensorSpec(example.shape, example.dtype))

    empty_concrete = concrete(empty)
    in_turn = programs.forward_in_turn(tables, _LIFTS)
    functions = {
        "compiled function": fetched(compiled),
        "its concrete function": fetched(concrete(compiled)),
        "jit_compile=True": fetched(lambda y: tf_lift.lift(y, prior, jit_compile=True)),
        "plain function": fetched(plain),
        f"{_LIFTS} lifts in turn": lambda y: in_turn(y)[-1]["energy"].numpy(),
        "empty compiled function": lambda y: empty(y).numpy(),
        "empty concrete function": lambda y: empty_concrete(y).numpy(),
    }
    candidates = {
        name: Candidate(function, inputs, calls=_LATENCY_CALLS)
        for name, function in functions.items()
    }
    timings = measure(candidates, rounds, seconds, seed, advance)
    taken = {name: 1e6 * timing.median for name, timing in timings.items()}
    more = (taken[f"{_LIFTS} lifts in turn"] - taken["compiled function"]) / (_LIFTS - 1)
    return taken | {"one lift more": more}


def missing(batch, rounds, seconds, seed, advance) -> dict:
    """Times batches with landmarks missing: any masks, few distinct ones, weights.

    Returns:
        Dict of `all_visible`, the name of the fastest candidate that sees all, and of
        `candidates`, for each its figures and its throughput as a `share_of_all_visible`.
    """
    prior = tf_lift.PosePrior.load(PRIORS[0])
    tables = build_tables(prior)
    num_joints = prior.num_joints

    weighted_batch = min(batch, _WEIGHTED_BATCH)
    all_inputs = programs.landmarks(prior, batch)
    weighted_inputs = programs.landmarks(prior, weighted_batch)

    def masked(distinct):
        def make(rng):
            masks = programs.random_masks(rng, batch, num_joints, distinct=distinct)
            return *all_inputs(rng), tf.constant(masks)

        return make

    def weighted(rng):
        weights = rng.uniform(0.1, 1.0, [weighted_batch, num_joints])
        return *weighted_inputs(rng), tf.constant(weights, tf.float32)

    makers = {
        "all visible": (all_inputs, batch),
        "random masks": (masked(None), batch),
        f"{_NUM_DISTINCT} masks": (masked(_NUM_DISTINCT), batch),
        "weights": (weighted, weighted_batch),
    }
    candidates = {}
    for kind in ("compiled", "plain"):
        # One function for masks and weights: it traces each kind of input.
        some = programs.synchronised(programs.forward_masked(tables, kind == "compiled"))
        everything = programs.synchronised(programs.forward(tables, kind == "compiled"))
        for name, (make, size) in makers.items():
            function = everything if name == "all visible" else some
            candidates[f"{name}, {kind}"] = Candidate(function, make, size)
    return missing_report(measure(candidates, rounds, seconds, seed, advance), batch)


def missing_report(timings, batch) -> dict:
    """Returns what `missing` does, from the timings of its candidates."""
    base = fastest(timings, *(name for name in timings if name.startswith("all visible")))
    figures = {
        name: timing.figures() | {"share_of_all_visible": ratio(timing, timings[base])}
        for name, timing in timings.items()
    }
    return {
        "batch": batch,
        "weighted_batch": min(batch, _WEIGHTED_BATCH),
        "all_visible": base,
        "candidates": figures,
    }
