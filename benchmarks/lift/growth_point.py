"""Time and memory of the lift at one size, in a process of its own.

`python -m benchmarks.lift.growth_point JSON` prints the figures of the arguments of `run`
as one line of JSON.
"""

import dataclasses
import json
import pathlib
import re
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
    dump: str | None = None,
) -> dict:
    """Builds the tables, compiles the lift and times it.

    Args:
        prior: Name of a prior, or the sizes of a random one: components, bases, joints.
        batch: Poses.
        rotations: Angles of the search.
        pitches: Pitches of the search.
        rounds: Timed calls; the median counts.
        device: Such as "GPU:0".
        dump: Folder into which XLA writes its reports, as set by its flags.

    Returns:
        Dict of `seconds` of a call; `compile_seconds` of the first; `matmul_seconds` of the
        bare product of 4096 rows in the same process; `peak_bytes`, the memory that the
        program needs, and `memory`, the source of that figure; `process_peak_bytes`;
        `tables_seconds`; `tables_bytes`; and `tables_kept`, whether a second call returns the
        same tables.
    """
    import tensorflow as tf

    import tf_lift
    from benchmarks.lift import devices, programs
    from tf_lift.prior import build_tables

    if isinstance(prior, str):
        prior = tf_lift.PosePrior.load(prior)
    else:
        prior = programs.random_prior(*prior)
    devices.find(device)
    with devices.on(device):
        tf.constant(0.0) + 1.0  # Start TensorFlow outside the timing of the tables.
        searched = tuple(np.linspace(0.0, 0.4, pitches).tolist())
        options = (prior, rotations, searched)
        started = time.perf_counter()
        tables = build_tables(*options)
        tables_seconds = time.perf_counter() - started
        rng = np.random.default_rng(0)
        make = programs.landmarks(prior, batch)
        inputs = [make(rng)[0] for _ in range(rounds + 1)]
        lift = programs.synchronised(
            programs.forward(prior, True, num_rotations=rotations, pitches=searched)
        )
        before = _process_peak()
        compile_seconds = _timed(lift, inputs[0])
        lift(inputs[0])
        peak, memory = _peak_bytes(dump, before)
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
            "process_peak_bytes": _process_peak(),
            "tables_seconds": tables_seconds,
            "tables_bytes": _size(tables),
            "tables_kept": build_tables(*options) is tables,
        }


def _timed(function, *inputs):
    started = time.perf_counter()
    function(*inputs)
    return time.perf_counter() - started


def _peak_bytes(dump, before):
    """Returns the memory that the program needs, and the source of that figure.

    The memory of a process says little: the allocator keeps pages that it once had.
    """
    sizes = []
    for report in pathlib.Path(dump).glob("*memory-usage-report.txt") if dump else ():
        found = re.match(r"Total bytes used: (\d+)", report.read_text(encoding="utf-8"))
        if found:
            sizes.append(int(found[1]))
    if sizes:
        return max(sizes), "XLA's report of the program: inputs, results and temporaries"
    return _process_peak() - before, "growth of ru_maxrss, the compiler's memory included"


def _process_peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _size(tables):
    """Returns the bytes of all arrays and tensors of tables, which may hold further tables."""
    total = 0
    for value in vars(tables).values():
        if dataclasses.is_dataclass(value):
            total += _size(value)
        elif hasattr(value, "shape") and hasattr(value, "dtype"):
            total += np.asarray(value).nbytes
    return total


if __name__ == "__main__":
    print(json.dumps(run(**json.loads(sys.argv[1]))))
