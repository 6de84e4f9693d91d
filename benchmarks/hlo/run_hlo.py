"""Checks and times programs of `export_hlo` with JAX, without TensorFlow."""

import math
import shlex
import time

import numpy as np

from benchmarks.harness import options as readers
from benchmarks.harness import records
from benchmarks.harness.timing import Candidate, measure, ratio
from benchmarks.hlo import hlo_folder
from benchmarks.hlo import roofline as roofs

__all__ = ["compare", "main"]

# Aims of the lift on any machine: largest difference of a joint, mm, for poses with the same
# candidate, and share of poses with another candidate.
_MAX_MM = 1.0
_MAX_OTHER = 1e-3
# Largest difference of the gradient, relative to its largest number: beyond what TensorFloat-32
# causes.
_MAX_GRADIENT = 1e-2
# The bare product that the lift is compared with.
_MATMUL_SHAPE = (630, 240)
# Length of the copied vector and side of the multiplied matrices, large enough to fill an
# accelerator (True) or a processor (False).
_COPIED = {True: 2**27, False: 2**25}
_SIDE = {True: 8192, False: 1536}
_COMPILER_FIGURES = {
    "temporary_bytes": "bytes of temporaries",
    "compiler_operations": "operations",
    "compiler_bytes": "bytes read and written",
}


def main(arguments: list[str]) -> dict:
    """Runs the programs of a folder; `--help` lists the options.

    Returns:
        The results: the content of `results` in the JSON file.

    Raises:
        ValueError: If JAX is absent, or a program returns wrong results.
    """
    parser = readers.Parser(prog="python -m benchmarks run_hlo", description=__doc__)
    parser.add_argument("folder", help="made by `python -m benchmarks export_hlo`")
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument("--rounds", type=readers.positive_int, default=30)
    parser.add_argument("--seconds", type=readers.positive, default=60.0, help="budget of rounds")
    parser.add_argument(
        "--limit",
        type=readers.positive,
        default=math.inf,
        metavar="SECONDS",
        help="skip the programs whose turn to be compiled comes later than this",
    )
    parser.add_argument("--bandwidth", type=readers.positive, metavar="GB/s")
    parser.add_argument("--rate", type=readers.positive, metavar="TFLOP/s")
    parser.add_argument(
        "--precision",
        choices=("default", "highest"),
        default="default",
        help="of float32 products: the default of a GPU may be TensorFloat-32",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    programs = hlo_folder.read(options.folder)
    try:
        import jax
    except ImportError as error:
        raise ValueError(f"run_hlo needs JAX: pip install jax. Received: {error}") from error

    device = jax.devices()[0]
    print(f"device: {device.platform}, {device.device_kind}; JAX {jax.__version__}", flush=True)
    jax.config.update("jax_default_matmul_precision", options.precision)
    candidates, checks, costs, compiled = _yardsticks(jax, device), {}, {}, {}
    executables: dict[str, tuple] = {}
    begun, skipped = time.perf_counter(), []
    for program in programs:
        text = program.text
        if options.precision == "highest":
            text = text.replace("precision = [DEFAULT, DEFAULT]", "precision = [HIGHEST, HIGHEST]")
        if text not in executables:
            started = time.perf_counter()
            if started - begun > options.limit:
                skipped.append(program.name)
                continue
            executable = _compile(text, device)
            executables[text] = executable, time.perf_counter() - started
        executable, seconds = executables[text]
        compiled[program.name] = {"compile_seconds": seconds} | _compiler_figures(executable)
        constants = _constants(jax, device, program)
        returned = _run(jax, executable, _inputs(jax, device, program) + constants)
        checks[program.name] = compare([np.asarray(array) for array in returned], program)
        print(f"{program.name}: {_verdict(checks[program.name])}", flush=True)
        costs[program.name] = roofs.cost(text)
        candidates[f"matmul {program.batch}"] = _bare_matmul(jax, device, program.batch)
        candidates[program.name] = Candidate(
            lambda *inputs, executable=executable: _run(jax, executable, inputs),
            _permuted(jax, device, program, constants),
            program.batch,
        )
    timings = measure(candidates, options.rounds, options.seconds, options.seed)
    measured = {name: timings[name].size / timings[name].median for name in ("copy", "product")}
    bandwidth = 1e9 * options.bandwidth if options.bandwidth else measured["copy"]
    rate = 1e12 * options.rate if options.rate else measured["product"]
    results = {
        "device": {"platform": device.platform, "kind": device.device_kind},
        "precision": options.precision,
        "bandwidth_gb_s": bandwidth / 1e9,
        "rate_tflop_s": rate / 1e12,
        "programs": {},
        "skipped": skipped,
    }
    for program in programs:
        if program.name in skipped:
            continue
        name, cost = program.name, costs[program.name]
        least = roofs.bound(cost, bandwidth, rate)
        results["programs"][name] = {
            **timings[name].figures(),
            **compiled[name],
            "times_matmul": ratio(timings[name], timings[f"matmul {program.batch}"]),
            "bytes": cost.num_bytes,
            "operations": cost.operations,
            "loops": cost.num_loops,
            "bound_seconds": least["seconds"],
            "limited_by": least["limited_by"],
            "share_of_bound": least["seconds"] / timings[name].median,
            "check": checks[name],
        }
    print("\n".join(_table(results)))
    if options.json:
        command = shlex.join(["python", "-m", "benchmarks", "run_hlo", *arguments])
        records.write(options.json, "run_hlo", results, command=command, seed=options.seed)
    wrong = [name for name, check in checks.items() if not check["as_expected"]]
    if wrong:
        raise ValueError(f"not as expected: {', '.join(wrong)}")
    return results


def compare(results, program) -> dict:
    """Compares the results of a program with the exported ones.

    Args:
        results: Arrays of the whole batch, in order.
        program: `hlo_folder.Program`.

    Returns:
        Dict of `other_candidate`, the share of poses with another component or angle, which
        near-equal costs may cause; for all other poses, the largest difference of a joint,
        `joints_mm`, the relative one of the `energy`, and that of the gradient relative to
        its largest number, `gradient`, if there is one; and whether the results are
        `as_expected`: joints within 1 mm, the gradient within 1 % and at most 0.1 % other
        candidates.
    """
    whole = [program.repeated(array) for array in program.results]
    found, expected = (
        dict(zip(program.result_names, arrays, strict=True)) for arrays in (results, whole)
    )
    turned = np.abs(found["rotation_angle"] - expected["rotation_angle"])
    same = (found["mixture_index"] == expected["mixture_index"]) & (turned < 1e-3)
    joints = np.linalg.norm(found["joints_3d"] - expected["joints_3d"], axis=-1).max(-1)[same]
    energy = np.abs(found["energy"] / expected["energy"] - 1)[same]
    check = {
        "other_candidate": float((~same).mean()),
        "joints_mm": float(joints.max(initial=0.0)),
        "energy": float(energy.max(initial=0.0)),
    }
    if "landmarks gradient" in expected:
        gradients = [arrays["landmarks gradient"][same] for arrays in (found, expected)]
        difference = np.abs(gradients[0] - gradients[1]).max(initial=0.0)
        check["gradient"] = float(difference / np.abs(gradients[1]).max(initial=1e-30))
    # Written so that NaN is not as expected.
    right = check["joints_mm"] <= _MAX_MM and check["other_candidate"] <= _MAX_OTHER
    right &= check.get("gradient", 0.0) <= _MAX_GRADIENT
    return check | {"as_expected": bool(right)}


def _compile(text, device):
    """Compiles StableHLO with the device's own PJRT client."""
    from jax._src.interpreters import mlir
    from jax._src.lib import xla_client
    from jax._src.lib.mlir import ir

    with mlir.make_ir_context():
        bytecode = mlir.module_to_bytecode(ir.Module.parse(text))
    options = xla_client.CompileOptions()
    if hasattr(device.client, "compile_and_load"):
        devices = xla_client.DeviceList((device,))
        return device.client.compile_and_load(bytecode, devices, options)
    return device.client.compile(bytecode, options)  # JAX before 0.7.


def _run(jax, executable, inputs):
    return jax.block_until_ready(executable.execute(list(inputs)))


def _compiler_figures(executable):
    """Returns memory, operations and bytes of the compiled program, `None` if unknown."""
    memory = _ask(executable, "get_compiled_memory_stats")
    analysis = _ask(executable, "cost_analysis") or {}
    if isinstance(analysis, list):  # One for each computation, in some versions.
        analysis = analysis[0]
    return {
        "temporary_bytes": getattr(memory, "temp_size_in_bytes", None),
        "compiler_operations": analysis.get("flops"),
        "compiler_bytes": analysis.get("bytes accessed"),
    }


def _ask(executable, method):
    """Returns the result of a method, or `None` if the runtime does not implement it."""
    if not hasattr(executable, method):
        return None
    try:
        return getattr(executable, method)()
    except RuntimeError as error:  # XlaRuntimeError, whose message begins with its status.
        if not str(error).startswith("UNIMPLEMENTED"):
            raise
        return None


def _inputs(jax, device, program, order=slice(None)):
    """Puts the batch on the device, the example's poses repeated and in the given order."""
    return [
        jax.device_put(program.repeated(array)[order], device)
        for name, array in zip(program.argument_names, program.arguments, strict=True)
        if not name.startswith(hlo_folder.CONSTANT)
    ]


def _constants(jax, device, program):
    return [
        jax.device_put(array, device)
        for name, array in zip(program.argument_names, program.arguments, strict=True)
        if name.startswith(hlo_folder.CONSTANT)
    ]


def _permuted(jax, device, program, constants):
    """Returns a maker of the arguments, with the poses in another order each time."""

    def make(rng):
        inputs = _inputs(jax, device, program, rng.permutation(program.batch))
        return jax.block_until_ready((*inputs, *constants))

    return make


def _yardsticks(jax, device):
    """Returns a copy and a product, which measure bytes and operations per second."""
    accelerator = device.platform != "cpu"
    copied, side = _COPIED[accelerator], _SIDE[accelerator]
    copy = jax.jit(lambda x: x + 1.0)
    product = jax.jit(jax.numpy.matmul)
    factor = jax.device_put(np.random.default_rng(0).standard_normal([side, side], np.float32))
    numbers = jax.device_put(np.ones([copied], np.float32), device)
    return {
        # Read and written, four bytes each.
        "copy": Candidate(
            lambda x: jax.block_until_ready(copy(x)), lambda rng: (numbers,), 8 * copied
        ),
        "product": Candidate(
            lambda x: jax.block_until_ready(product(x, x)), lambda rng: (factor,), 2 * side**3
        ),
    }


def _bare_matmul(jax, device, batch):
    product = jax.jit(jax.numpy.matmul)
    forms = jax.device_put(np.random.default_rng(0).standard_normal(_MATMUL_SHAPE, np.float32))

    def make(rng):
        features = rng.standard_normal([batch, _MATMUL_SHAPE[0]], np.float32)
        return jax.block_until_ready((jax.device_put(features, device), forms))

    return Candidate(lambda *factors: jax.block_until_ready(product(*factors)), make, batch)


def _table(results):
    yield (
        f"{results['bandwidth_gb_s']:.1f} GB/s, {results['rate_tflop_s']:.2f} TFLOP/s; "
        f"products in {results['precision']} precision"
    )
    for name, its in results["programs"].items():
        yield (
            f"{name}: {1e3 * its['seconds']:.3f} ms, {its['poses_per_second']:,.0f} poses/s, "
            f"{its['times_matmul']:.2f} x bare matmul; at least "
            f"{1e3 * its['bound_seconds']:.3f} ms by {its['limited_by']} "
            f"({100 * its['share_of_bound']:.1f} %); compiled in {its['compile_seconds']:.1f} s"
        )
        if its["loops"]:
            yield f"  a rough limit: it counts the bodies of {its['loops']} loops once each"
        yield f"  {_verdict(its['check'])}"
        yield "  by the compiler's analysis: " + ", ".join(
            f"{text} {'unknown to this runtime' if its[key] is None else f'{its[key]:.3g}'}"
            for key, text in _COMPILER_FIGURES.items()
        )
    if results["skipped"]:
        yield f"skipped, as --limit was reached: {', '.join(results['skipped'])}"


def _verdict(check):
    return (
        f"{'as expected' if check['as_expected'] else 'NOT AS EXPECTED'}: joints within "
        f"{check['joints_mm']:.3g} mm, energy within {check['energy']:.2g}, another "
        f"candidate for {100 * check['other_candidate']:.2f} % of the poses"
        + (f", gradient within {check['gradient']:.2g}" if "gradient" in check else "")
    )
