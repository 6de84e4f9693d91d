"""Compares two results of one benchmark: the ratio of every number in both."""

import argparse
import math

from benchmarks.harness import records

__all__ = ["main", "ratios"]


def main(arguments: list[str]) -> None:
    """Prints the ratios of two JSON files."""
    parser = argparse.ArgumentParser("python -m benchmarks compare", description=__doc__)
    parser.add_argument("old", help="JSON of a benchmark")
    parser.add_argument("new", help="JSON of the same benchmark, later or elsewhere")
    parser.add_argument(
        "--beyond",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="print only changes by more than this share, such as 0.05",
    )
    options = parser.parse_args(arguments)
    old, new = records.read(options.old), records.read(options.new)
    if old.get("benchmark") != new.get("benchmark"):
        raise ValueError(
            "the files must be results of the same benchmark. "
            f"Received: {old.get('benchmark')!r} and {new.get('benchmark')!r}"
        )
    for part in ("machine", "versions"):
        before, after = old.get(part, {}), new.get(part, {})
        for key in [*before, *(key for key in after if key not in before)]:
            if before.get(key) != after.get(key):
                print(f"{part} {key}: {before.get(key)} -> {after.get(key)}")
    rows = ratios(old["results"], new["results"])
    if not rows:
        raise ValueError("the files must have numbers in common. Received: none")
    shown = [row for row in rows if not abs(row[3] - 1.0) <= options.beyond or not options.beyond]
    width = max((len(name) for name, *_ in shown), default=0)
    print(f"{'':{width}}  {'old':>12}  {'new':>12}  new / old")
    for name, before, after, ratio in shown:
        print(f"{name:{width}}  {before:12.6g}  {after:12.6g}  {ratio:9.3f}")
    print(f"{len(shown)} of {len(rows)} shared numbers shown")


def ratios(old, new) -> list[tuple[str, float, float, float]]:
    """Returns the numbers that two nested results have in common.

    Args:
        old: Nested dicts and lists.
        new: The same.

    Returns:
        Name, old value, new value and new / old of each common number, in the order of
        `old`. The ratio is 1 if both are 0, and infinite if only the old value is.

    >>> ratios({"a": {"b": 2, "c": "text"}, "d": [5.0]}, {"a": {"b": 3.0}, "e": 1})
    [('a.b', 2.0, 3.0, 1.5)]
    """
    before, after = dict(_numbers(old)), dict(_numbers(new))
    return [
        (name, before[name], after[name], _ratio(before[name], after[name]))
        for name in before
        if name in after
    ]


def _ratio(old, new):
    if old:
        return new / old
    return math.copysign(math.inf, new) if new else 1.0


def _numbers(node, name=""):
    if isinstance(node, dict | list):
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            yield from _numbers(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield name, float(node)
