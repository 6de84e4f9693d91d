"""Measures a network in a file on people that its run has not seen. Internal."""

import json
import pathlib

from tf_lift.evaluation import baselines
from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages
from tf_lift.io import atomic
from tf_lift.models.loading import load_lifting_cpm
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.training.config import settings
from tf_lift.training.people import split_poses

__all__ = ["evaluate_file"]


def evaluate_file(path, changes: dict, output=None) -> dict:
    """Measures the errors of each stage and of the baselines.

    Args:
        path: `.keras` file, or the folder of a run, whose settings are then used.
        changes: Settings of `TrainConfig` that differ.
        output: JSON file for the result, or `None`.

    Returns:
        Dict of `stages`, `baselines` (`mean_pose`) and `references` (`true_landmarks`), as
        `train_and_evaluate` returns them, and `num_test_people`.

    Raises:
        ValueError: If a file or a setting is wrong.
        FileNotFoundError: If there is no such file.
    """
    run_settings = pathlib.Path(path) / "config.json"
    config = settings(run_settings if run_settings.is_file() else None, changes)
    poses = StagePoses(load_lifting_cpm(path))
    prior = PosePrior.load(config.prior)
    split = split_poses(config, prior, poses.network.image_size)
    test = split.render("test", config.num_test_people)
    # Enough for the mean place and size of people; the images are not used.
    train = split.render("train", min(256, config.num_train_people))
    summary = {
        "stages": evaluate_stages(poses, test),
        "baselines": {"mean_pose": baselines.mean_pose(prior, train, test)},
        "references": {
            "true_landmarks": baselines.true_landmarks(poses.model.get_layer("lift"), test)
        },
        "num_test_people": config.num_test_people,
    }
    if output is not None:
        atomic.write_text(output, json.dumps(summary, indent=1))
    return summary
