"""Training runs: settings, callbacks, and the run itself."""

from tf_lift.training.config import TrainConfig, run_folder, settings
from tf_lift.training.train import train_and_evaluate

__all__ = ["TrainConfig", "run_folder", "settings", "train_and_evaluate"]
