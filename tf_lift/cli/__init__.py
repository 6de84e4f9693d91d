"""The command line: `tf-lift COMMAND`, each command a thin call into the library.

The commands import what they need when they run: `tf-lift --help` answers before TensorFlow
is loaded.
"""

from tf_lift.cli import (
    convert_mocap,
    demo,
    detector,
    evaluate,
    fit_prior,
    lift,
    network,
    predict,
    show,
    synthetic_people,
)
from tf_lift.cli.application import app, main

__all__ = [
    "app",
    "convert_mocap",
    "demo",
    "detector",
    "evaluate",
    "fit_prior",
    "lift",
    "main",
    "network",
    "predict",
    "show",
    "synthetic_people",
]
