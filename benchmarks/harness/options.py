"""Command lines of the benchmarks: a parser with one-line errors, and readers of values."""

import argparse
import math

__all__ = ["Parser", "choices", "positive", "positive_int"]


class Parser(argparse.ArgumentParser):
    """An argument parser that raises errors, for which argparse prints its usage and exits."""

    def error(self, message):
        """Raises an error of the command line.

        Raises:
            ValueError: Always.
        """
        raise ValueError(f"{message} (--help lists the options)")


def positive_int(text: str) -> int:
    """Reads a positive integer.

    >>> positive_int("12")
    12
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text}")
    return number


def positive(text: str) -> float:
    """Reads a positive finite number.

    >>> positive("0.5")
    0.5
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number. Received: {text}")
    return number


def choices(*known: str):
    """Returns a reader of names separated by commas.

    >>> choices("speed", "growth")("growth,speed")
    ('speed', 'growth')
    """

    def read(text):
        names = text.split(",")
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise argparse.ArgumentTypeError(
                f"must be among {', '.join(known)}, separated by commas. Received: {text}"
            )
        return tuple(name for name in known if name in names)

    return read
