"""Speed, exactness and growth of the lift: all landmarks, some missing, against brute force."""

import shlex

from benchmarks.harness import options as readers
from benchmarks.harness import records

__all__ = ["PARTS", "main"]

PARTS = ("speed", "missing", "attitude", "startup", "exactness", "growth", "roofline")
# With a device of its own the lift is compared with that device's limits as well.
_DEFAULT_PARTS = PARTS[:-1]


def main(arguments: list[str]) -> dict:
    """Runs the benchmark; `--help` lists the options.

    Returns:
        The results: the content of `results` in the JSON file.
    """
    options = _parse(arguments)
    # The command line is checked before TensorFlow is imported.
    import tensorflow as tf
    from rich.console import Console

    from benchmarks.lift import devices, report
    from benchmarks.lift.targets import targets

    # Functions of the same code are traced for each prior and kind of mask, without a mistake.
    tf.get_logger().setLevel("ERROR")
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
        help="budget of the rounds of each comparison; it is overdrawn, up to three times, "
        "until there are three rounds",
    )
    parser.add_argument("--poses", metavar="FILE", help="real poses, as in the other benchmarks")
    parser.add_argument("--num-poses", type=readers.positive_int, default=10_000)
    parser.add_argument(
        "--num-masked",
        type=readers.positive_int,
        default=1000,
        help="poses with landmarks missing; a fifth of them with real-valued weights",
    )
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
    from benchmarks.lift import attitude, devices, exactness, growth, missing, speed, startup

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
        return {"missing": missing.missing(options.batch, **timed, advance=advance)}
    if part == "attitude":
        return {"attitude": attitude.attitude(options.batch, **timed, advance=advance)}
    if part == "startup":
        return {"startup": startup.startup(options.batch, options.seed, advance)}
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
