"""Speed of the lift with all landmarks visible, against one bare matrix product."""

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.harness.timing import Candidate, fastest, measure, ratio
from benchmarks.lift import programs

__all__ = ["PRIORS", "latency", "speed"]

# The priors that are timed: the small one, whose speed is compared with the bare product, and
# the default one.
PRIORS = ("cmu", "people")
_MATMULS = ("matmul_compiled", "matmul_plain")
# Calls of a round where one takes microseconds.
_LATENCY_CALLS = 60
# Lifts in one function, from which follows the time of one lift without the call's overhead.
_LIFTS = 4
# Pairs of candidates whose throughputs are compared, with a title.
_COMPARED = {
    "a compiled function around lift, over jit_compile=True": ("compiled function", "compiled"),
    "eager calls, over the plain graph": ("eager", "plain"),
}


def speed(batch, rounds, seconds, seed, advance) -> dict:
    """Times the forward pass, and both passes, of whole batches.

    For each prior: `compiled` is `tf_lift.lift(..., jit_compile=True)`, `compiled function`
    a `tf.function(jit_compile=True)` around `tf_lift.lift`, `plain` a `tf.function` around
    it, `eager` the bare call. The estimator is "map", but for `mean compiled`.

    Args:
        batch: Poses.
        rounds: See `timing.measure`, as for the next three.
        seconds: Budget.
        seed: Seed.
        advance: See `timing.measure`.

    Returns:
        Dict of `matmul`, the name of the fastest bare product; `candidates`, the figures of
        each with its throughput over that of the product, `times_matmul`; `backward`, seconds
        of both passes over those of the forward pass; and `compared`, by prior and title,
        the throughput of one way to call the lift over that of another.
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
        inputs = programs.landmarks(prior, batch)
        upstreams = programs.upstreams(batch, prior.num_joints)

        def both(rng, inputs=inputs, upstreams=upstreams):
            return inputs(rng) + upstreams(rng)

        functions = {
            "compiled": programs.keyword(prior),
            "compiled function": programs.forward(prior, True, inner=False),
            "plain": programs.forward(prior, False),
            "eager": programs.keyword(prior, compiled=False),
            "mean compiled": programs.keyword(prior, estimator="mean"),
        }
        for kind, function in functions.items():
            candidates[f"{name} {kind}"] = Candidate(programs.synchronised(function), inputs, batch)
        for kind in ("compiled", "plain"):
            step = programs.forward_and_backward(prior, kind == "compiled")
            candidates[f"{name} {kind} with gradient"] = Candidate(
                programs.synchronised(step), both, batch
            )
    timings = measure(candidates, rounds, seconds, seed, advance)
    return speed_report(timings, batch)


def speed_report(timings, batch) -> dict:
    """Returns the results of `speed` from the timings of its candidates."""
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
    compared = {
        prior: {
            title: ratio(timings[f"{prior} {one}"], timings[f"{prior} {other}"])
            for title, (one, other) in _COMPARED.items()
        }
        for prior in PRIORS
    }
    return {
        "batch": batch,
        "matmul": matmul,
        "candidates": figures,
        "backward": backward,
        "compared": compared,
    }


def latency(rounds, seconds, seed, advance) -> dict:
    """Times one pose at a time, next to a compiled function that does nothing.

    Returns:
        Microseconds of a call, by name: the median over rounds of the median of many calls.
        `one lift more` is the time that each lift after the first adds to a function, without
        the overhead of a call from Python.
    """
    prior = tf_lift.PosePrior.load(PRIORS[0])
    inputs = programs.landmarks(prior, 1)
    (example,) = inputs(np.random.default_rng(seed))
    empty = tf.function(tf.identity, jit_compile=True, autograph=False)
    compiled, plain = (programs.forward(prior, kind) for kind in (True, False))
    keyword = programs.keyword(prior)

    def fetched(function):
        """Fetches one small result, which waits for the one program that makes them all."""
        return lambda landmarks: function(landmarks)["energy"].numpy()

    def concrete(function):
        return function.get_concrete_function(tf.TensorSpec(example.shape, example.dtype))

    empty_concrete = concrete(empty)
    in_turn = programs.forward_in_turn(prior, _LIFTS)
    functions = {
        "compiled function": fetched(compiled),
        "its concrete function": fetched(concrete(compiled)),
        "jit_compile=True": fetched(keyword),
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
