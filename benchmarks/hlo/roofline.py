"""Lower bound of a compiled program's time on a device, from its StableHLO text."""

import dataclasses
import math
import re

__all__ = ["Cost", "argument_shapes", "bound", "cost"]

_TENSOR = re.compile(r"tensor<((?:\d+x)*)(complex<)?[a-z]+(\d+)>")
_OPERATION = re.compile(r"= \"?(?:stablehlo|chlo)\.(\w+)")
# Operations that count once for each number of the result.
_ELEMENTWISE = frozenset(
    "abs add and atan2 ceil clamp compare cosine divide erf exponential exponential_minus_one "
    "floor is_finite log log_plus_one logistic maximum minimum multiply negate not or power "
    "remainder round_nearest_afz round_nearest_even rsqrt select sign sine sqrt subtract tan "
    "tanh xor".split()
)


@dataclasses.dataclass(frozen=True)
class Cost:
    """Work that a program must do.

    Attributes:
        num_bytes: Bytes of its arguments, constants and results, each read or written once.
        operations: Products and sums, elementwise operations and reductions.
        product_operations: Operations of its matrix products alone.
        num_loops: Loops, whose bodies count once: how often they run depends on the data.
    """

    num_bytes: int
    operations: int
    product_operations: int
    num_loops: int


def cost(text: str) -> Cost:
    r"""Counts the work that a program must do.

    Args:
        text: StableHLO; its entry is the function `main`.

    Raises:
        ValueError: If there is no such function.

    >>> cost("func.func @main(%a: tensor<2x3xf32>) -> tensor<2xf32> {\n"
    ...      "%0 = stablehlo.dot %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>\n}")
    Cost(num_bytes=32, operations=12, product_operations=12, num_loops=0)
    """
    num_bytes = operations = products = loops = 0
    has_main = False
    for line in text.splitlines():
        if "@main(" in line and "func.func" in line:
            has_main = True
            num_bytes += sum(size * width for _, size, width in _tensors(line))
        found = _OPERATION.search(line)
        if not found:
            continue
        name = found[1]
        if name == "constant":
            # A constant of one repeated number takes no memory.
            if 'dense<"' in line or "dense<[" in line:
                num_bytes += sum(size * width for _, size, width in _tensors(line)[-1:])
        elif name in ("dot_general", "dot"):
            products += _product(line, name)
        elif name == "reduce":
            operations += _tensors(line)[0][1]
        elif name in _ELEMENTWISE:
            operations += _tensors(line)[-1][1]
        loops += name == "while"
    if not has_main:
        raise ValueError("the program must have a function `main`")
    return Cost(num_bytes, operations + products, products, loops)


def argument_shapes(text: str) -> list[list[int]]:
    """Returns the shape of each argument of the function `main`.

    >>> argument_shapes("func.func @main(%a: tensor<2x3xf32>, %b: tensor<i32>) -> tensor<f32> {")
    [[2, 3], []]
    """
    for line in text.splitlines():
        if "@main(" in line and "func.func" in line:
            return [shape for shape, *_ in _tensors(line.partition("->")[0])]
    raise ValueError("the program must have a function `main`")


def bound(cost: Cost, bandwidth: float, rate: float) -> dict:
    """Returns the larger of bytes over bandwidth and operations over rate.

    Args:
        cost: Of the program.
        bandwidth: Bytes per second.
        rate: Operations per second.

    Returns:
        Dict of `seconds` and `limited_by`, "bandwidth" or "rate".

    >>> bound(Cost(100, 30, 30, 0), bandwidth=50.0, rate=10.0)
    {'seconds': 3.0, 'limited_by': 'rate'}
    """
    moving, computing = cost.num_bytes / bandwidth, cost.operations / rate
    return {
        "seconds": max(moving, computing),
        "limited_by": "bandwidth" if moving > computing else "rate",
    }


def _tensors(line):
    """Returns dimensions, size and bytes per number of each tensor type of a line."""
    found = []
    for shape, is_complex, bits in _TENSOR.findall(line):
        dimensions = [int(number) for number in shape.split("x")[:-1]]
        width = max(1, int(bits) // 8) * (2 if is_complex else 1)
        found.append((dimensions, math.prod(dimensions), width))
    return found


def _product(line, name):
    left, _, result = _tensors(line)[-3:]
    if name == "dot":
        contracted = left[0][-1:]
    else:
        axes = re.search(r"contracting_dims = \[([\d, ]*)\]", line)
        numbers = re.findall(r"\d+", axes[1]) if axes else []
        contracted = [left[0][int(axis)] for axis in numbers]
    return 2 * result[1] * math.prod(contracted)
