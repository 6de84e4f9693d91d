"""The compiled programs of the lift as StableHLO, for machines that have no TensorFlow."""

import itertools
import shlex

from benchmarks.harness import options as readers
from benchmarks.hlo import hlo_folder, roofline

__all__ = ["export", "main"]


def main(arguments: list[str]) -> None:
    """Exports programs; `--help` tells the options."""
    parser = readers.Parser(prog="python -m benchmarks export_hlo", description=__doc__)
    parser.add_argument("folder", help="folder to make; an older export there is replaced")
    parser.add_argument(
        "--batch", type=readers.positive_int, nargs="+", default=[4096], help="numbers of poses"
    )
    parser.add_argument(
        "--backward", action="store_true", help="also forward and backward in one program"
    )
    parser.add_argument("--prior", default="cmu", help="name of a prior, or its file")
    parser.add_argument("--seed", type=int, default=0, help="of the example's landmarks")
    options = parser.parse_args(arguments)
    hlo_folder.check_free(options.folder)
    import tf_lift

    prior = tf_lift.PosePrior.load(options.prior)
    programs = []
    for batch in dict.fromkeys(options.batch):
        for backward in (False, True) if options.backward else (False,):
            programs.append(export(prior, batch, backward, options.seed))
            size = len(programs[-1].text) / 2**20
            print(f"{programs[-1].name}: {size:.1f} MiB of StableHLO", flush=True)
    command = shlex.join(["python", "-m", "benchmarks", "export_hlo", *arguments])
    print(f"wrote {hlo_folder.write(options.folder, programs, command)}")


def export(prior, batch: int, backward: bool, seed: int = 0) -> hlo_folder.Program:
    """Compiles the lift and runs it once.

    Args:
        prior: `PosePrior`.
        batch: Poses.
        backward: Whether the gradient of the landmarks is computed as well, for random
            upstream gradients of `joints_3d` and `landmarks`.
        seed: Seed of the landmarks and upstream gradients.

    Raises:
        ValueError: If this TensorFlow tells no StableHLO, or the program takes something
            else than the inputs and captured tensors.
    """
    import numpy as np
    import tensorflow as tf

    from benchmarks.lift import programs
    from tf_lift.prior import build_tables

    rng = np.random.default_rng(seed)
    tables = build_tables(prior)
    inputs = programs.landmarks(prior, batch)(rng)
    names = ["landmarks"]
    if backward:
        inputs += programs.upstreams(batch, prior.num_joints)(rng)
        names += ["joints_3d upstream", "landmarks upstream"]
        function = programs.forward_and_backward(tables, compiled=True)
    else:
        function = programs.forward(tables, compiled=True)
    returned = function(*inputs)
    results = returned[0] if backward else returned
    # TensorFlow returns the entries of a dict sorted by their keys.
    result_names = sorted(results) + ["landmarks gradient"] * backward
    constants = function.get_concrete_function(*inputs).captured_inputs
    if any(constant.dtype == tf.resource for constant in constants):
        raise ValueError("the lift must capture constants alone. Received: a variable")
    text = stablehlo(function, inputs)
    arrays = [constant.numpy() for constant in constants]
    given = [argument.numpy() for argument in inputs]
    taken = taken_constants(text, given, arrays)
    return hlo_folder.Program(
        f"lift_{'with_gradient_' * backward}{batch}",
        text,
        batch,
        given + [arrays[index] for index in taken],
        names + [f"constant {index}" for index in taken],
        [result.numpy() for result in tf.nest.flatten(returned)],
        result_names,
    )


def taken_constants(text: str, given, constants) -> list[int]:
    """Finds out which constants a program takes as arguments.

    The compiler writes those into the program whose values it must know. Of several
    explanations of the arguments' shapes, that one holds whose other constants are there.

    Args:
        text: StableHLO.
        given: Arrays that must be its first arguments.
        constants: Arrays that may be arguments after these, in this order.

    Returns:
        Indices of the constants that are.

    Raises:
        ValueError: If the arguments are others, or cannot be told apart.
    """
    shapes = roofline.argument_shapes(text)
    expected = [list(array.shape) for array in given]
    wanted = shapes[len(given) :]
    missing = len(constants) - len(wanted)
    fitting = []
    if shapes[: len(given)] == expected and missing >= 0:
        for left_out in itertools.combinations(range(len(constants)), missing):
            taken = [index for index in range(len(constants)) if index not in left_out]
            if [list(constants[index].shape) for index in taken] == wanted:
                fitting.append((taken, left_out))
    if len(fitting) > 1:
        fitting = [
            (taken, left_out)
            for taken, left_out in fitting
            if all(constants[index].tobytes().hex().upper() in text for index in left_out)
        ]
    if len(fitting) != 1:
        shapes_of_constants = [list(array.shape) for array in constants]
        raise ValueError(
            f"the program must take {expected} and then constants of {shapes_of_constants}. "
            f"Received: {shapes}"
        )
    return fitting[0][0]


def stablehlo(function, inputs) -> str:
    """Returns the program of a compiled `tf.function` as text.

    Args:
        function: `tf.function` with `jit_compile=True`.
        inputs: Its arguments, or their `tf.TensorSpec`.

    Raises:
        ValueError: If this TensorFlow has no such stage.
    """
    import tensorflow as tf

    try:
        text = function.experimental_get_compiler_ir(*inputs)(stage="stablehlo")
    except ValueError as error:
        if "stage" not in str(error):
            raise
        raise ValueError(
            "StableHLO needs a newer TensorFlow, such as 2.21. "
            f"Received: TensorFlow {tf.__version__}: {str(error).splitlines()[0]}"
        ) from error
    return text.decode() if isinstance(text, bytes) else text
