"""One training step of networks with and without the lift, and in PyTorch.

The network with lift, projection, fusion and all their gradients; with the lift in the
forward pass only; the same towers, stages and losses without them; and the twin of the last
in PyTorch if it is installed. All take turns with the same kind of step on the same noise.
"""

import argparse
import contextlib
import os
import sys

import numpy as np
import tensorflow as tf
from rich import progress
from rich.console import Console

import tf_lift
from benchmarks.harness import records
from benchmarks.training import torch_step, training_networks, training_ops
from tf_lift.training.config import TrainConfig

__all__ = ["evaluate", "main", "take_turns"]

# Networks whose steps take seconds.
_FULL_SIZE = ("vgg", "original")
_FULL_SIZE_BATCH = 2
_FULL_SIZE_ROUNDS, _ROUNDS = 5, 30
# The first step traces, the second allocates memory.
_NUM_WARM = 2
# Rounds of one operation, which takes a millisecond.
_OPERATION_ROUNDS = 200
# Largest relative difference between the first two losses of the twins.
_TWIN_TOLERANCE = 1e-3


def main(arguments: list[str]) -> None:
    """Runs the benchmark.

    Args:
        arguments: Command line after the name of the benchmark.

    Raises:
        ValueError: If an option is out of its range, or a step goes wrong.
    """
    options = _parse(arguments)
    console = Console(stderr=True)
    if options.threads is not None:
        _set_threads(options.threads)
    threads = options.threads or len(os.sched_getaffinity(0))
    prior = tf_lift.PosePrior.load("cmu")
    with_torch = torch_step.is_installed(options.torch_python)
    if not with_torch:
        print(f"PyTorch is not installed in {options.torch_python}: its step is skipped")
    results: dict = {"threads": threads, "presets": {}}
    for preset in options.presets:
        full_size = preset in _FULL_SIZE
        batch_size = _FULL_SIZE_BATCH if full_size else TrainConfig.for_preset(preset).batch_size
        with _progress(console, preset) as tick:
            results["presets"][preset] = evaluate(
                preset,
                prior,
                batch_size=options.batch or batch_size,
                rounds=options.rounds or (_FULL_SIZE_ROUNDS if full_size else _ROUNDS),
                seed=options.seed,
                threads=threads,
                torch_python=options.torch_python if with_torch else None,
                tick=tick,
            )
        print(_table(preset, results["presets"][preset]))
    results["load_average"] = os.getloadavg()[0]
    if options.json:
        command = " ".join(["python -m benchmarks training_step", *arguments])
        records.write(options.json, "training_step", results, command=command, seed=options.seed)


def _parse(arguments):
    parser = argparse.ArgumentParser("python -m benchmarks training_step", description=__doc__)
    parser.add_argument("--presets", default="vgg,tiny", help="by default vgg,tiny")
    parser.add_argument("--rounds", type=int, help="by default 5 for a full-size network, else 30")
    parser.add_argument(
        "--batch", type=int, help="by default 2 for a full-size network, else that of its training"
    )
    parser.add_argument("--threads", type=int, help="by default the number of cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--torch-python",
        default=sys.executable,
        metavar="FILE",
        help="the Python that has PyTorch, by default this one",
    )
    parser.add_argument("--json", metavar="FILE", help="file for the results")
    options = parser.parse_args(arguments)
    for name in ("rounds", "batch", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"`--{name}` must be at least 1. Received: {value}")
    options.presets = options.presets.split(",")
    for preset in options.presets:
        tf_lift.models.get_preset(preset)
    return options


def _set_threads(threads):
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ValueError("`--threads` must be set before TensorFlow starts") from error


def evaluate(
    preset,
    prior: tf_lift.PosePrior,
    *,
    batch_size: int,
    rounds: int,
    seed: int = 0,
    threads: int = 1,
    torch_python: str | None = None,
    operation_rounds: int = _OPERATION_ROUNDS,
    tick=lambda part, share: None,
) -> dict:
    """Measures the training steps of a preset's networks and the operations in them.

    Args:
        preset: Name of a preset, or a `Preset`.
        prior: Pose prior.
        batch_size: Number of images of a step.
        rounds: Number of steps of each network.
        seed: Seed of inputs and turns.
        threads: Threads of PyTorch.
        torch_python: The Python that has PyTorch; `None` skips it.
        operation_rounds: Number of calls of each operation alone.
        tick: Called with the name of the current part and the share of it that is done.

    Returns:
        Dict of `seconds`, all rounds of each network; `median_s`; `over_without`, the median
        over rounds of its step's time over that of the network without the lift in the same
        round; `torch`, or `None`; `operations` and `largest_tensors` of `training_ops`; and
        the sizes of the run.
    """
    tf.keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    names = list(training_networks.VARIANTS)
    networks = {}
    for number, name in enumerate(names):
        tick("build", number / len(names))
        networks[name] = training_networks.build(preset, name, prior)
        # All start with the same weights; those of the fusions come from the preset.
        training_networks.copy_weights(networks[names[0]], networks[name])
    contestants = {name: training_networks.Trainer(model) for name, model in networks.items()}
    whole, without = networks["whole"], networks["without"]
    with contextlib.ExitStack() as stack:
        if torch_python is not None:
            twin = torch_step.TorchTrainer(without, threads, torch_python)
            contestants["torch"] = stack.enter_context(twin)
        seconds, losses = take_turns(
            contestants,
            lambda: training_networks.draw_batch(whole, preset, batch_size, rng),
            rounds,
            rng,
            lambda share: tick("steps", share),
        )
    del contestants, networks
    tick("operations", 0.0)
    medians = {name: float(np.median(values)) for name, values in seconds.items()}
    result = {
        "batch_size": batch_size,
        "image_size": whole.input["image"].shape[1],
        "rounds": rounds,
        "num_parameters": sum(int(np.prod(w.shape)) for w in without.trainable_weights),
        "median_s": medians,
        "over_without": {name: _ratio(seconds[name], seconds["without"]) for name in names[:-1]},
        "torch": None,
        "operations": _shares(whole, medians["whole"], batch_size, operation_rounds, rng),
        "largest_tensors": training_ops.largest_tensors(whole, batch_size, rng),
        "seconds": seconds,
        "first_losses": {name: values[0] for name, values in losses.items()},
    }
    if torch_python is not None:
        difference = _twin_difference(without, losses)
        result["torch"] = {
            "version": twin.version,
            "num_parameters": twin.num_parameters,
            "tensorflow_over_torch": _ratio(seconds["without"], seconds["torch"]),
            "loss_difference": difference,
        }
    return result


def take_turns(contestants: dict, draw, rounds: int, rng, tick=lambda share: None):
    """Times a step of every contestant on the same batch, in another order every round.

    Args:
        contestants: Functions of a batch that return seconds and loss, by name.
        draw: Returns a new batch.
        rounds: Number of timed rounds, after a few others.
        rng: Random generator.
        tick: Called with the share of the rounds that is done.

    Returns:
        Seconds of the timed rounds, and losses of all rounds, of each contestant.
    """
    names = list(contestants)
    seconds: dict[str, list] = {name: [] for name in names}
    losses: dict[str, list] = {name: [] for name in names}
    for number in range(_NUM_WARM + rounds):
        batch = draw()
        for done, index in enumerate(rng.permutation(len(names))):
            tick((number + done / len(names)) / (_NUM_WARM + rounds))
            name = names[index]
            took, loss = contestants[name](batch)
            losses[name].append(loss)
            if number >= _NUM_WARM:
                seconds[name].append(took)
    return seconds, losses


def _ratio(values, others):
    """Returns the median over rounds of a ratio within the round: drifts cancel."""
    return float(np.median(np.divide(values, others)))


def _twin_difference(model, losses):
    """Returns the largest relative difference of the first losses, after checking it."""
    tensorflow, torch = (np.array(losses[name][:_NUM_WARM]) for name in ("without", "torch"))
    difference = float(np.max(np.abs(torch / tensorflow - 1.0)))
    random = any(isinstance(layer, tf.keras.layers.Dropout) for layer in model.layers)
    if difference > _TWIN_TOLERANCE and not random:
        raise ValueError(
            f"PyTorch's network differs: its losses are {torch}, TensorFlow's {tensorflow}"
        )
    return difference


def _shares(whole, step_s, batch_size, rounds, rng):
    """Returns the operations' times with their shares of a step."""
    measured = training_ops.measure(whole, batch_size, rounds, rng)
    for name, (forward, backward) in training_ops.uses(whole).items():
        for its in measured[name].values():
            total = forward * its["forward_s"] + backward * (its["both_s"] - its["forward_s"])
            its["share_of_step"] = total / step_s
        measured[name] |= {"uses_forward": forward, "uses_backward": backward}
    return measured


def _table(preset, result):
    """Returns Markdown tables of the steps and of the operations."""
    lines = [
        f"{preset}: {result['image_size']} px, batch {result['batch_size']}, "
        f"{result['rounds']} rounds",
        "| step | median (s) | over the network without the lift |",
        "|:--|--:|--:|",
    ]
    for name, median in result["median_s"].items():
        ratio = result["over_without"].get(name)
        lines.append(f"| {name} | {median:.4f} | {'' if ratio is None else f'{ratio:.3f}'} |")
    if result["torch"]:
        ratio = result["torch"]["tensorflow_over_torch"]
        lines.append(f"\nTensorFlow's step without the lift over PyTorch's: {ratio:.3f}")
    lines += [
        "",
        "| alone | forward (ms) | + backward (ms) | share of a step | XLA: forward | + backward "
        "| share | largest tensor / maps |",
        "|:--|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, its in result["operations"].items():
        cells = [
            text
            for kind in ("plain", "xla")
            for text in (
                f"{1e3 * its[kind]['forward_s']:.2f}",
                f"{1e3 * its[kind]['both_s']:.2f}",
                f"{its[kind]['share_of_step']:.2%}",
            )
        ]
        largest = result["largest_tensors"].get(name)
        cells.append("" if largest is None else f"{largest['relative']:.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _progress(console, preset):
    """Shows a progress bar; yields a function of the current part and its share."""
    columns = (
        "[progress.description]{task.description}",
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(preset, total=1.0)

        def tick(part, share):
            bar.update(task, completed=share, description=f"{preset}, {part}")

        yield tick
