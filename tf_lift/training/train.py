"""Runs a training: renders people, trains a network, measures, draws and exports it. Internal."""

import dataclasses
import importlib.metadata
import json
import logging
import math
import pathlib
import platform
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

import tf_lift
from tf_lift.evaluation import baselines, report
from tf_lift.evaluation.evaluate import StagePoses, evaluate_stages
from tf_lift.export.comparison import max_abs_difference
from tf_lift.export.saved_model import export_saved_model
from tf_lift.io import atomic
from tf_lift.models.lifting_cpm import build_lifting_cpm, compile_lifting_cpm, describe
from tf_lift.models.presets import get_preset
from tf_lift.prior.pose_prior import PosePrior
from tf_lift.training import callbacks, people
from tf_lift.training.checkpoints import RunCheckpoint
from tf_lift.training.config import TrainConfig
from tf_lift.training.optimizers import make_optimizer

__all__ = ["train_and_evaluate"]

_logger = logging.getLogger(__name__)

# Part of the time limit that is kept for everything after training: a multiple of the seconds
# that the first measurement of the test people took (with tracing), plus a constant for figures,
# export and reloading.
_RESERVE_FACTOR = 1.5
_RESERVE_SECONDS = 25.0


def train_and_evaluate(
    config: TrainConfig,
    workdir,
    resume: bool = False,
    verbose: int = 0,
    say: Callable[[str], None] = _logger.info,
) -> dict:
    """Trains a lifting network on synthetic people and measures what it learnt.

    Writes to `workdir`: `config.json` (settings, versions), `checkpoints/`,
    `best.weights.h5` (lowest validation error), `model.keras` (those weights),
    `history.json`, `curve.png`, `people.png` and `summary.json`. Writes an export to
    `config.export_folder`.

    An interrupt (Ctrl-C) saves a checkpoint first; a killed run leaves the one of its last
    epoch. `resume` continues from it.

    Args:
        config: Settings of the run.
        workdir: Folder of the run; it must not hold another run's checkpoints.
        resume: Whether to continue from the checkpoint in `workdir`.
        verbose: Progress of Keras and of rendering: 0 for none, 1 for bars.
        say: Function that takes each line of progress.

    Returns:
        The summary: `stages`, a list of dicts of `stage`, `landmark_error_px`, `mpjpe_mm`,
        `pa_mpjpe_mm` and `n_mpjpe_mm` on the test people; `baselines`, the same of
        `mean_pose` and `untrained_network`; `references`, the same of the lifted
        `true_landmarks`; `fusion_weights`, `steps`, `seconds`, `seconds_of` each part,
        `export` and `export_max_abs_difference`, and so on.

    Raises:
        ValueError: If `workdir` holds another run, there is no run to resume, or a file that
            the config names cannot be used.
    """
    run = _Run(config, pathlib.Path(workdir), resume, verbose, say)
    return run.train_and_evaluate()


class _Run:
    """Holds the clock and the folder that the parts of `train_and_evaluate` share."""

    def __init__(self, config, workdir, resume, verbose, say):
        self.config, self.workdir, self.resume = config, workdir, resume
        self.verbose, self.say = verbose, say
        self.start = time.perf_counter()
        self.seconds_of = {}

    def train_and_evaluate(self):
        config = self.config
        self._check_workdir()
        tf.keras.utils.set_random_seed(config.seed)
        # Check all input before the first image is rendered.
        prior = PosePrior.load(config.prior)
        size = get_preset(config.preset)
        split = people.split_poses(config, prior, config.image_size or size.image_size)
        model = self._build(prior, split)
        self.workdir.mkdir(parents=True, exist_ok=True)
        self._write_json("config.json", {"config": config.to_dict(), "versions": _versions()})

        with self._timed("render"):
            sets = self._render(split)
        with self._timed("baselines"):
            poses = StagePoses(model)
            errors_of = {
                "mean_pose": baselines.mean_pose(prior, sets["train"], sets["test"]),
                "untrained_network": _last(evaluate_stages(poses, sets["test"])),
            }
            references = {
                "true_landmarks": baselines.true_landmarks(model.get_layer("lift"), sets["test"])
            }
        checkpoint = RunCheckpoint(model, self.workdir / "checkpoints")
        if self.resume:
            checkpoint.restore()
        with self._timed("train"):
            history = self._fit(model, poses, sets, checkpoint, size.target_stddev_px)
        with self._timed("evaluate"):
            stages = evaluate_stages(poses, sets["test"])
        with self._timed("save"):
            model.save(self.workdir / "model.keras")
            self._draw(poses, sets["test"], history, prior.skeleton)
        summary = {
            "stages": stages,
            "baselines": errors_of,
            "references": references,
            "fusion_weights": _fusion_weights(model),
            "steps": int(checkpoint.step),
            "best_validation_error_px": float(checkpoint.best_error),
            "num_parameters": model.count_params(),
            "num_train_people": len(sets["train"]["image"]),
            "num_test_people": len(sets["test"]["image"]),
        }
        if config.export:
            with self._timed("export"):
                summary |= self._export(poses, sets["test"]["image"], prior.skeleton)
        summary |= {
            "seconds": time.perf_counter() - self.start,
            "seconds_of": self.seconds_of,
            "seed": config.seed,
            "versions": _versions(),
        }
        self._write_json("summary.json", summary)
        return summary

    def _check_workdir(self):
        checkpoints = self.workdir / "checkpoints" / "checkpoint"
        if self.resume and not checkpoints.exists():
            raise ValueError(
                f"`resume` must name a run with a checkpoint. Received: {str(self.workdir)!r}"
            )
        if not self.resume and checkpoints.exists():
            raise ValueError(
                "`workdir` must not hold another run: resume it, or take another name. "
                f"Received: {str(self.workdir)!r}"
            )

    def _build(self, prior, split):
        config = self.config
        policy = tf.keras.mixed_precision.global_policy()
        if config.mixed_precision:
            tf.keras.mixed_precision.set_global_policy("mixed_float16")
        try:
            model = build_lifting_cpm(
                config.preset, prior, config.lift_gradient, image_size=split.image_size
            )
        finally:
            tf.keras.mixed_precision.set_global_policy(policy)
        optimizer = make_optimizer(config)
        if config.mixed_precision:
            optimizer = tf.keras.mixed_precision.LossScaleOptimizer(optimizer)
        compile_lifting_cpm(model, optimizer, config.loss_weights)
        return model

    def _render(self, split):
        config = self.config
        counts = {
            # A short run sees no more people than these.
            "train": min(config.num_train_people, config.steps * config.batch_size),
            "validation": config.num_validation_people,
            "test": config.num_test_people,
        }
        self.say(f"Rendering {sum(counts.values())} synthetic people, {split.image_size} px")
        return {
            name: split.render(name, count, progress=self.verbose > 0 and name == "train")
            for name, count in counts.items()
        }

    def _fit(self, model, poses, sets, checkpoint, target_stddev_px):
        config = self.config
        step = int(checkpoint.step)
        best = self.workdir / "best.weights.h5"
        history_path = self.workdir / "history.json"
        history = []
        if self.resume and history_path.exists():
            saved = json.loads(history_path.read_text(encoding="utf-8"))
            history = [epoch for epoch in saved if epoch["step"] <= step]

        def measure(model):
            return _last(evaluate_stages(poses, sets["validation"]))

        def record(epoch, logs):
            logs = {key: float(value) for key, value in (logs or {}).items()}
            history.append({"step": int(checkpoint.step), **logs})
            self._write_json("history.json", history)

        data = people.training_dataset(
            sets["train"], config, describe(model), target_stddev_px, first_step=step
        )
        steps_per_epoch = min(config.steps_per_epoch, config.steps)
        self.say(
            f"Training {model.name}, {model.count_params():,} parameters, {config.steps} steps"
        )
        try:
            if step < config.steps:
                model.fit(
                    data,
                    steps_per_epoch=steps_per_epoch,
                    # The last epoch may be shorter: `Progress` ends it.
                    epochs=math.ceil((config.steps - step) / steps_per_epoch),
                    verbose=self.verbose,
                    shuffle=False,
                    callbacks=[
                        callbacks.Progress(config, checkpoint, self._training_limit()),
                        callbacks.Validation(measure, "landmark_error_px", checkpoint, best),
                        tf.keras.callbacks.LambdaCallback(on_epoch_end=record),
                        callbacks.Checkpoints(checkpoint),
                    ],
                )
        except KeyboardInterrupt:
            checkpoint.save()
            self.say(f"Interrupted at step {int(checkpoint.step)}; resume continues from there")
            raise
        if best.exists():
            model.load_weights(best)
        return history

    def _training_limit(self):
        if self.config.max_minutes is None:
            return None
        used = time.perf_counter() - self.start
        reserve = _RESERVE_FACTOR * self.seconds_of["baselines"] + _RESERVE_SECONDS
        return max(60.0 * self.config.max_minutes - used - reserve, 1.0)

    def _draw(self, poses, test, history, skeleton):
        report.draw_curve(history, self.workdir / "curve.png")
        if self.config.num_figures:
            predicted = poses(test["image"])[poses.network.stages[-1]]
            path = self.workdir / "people.png"
            report.draw_people(test, predicted, skeleton, self.config.num_figures, path)

    def _export(self, poses, images, skeleton):
        path = export_saved_model(
            poses.model, self.config.export_folder, self.config.export_name, skeleton
        )
        # A batch of another size than in training.
        difference = max_abs_difference(path, poses, images[:3])
        self.say(f"Exported {path}; it differs from the Keras model by {difference:.2g}")
        return {"export": str(path), "export_max_abs_difference": difference}

    def _timed(self, name):
        return _Timed(self.seconds_of, name)

    def _write_json(self, name, content):
        atomic.write_text(self.workdir / name, json.dumps(content, indent=1))


@dataclasses.dataclass
class _Timed:
    seconds_of: dict
    name: str

    def __enter__(self):
        self.start = time.perf_counter()

    def __exit__(self, *error):
        self.seconds_of[self.name] = round(time.perf_counter() - self.start, 2)


def _last(stages):
    return {key: value for key, value in stages[-1].items() if key != "stage"}


def _fusion_weights(model):
    fusions = [layer for layer in model.layers if layer.name.endswith("_fusion")]
    return {
        layer.name.removesuffix("_fusion"): float(tf.convert_to_tensor(layer.weight))
        for layer in fusions
    }


def _versions():
    # `keras` or `tf_keras`, depending on the stack.
    keras = tf.keras.Model.__module__.split(".")[0]
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": f"{keras} {importlib.metadata.version(keras)}",
        "numpy": np.__version__,
        "tf_lift": tf_lift.__version__,
    }
