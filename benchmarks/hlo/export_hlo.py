"""The compiled programs of the lift as StableHLO, for machines that have no TensorFlow."""

import shlex

from benchmarks.harness import options as readers
from benchmarks.hlo import hlo_folder, roofline

__all__ = ["KINDS", "export", "main"]

# All landmarks visible; 0 to 6 missing; 0 to all but three missing. The last two are one
# program with different examples.
KINDS = ("visible", "few_missing", "many_missing")
_FEW = 6
_MIN_VISIBLE = 3
# Different poses of an example; a larger batch repeats them, so that folders stay small.
_EXAMPLE_POSES = 1024


def main(arguments: list[str]) -> None:
    """Exports programs; `--help` lists the options."""
    parser = readers.Parser(prog="python -m benchmarks export_hlo", description=__doc__)
    parser.add_argument("folder", help="folder to make; an older export there is replaced")
    parser.add_argument(
        "--batch", type=readers.positive_int, nargs="+", default=[4096], help="numbers of poses"
    )
    parser.add_argument(
        "--kinds",
        type=readers.choices(*KINDS),
        default=KINDS,
        metavar="NAMES",
        help=f"of {', '.join(KINDS)}; by default all",
    )
    parser.add_argument(
        "--backward", action="store_true", help="also forward and backward in one program"
    )
    parser.add_argument("--prior", default="cmu", help="name of a prior, or its file")
    parser.add_argument(
        "--camera",
        choices=("level", "unknown"),
        default="level",
        help="whether the camera is known to be level or its pitch and roll are searched",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the examples")
    options = parser.parse_args(arguments)
    hlo_folder.check_free(options.folder)
    import tf_lift

    prior = tf_lift.PosePrior.load(options.prior)
    programs = []
    for batch in dict.fromkeys(options.batch):
        for backward in (False, True) if options.backward else (False,):
            camera = None if options.camera == "unknown" else "level"
            for program in export(prior, batch, backward, options.kinds, options.seed, camera):
                programs.append(program)
                size = len(program.text) / 2**20
                print(f"{program.name}: {size:.1f} MiB of StableHLO", flush=True)
    command = shlex.join(["python", "-m", "benchmarks", "export_hlo", *arguments])
    print(f"wrote {hlo_folder.write(options.folder, programs, command)}")


def export(
    prior, batch: int, backward: bool, kinds=KINDS, seed: int = 0, camera: str | None = "level"
) -> list[hlo_folder.Program]:
    """Compiles the lift and runs it once for each kind of input.

    Args:
        prior: `PosePrior`.
        batch: Poses.
        backward: Whether to compute the gradient of the landmarks as well, for random
            upstream gradients of `joints_3d` and `landmarks`.
        kinds: Some of `KINDS`.
        seed: Seed of landmarks, upstream gradients and masks.
        camera: "level", or `None` to search its pitch and roll.

    Returns:
        A program of each kind.

    Raises:
        ValueError: If this TensorFlow has no StableHLO, or the program takes other arguments
            than the inputs and the captured tensors.
    """
    import numpy as np
    import tensorflow as tf

    from benchmarks.lift import masks, programs
    from tf_lift.ops import accelerator

    rng = np.random.default_rng(seed)
    count = min(batch, _EXAMPLE_POSES)
    if backward:
        function = programs.forward_and_backward(prior, True, camera=camera)
    else:
        function = programs.forward(prior, True, camera=camera)
    exported, texts = [], {}
    for kind in kinds:
        inputs = programs.landmarks(prior, count)(rng)
        names = ["landmarks"]
        if backward:
            inputs += programs.upstreams(count, prior.num_joints)(rng)
            names += ["joints_3d upstream", "landmarks upstream"]
        if kind != "visible":
            most = _FEW if kind == "few_missing" else prior.num_joints - _MIN_VISIBLE
            inputs += (tf.constant(masks.random(rng, count, prior.num_joints, most)),)
            names += ["visibility"]
        rows = np.arange(batch) % count
        whole = [tf.gather(tensor, rows) for tensor in inputs]
        with accelerator.assume(True):
            returned = function(*whole)
        results = returned[0] if backward else returned
        # TensorFlow returns the entries of a dict sorted by their keys.
        result_names = sorted(results) + ["landmarks gradient"] * backward
        if len(inputs) not in texts:
            texts[len(inputs)] = _source(function, whole)
        text, constants = texts[len(inputs)]
        exported.append(
            hlo_folder.Program(
                f"lift_{'unknown_' * (camera is None)}{kind}_{'with_gradient_' * backward}{batch}",
                text,
                batch,
                [tensor.numpy() for tensor in inputs] + constants,
                names + [f"{hlo_folder.CONSTANT}{index}" for index in range(len(constants))],
                [result.numpy()[:count] for result in tf.nest.flatten(returned)],
                result_names,
            )
        )
    return exported


def _source(function, inputs):
    """Returns the StableHLO of a function, and the constants that it takes as arguments."""
    import tensorflow as tf

    constants = function.get_concrete_function(*inputs).captured_inputs
    if any(constant.dtype == tf.resource for constant in constants):
        raise ValueError("the lift must capture constants alone. Received: a variable")
    text = stablehlo(function, inputs)
    arrays = [constant.numpy() for constant in constants]
    taken = taken_constants(text, [tensor.numpy() for tensor in inputs], arrays)
    return text, [arrays[index] for index in taken]


def taken_constants(text: str, given, constants) -> list[int]:
    """Finds the constants that a program takes as arguments.

    The compiler writes constants whose values it must know into the program. If several
    choices of constants have the arguments' shapes, the one holds whose other constants are
    in the text.

    Args:
        text: StableHLO.
        given: Arrays that must be its first arguments.
        constants: Arrays that may be arguments after these, in this order.

    Returns:
        Indices of the constants that are arguments.

    Raises:
        ValueError: If the arguments are others, or are ambiguous.
    """
    shapes = roofline.argument_shapes(text)
    expected = [list(array.shape) for array in given]
    shapes_of_constants = [list(array.shape) for array in constants]
    fitting = []
    if shapes[: len(given)] == expected:
        fitting = list(_subsequences(shapes_of_constants, shapes[len(given) :]))
    if len(fitting) > 1:
        fitting = [
            taken
            for taken in fitting
            if all(
                constants[index].tobytes().hex().upper() in text
                for index in range(len(constants))
                if index not in taken
            )
        ]
    if len(fitting) != 1:
        raise ValueError(
            f"the program must take {expected} and then constants of {shapes_of_constants}. "
            f"Received: {shapes}"
        )
    return fitting[0]


def _subsequences(known, wanted, start=0):
    """Yields the indices of `known`, in order, at which it has the entries of `wanted`."""
    if not wanted:
        yield []
        return
    # As many must be left as are wanted.
    for index in range(start, len(known) - len(wanted) + 1):
        if known[index] == wanted[0]:
            for rest in _subsequences(known, wanted[1:], index + 1):
                yield [index, *rest]


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
