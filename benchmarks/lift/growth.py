"""Growth of the lift's time and memory with batch, rotations, pitches, components, joints."""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

import tf_lift
from benchmarks.lift import growth_point, programs

__all__ = ["AXES", "TABLES", "compile_again", "count_traces", "evaluate", "exponent", "run_point"]

_PROJECT = pathlib.Path(growth_point.__file__).resolve().parents[2]
# The arguments of `growth_point.run` for each size. Random priors have (components, bases,
# joints).
AXES = {
    "batch": {size: {"batch": size} for size in (1, 16, 256, 4096, 65536)},
    "rotations": {size: {"rotations": size} for size in (20, 80, 400)},
    "pitches": {size: {"pitches": size} for size in (1, 3, 5)},
    "components": {size: {"prior": [size, 25, 17]} for size in (1, 3, 10)},
    "joints": {size: {"prior": [3, 25, size], "batch": 1024} for size in (14, 33, 133)},
}
# The largest tables.
TABLES = {"prior": [10, 25, 17], "rotations": 400, "batch": 1024}


def evaluate(device, advance, axes=None, tables=None, run=None) -> dict:
    """Measures each size in a process of its own, so that no peak hides another.

    Args:
        device: Such as "GPU:0", or `None`.
        advance: See `timing.measure`.
        axes: By default `AXES`.
        tables: By default `TABLES`.
        run: By default `run_point`.

    Returns:
        By the name of the axis, dict of the figures by size and of the exponents with which
        time and peak memory grow over the last two sizes, 1 for linear; `tables`; the results
        of `count_traces`, `traces`, and of `compile_again`, `again`.
    """
    axes, tables, run = axes or AXES, tables or TABLES, run or run_point
    points = [(axis, size, point) for axis, sizes in axes.items() for size, point in sizes.items()]
    points.append(("tables", "", tables))
    measured: dict[str, dict] = {}
    results: dict = {axis: {"sizes": {}} for axis in axes}
    for index, (axis, size, point) in enumerate(points):
        advance(index / (len(points) + 1), f"{axis} {size}")
        key = json.dumps(point, sort_keys=True)
        if key not in measured:
            measured[key] = run(point | {"device": device})
        if axis != "tables":
            results[axis]["sizes"][str(size)] = measured[key]
    for axis in axes:
        for name, quantity in (("time", "seconds"), ("memory", "peak_bytes")):
            results[axis][f"{name}_exponent"] = exponent(results[axis]["sizes"], quantity)
    last = measured[json.dumps(tables, sort_keys=True)]
    if "failed" in last:
        raise ValueError(f"the tables of {tables} were not built: {last['failed']}")
    results["tables"] = {
        "seconds": last["tables_seconds"],
        "bytes": last["tables_bytes"],
        "kept": last["tables_kept"],
        "of": f"{tables}",
    }
    advance(len(points) / (len(points) + 1), "traces")
    results["traces"] = count_traces()
    results["again"] = compile_again()
    return results


def exponent(sizes: dict, quantity: str) -> float | None:
    """Returns the power with which a quantity grows over the last two sizes.

    >>> exponent({"2": {"seconds": 1.0}, "4": {"seconds": 1.0}, "8": {"seconds": 4.0}}, "seconds")
    2.0
    """
    known = [(int(size), its[quantity]) for size, its in sizes.items() if its.get(quantity, 0) > 0]
    if len(known) < 2:
        return None
    (first, before), (last, after) = known[-2:]
    return math.log(after / before) / math.log(last / first)


def run_point(point: dict) -> dict:
    """Runs one size in a process of its own.

    Returns:
        The result of `growth_point.run`, or dict of `failed`, a text with the exit status.
    """
    with tempfile.TemporaryDirectory() as folder:
        # XLA reports on the programs of functions that are named `lift`.
        flags = f"--xla_dump_to={folder} --xla_dump_hlo_module_re=.*_lift_.*"
        flags = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "benchmarks.lift.growth_point",
                json.dumps(point | {"dump": folder}),
            ],
            cwd=_PROJECT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_FLAGS": flags},
            capture_output=True,
            text=True,
        )
    if process.returncode:
        lines = process.stderr.strip().splitlines() or ["no message"]
        return {"failed": f"exit status {process.returncode}: {lines[-1][:200]}"}
    return json.loads(process.stdout.splitlines()[-1])


def count_traces(batches=(1, 5)) -> dict[str, int]:
    """Counts the traces of a function of an unknown number of poses for some numbers."""
    prior = tf_lift.PosePrior.load("cmu")
    counts = {}
    for kind in ("compiled", "plain"):
        function = programs.forward(prior, kind == "compiled", unknown_batch=True)
        for batch in batches:
            function(tf.random.normal([batch, prior.num_joints, 2]))
        counts[kind] = function.experimental_get_tracing_count()
    return counts


def compile_again(batches=(32, 48)) -> dict[str, float]:
    """Measures whether new landmarks recompile, as when XLA takes them for constants.

    Returns:
        For a function of an unknown number of poses, the forward pass and both passes: the
        time of a call on new landmarks over that of the first call with the same number of
        poses, which compiles; for the last number of `batches`.
    """
    prior = tf_lift.PosePrior.load("cmu")
    rng = np.random.default_rng(0)
    shares = {}
    for name, make in (
        ("forward", programs.forward),
        ("both passes", programs.forward_and_backward),
    ):
        function = programs.synchronised(make(prior, True, unknown_batch=True))
        for batch in batches:
            seconds = []
            for _ in range(3):
                inputs = programs.landmarks(prior, batch)(rng)
                if name != "forward":
                    inputs += programs.upstreams(batch, prior.num_joints)(rng)
                started = time.perf_counter()
                function(*inputs)
                seconds.append(time.perf_counter() - started)
        shares[name] = min(seconds[1:]) / seconds[0]
    return shares
