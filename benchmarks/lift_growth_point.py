"""Time and memory of the lift at one size, in a process of its own.

`python -m benchmarks.lift_growth_point JSON` prints the figures of the arguments of `run`
as one line of JSON.
"""

import ctypes
import json
import pathlib
import resource
import sys
import time

import numpy as np

__all__ = ["run"]

_MATMUL_BATCH = 4096


def run(
    prior="cmu",
    batch: int = 4096,
    rotations: int = 80,
    pitches: int = 1,
    rounds: int = 5,
    device: str | None = None,
) -> dict:
    """Builds the tables, compiles the lift and times it.

    Args:
        prior: Name of a prior, or the sizes of a random one: components, bases, joints.
        batch: Poses.
        rotations: Angles of the search.
        pitches: Pitches of the search.
        rounds: Timed calls; the median counts.
        device: Such as "GPU:0".

    Returns:
        Dict of `seconds` of a call, `compile_seconds` of the first, `matmul_seconds` of the
        bare product of 4096 rows in the same process, `peak_bytes`, the most memory that
        calls after the first needed beside what was there before, how that was measured,
        `memory`, `process_peak_bytes`, `tables_seconds`, `tables_bytes`, and whether asking
        for the tables again gives the same ones, `tables_kept`.
    """
    import tensorflow as tf

    import tf_lift
    from benchmarks import lift_device
    from benchmarks import lift_programs as programs
    from tf_lift.prior import build_tables

    if isinstance(prior, str):
        prior = tf_lift.PosePrior.load(prior)
    else:
        prior = programs.random_prior(*prior)
    found = lift_device.find(device)
    with lift_device.on(device):
        tf.constant(0.0) + 1.0  # What TensorFlow needs once is not the tables'.
        options = (prior, rotations, tuple(np.linspace(0.0, 0.4, pitches).tolist()))
        started = time.perf_counter()
        tables = build_tables(*options)
        tables_seconds = time.perf_counter() - started
        rng = np.random.default_rng(0)
        make = programs.landmarks(prior, batch)
        inputs = [make(rng)[0] for _ in range(rounds + 1)]
        lift = programs.synchronised(programs.forward(tables, True))
        compile_seconds = _timed(lift, inputs[0])
        lift(inputs[0])
        peak, memory = _peak_bytes(lift, inputs[0], found)
        product = programs.synchronised(programs.bare_matmul(True))
        factors = programs.matmul_inputs(_MATMUL_BATCH)(rng)
        product(*factors)
        seconds, matmul_seconds = [], []
        for landmarks in inputs[1:]:
            seconds.append(_timed(lift, landmarks))
            matmul_seconds.append(_timed(product, *factors))
        return {
            "candidates": rotations * pitches * prior.mixture_size,
            "joints": prior.num_joints,
            "batch": batch,
            "seconds": float(np.median(seconds)),
            "matmul_seconds": float(np.median(matmul_seconds)),
            "compile_seconds": compile_seconds,
            "peak_bytes": peak,
            "memory": memory,
            "process_peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "tables_seconds": tables_seconds,
            "tables_bytes": _size(tables),
            "tables_kept": build_tables(*options) is tables,
        }


def _timed(function, *inputs):
    started = time.perf_counter()
    function(*inputs)
    return time.perf_counter() - started


def _peak_bytes(lift, landmarks, found):
    """Returns what a call needs at most beside what was there before it, and by which means."""
    import tensorflow as tf

    if found["accelerator"]:
        name = found["device"]
        tf.config.experimental.reset_memory_stats(name)
        before = tf.config.experimental.get_memory_info(name)["current"]
        lift(landmarks)
        peak = tf.config.experimental.get_memory_info(name)["peak"] - before
        return peak, "peak of TensorFlow's allocator"
    try:
        # Free memory goes back to the system, and the high-water mark to what is in use.
        ctypes.CDLL(None).malloc_trim(0)
        pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _status("VmRSS")
        lift(landmarks)
        return _status("VmHWM") - before, "high-water mark of the resident set, reset before"
    except (OSError, AttributeError):
        before = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lift(landmarks)
        after = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return after - before, "growth of ru_maxrss, which the compiler may have raised before"


def _status(field):
    for line in pathlib.Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {field}")


def _size(tables):
    """Bytes of all arrays and tensors of the tables."""
    total = 0
    for value in vars(tables).values():
        if hasattr(value, "shape") and hasattr(value, "dtype"):
            total += np.asarray(value).nbytes
    return total


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.argv[1]))))
