"""Trains a lifting network: `python train_keras.py`, the same as `tf-lift train`.

The default run takes at most five minutes on two cores. `--help` tells the options; the
work is in `tf_lift.training`.
"""

import sys

import tf_lift_command


def main(argv=None) -> int:
    """Runs `tf-lift train`.

    Args:
        argv: List of options; those of the command line where `None`.

    Returns:
        The exit code: 0, or 2 after a message for bad input.
    """
    return tf_lift_command.main(["train", *(sys.argv[1:] if argv is None else argv)])


if __name__ == "__main__":
    sys.exit(main())
