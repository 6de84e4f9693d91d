"""Training of networks, and tuning of priors.

Public names:

- `TrainConfig`, `train_and_evaluate`: the settings of a training run, and the run itself;
- `TuningConfig`, `tune`: the settings of tuning a prior, and the tuning itself;
- `settings`, `run_folder`: the settings and the folder of a run from the command line.

All modules below are internal.
"""

from tf_lift.training.config import TrainConfig, run_folder, settings
from tf_lift.training.prior_tuning import TuningConfig, tune
from tf_lift.training.train import train_and_evaluate

__all__ = [
    "TrainConfig",
    "TuningConfig",
    "run_folder",
    "settings",
    "train_and_evaluate",
    "tune",
]
