"""Speed, exactness and growth of the lift: all landmarks, some missing, against brute force."""

import shlex

from benchmarks.harness import options as readers
from benchmarks.harness import records

__all__ = ["PARTS", "main", "targets"]

PARTS = ("speed", "missing", "exactness", "growth", "roofline")
# With a device of its own the lift is held against what that device can do as well.
_DEFAULT_PARTS = PARTS[:-1]


def main(arguments: list[str]) -> dict:
    """Runs the benchmark; `--help` tells the options.

    Returns:
        The results: what stands under `results` in the JSON file.
    """
    options = _parse(arguments)
    # TensorFlow comes with these; the command line is checked before.
    from rich.console import Console

    from benchmarks.lift import devices, report

    found = devices.find(options.device)
    print(f"device: {found['device']} ({found['description']})", flush=True)
    parts = options.parts
    if parts is None:
        parts = _DEFAULT_PARTS if not (options.device or found["accelerator"]) else PARTS
    results: dict = {"device": found}
    console = Console(stderr=True)
    for part in parts:
        with report.progress_bar(part, console) as advance, devices.on(options.device):
            results |= _run(part, options, advance)
        print("\n".join(report.tables(part, results)), flush=True)
    results["targets"] = targets(results)
    print("\n".join(report.targets_table(results["targets"])))
    if options.json:
        command = shlex.join(["python", "-m", "benchmarks", "lift", *arguments])
        records.write(options.json, "lift", results, command=command, seed=options.seed)
    return results


def _parse(arguments):
    parser = readers.Parser(prog="python -m benchmarks lift", description=__doc__)
    parser.add_argument("--json", metavar="FILE", help="file for the figures")
    parser.add_argument(
        "--parts",
        type=readers.choices(*PARTS),
        metavar="NAMES",
        help=f"of {', '.join(PARTS)}; by default all, roofline with a device only",
    )
    parser.add_argument("--batch", type=readers.positive_int, default=4096, help="poses")
    parser.add_argument("--rounds", type=readers.positive_int, default=15)
    parser.add_argument(
        "--seconds",
        type=readers.positive,
        default=25.0,
        help="budget of the rounds of each comparison; three are done in any case",
    )
    parser.add_argument("--poses", metavar="FILE", help="real poses, as in the other benchmarks")
    parser.add_argument("--num-poses", type=readers.positive_int, default=10_000)
    parser.add_argument("--num-masked", type=readers.positive_int, default=1000)
    parser.add_argument("--device", metavar="NAME", help='such as "GPU:0"')
    parser.add_argument(
        "--bandwidth", type=readers.positive, metavar="GB/s", help="of the device's memory"
    )
    parser.add_argument(
        "--rate", type=readers.positive, metavar="TFLOP/s", help="of the device's float32 products"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def _run(part, options, advance):
    from benchmarks.accuracy import protocol
    from benchmarks.lift import devices, exactness, growth, speed

    timed = {"rounds": options.rounds, "seconds": options.seconds, "seed": options.seed}
    if part == "speed":

        def first(share, text):
            advance(0.8 * share, text)

        return {
            "speed": speed.speed(options.batch, **timed, advance=first),
            "latency_us": speed.latency(
                **timed, advance=lambda share, text: advance(0.8 + 0.2 * share, text)
            ),
        }
    if part == "missing":
        return {"missing": speed.missing(options.batch, **timed, advance=advance)}
    if part == "exactness":
        path = options.poses or protocol.default_poses()
        sizes = (options.num_poses, options.num_masked)
        return {"exactness": exactness.evaluate(path, *sizes, options.seed, advance)}
    if part == "growth":
        return {"growth": growth.evaluate(options.device, advance)}
    return {
        "roofline": devices.roofline(
            **timed, advance=advance, bandwidth=options.bandwidth, rate=options.rate
        )
    }


def targets(results: dict) -> list[dict]:
    """Returns what is aimed at, of the parts that were run.

    Args:
        results: What `main` returns.

    Returns:
        Dicts of `what`, `value`, `target` and whether it is `met`.
    """
    rows = []

    def row(what, value, target, most=False):
        met = value <= target if most else value >= target
        rows.append({"what": what, "value": value, "target": target, "met": bool(met)})

    if "speed" in results:
        speed, latency = results["speed"], results["latency_us"]
        forward = speed["candidates"]["cmu compiled"]["times_matmul"]
        row("forward, throughput over the bare matmul", forward, 0.7)
        row(
            "both passes, time over the forward's (at most)",
            speed["backward"]["cmu compiled"],
            1.3,
            True,
        )
        row("one pose, a call, microseconds (at most)", latency["compiled function"], 200.0, True)
        row("one pose, in a function (at most)", latency["one lift more"], 200.0, True)
    if "missing" in results:
        shares = {
            name: max(
                figures["share_of_all_visible"]
                for key, figures in results["missing"]["candidates"].items()
                if key.startswith(name)
            )
            for name in ("random masks", "8 masks")
        }
        row("random masks, share of all visible", shares["random masks"], 0.15)
        row("8 masks, share of all visible", shares["8 masks"], 0.5)
    for run in ("all_visible", "masked") if "exactness" in results else ():
        for way in ("eager", "compiled"):
            figures = results["exactness"][run][way]
            what = f"{run.replace('_', ' ')}, {way}: "
            row(what + "energy, relative (at most)", figures["energy_largest"], 1e-4, True)
            row(what + "share of joints within 0.1 mm", figures["joints_within_0.1_mm"], 0.999)
            row(what + "joints, mm (at most)", figures["joints_largest_mm"], 1.0, True)
    if "growth" in results:
        growth = results["growth"]
        row("traces for an unknown batch (at most)", growth["traces"]["compiled"], 1, True)
        for name, share in growth["again"].items():
            row(f"new landmarks, {name}, time over compiling (at most)", share, 0.2, True)
        row(
            "tables of K=10 at 400 angles, seconds (at most)",
            growth["tables"]["seconds"],
            2.0,
            True,
        )
    return rows
