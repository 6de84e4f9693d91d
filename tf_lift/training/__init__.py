"""Training of networks: a run's settings, and the run itself.

`train_and_evaluate` runs a `TrainConfig`; `settings` and `run_folder` serve the command line.
The modules below are internal, but for `prior_tuning.tune`, which tunes a prior.
"""

from tf_lift.training.config import TrainConfig, run_folder, settings
from tf_lift.training.train import train_and_evaluate

__all__ = ["TrainConfig", "run_folder", "settings", "train_and_evaluate"]
