"""The device that the lift runs on, and the lift's speed relative to the device's limits."""

import contextlib

import tensorflow as tf

import tf_lift
from benchmarks.harness import records
from benchmarks.harness.timing import Candidate, measure
from benchmarks.hlo import roofline as roofs
from benchmarks.lift import programs

__all__ = ["BATCHES", "find", "on", "roofline"]

BATCHES = (4096, 65536)
# Length of the copied vector and side of the multiplied matrices, large enough to fill an
# accelerator (True) or a processor (False).
_COPIED = {True: 2**27, False: 2**25}
_SIDE = {True: 8192, False: 1536}


def find(device: str | None) -> dict:
    """Describes the device that TensorFlow prefers, or a named one.

    Args:
        device: Such as "GPU:0"; `None` for the preferred one.

    Raises:
        ValueError: If there is no such device.
    """
    # Leave memory to the processes of the growth part and to other programs.
    for accelerator in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # It is in use already.
            tf.config.experimental.set_memory_growth(accelerator, True)
    names = [_short(logical.name) for logical in tf.config.list_logical_devices()]
    chosen = next((name for name in names if name.startswith("GPU")), names[0])
    if device is not None:
        chosen = _short(device)
        if chosen not in names:
            raise ValueError(f"there is no device {device!r}; there are {', '.join(names)}")
    kind, _, number = chosen.partition(":")
    details = {}
    physical = tf.config.list_physical_devices(kind)
    if kind != "CPU" and int(number) < len(physical):
        details = tf.config.experimental.get_device_details(physical[int(number)])
    machine = records.machine()
    return {
        "device": chosen,
        "all_devices": names,
        "accelerator": kind != "CPU",
        "description": details.get(
            "device_name", f"{machine['processor']}, {machine['cores']} cores"
        ),
        "compute_capability": ".".join(map(str, details.get("compute_capability", ()))),
        "tensor_float_32": bool(tf.config.experimental.tensor_float_32_execution_enabled()),
    }


def on(device: str | None):
    """Returns a context in which TensorFlow uses this device, or the one it prefers."""
    return contextlib.nullcontext() if device is None else tf.device(_short(device))


def _short(name):
    # "/device:GPU:0", "gpu:0" and "GPU" are all "GPU:0".
    short = name.upper().rpartition("DEVICE:")[2].lstrip("/")
    return short if ":" in short else short + ":0"


def roofline(
    rounds, seconds, seed, advance, bandwidth=None, rate=None, batches=None, accelerator=None
) -> dict:
    """Times whole batches against the larger of bytes / bandwidth and operations / rate.

    Args:
        rounds: See `timing.measure`, as for the next three.
        seconds: Budget.
        seed: Seed.
        advance: See `timing.measure`.
        bandwidth: GB/s of the memory; by default that of a copy, measured in the same rounds.
        rate: TFLOP/s; by default that of a large float32 product in the same rounds.
        batches: Numbers of poses; by default `BATCHES`.
        accelerator: Whether the device is one; by default whether there is any.

    Returns:
        Dict of `bandwidth_gb_s`, `rate_tflop_s` and, by batch, the time and the bound.
    """
    if accelerator is None:
        accelerator = find(None)["accelerator"]
    prior = tf_lift.PosePrior.load("cmu")
    copied, side = _COPIED[accelerator], _SIDE[accelerator]
    copy = tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)
    candidates = {
        # Read and written, four bytes each.
        "copy": Candidate(
            programs.synchronised(copy), lambda rng: (tf.ones([copied]),), 8 * copied
        ),
        "product": Candidate(
            programs.synchronised(programs.bare_matmul(True)),
            lambda rng: (tf.random.normal([side, side]),) * 2,
            2 * side**3,
        ),
    }
    costs = {}
    for batch in batches or BATCHES:
        inputs = programs.landmarks(prior, batch)
        lift = programs.forward(prior, True)
        candidates[str(batch)] = Candidate(programs.synchronised(lift), inputs, batch)
        text = lift.experimental_get_compiler_ir(tf.TensorSpec([batch, prior.num_joints, 2]))(
            stage="stablehlo"
        )
        costs[str(batch)] = roofs.cost(text)
    timings = measure(candidates, rounds, seconds, seed, advance)
    measured = {name: timings[name].size / timings[name].median for name in ("copy", "product")}
    bytes_per_second = 1e9 * bandwidth if bandwidth else measured["copy"]
    operations_per_second = 1e12 * rate if rate else measured["product"]
    result: dict = {
        "bandwidth_gb_s": bytes_per_second / 1e9,
        "rate_tflop_s": operations_per_second / 1e12,
        "measured": {"bandwidth": bandwidth is None, "rate": rate is None},
        "batches": {},
    }
    for name, program in costs.items():
        least = roofs.bound(program, bytes_per_second, operations_per_second)
        result["batches"][name] = timings[name].figures() | {
            "bytes": program.num_bytes,
            "operations": program.operations,
            "product_operations": program.product_operations,
            "loops": program.num_loops,
            "bound_seconds": least["seconds"],
            "limited_by": least["limited_by"],
            "share_of_bound": least["seconds"] / timings[name].median,
        }
    return result
