"""Builds the optimizer of a `TrainConfig` and computes its learning rates. Internal."""

import math

import tensorflow as tf

from tf_lift.training.config import TrainConfig

__all__ = ["learning_rate", "make_optimizer"]


def make_optimizer(config: TrainConfig) -> tf.keras.optimizers.Optimizer:
    """Builds the optimizer of a run; `callbacks.Progress` then sets its learning rate.

    Biases, normalisation and fusion weights have no weight decay, which would pull the fusion
    towards the lift alone.

    >>> make_optimizer(TrainConfig(optimizer="sgd")).momentum
    0.9
    """
    common = {
        "learning_rate": config.learning_rate,
        "weight_decay": config.weight_decay or None,
        "global_clipnorm": config.clip_norm,
    }
    if config.optimizer == "sgd":
        optimizer = tf.keras.optimizers.SGD(momentum=config.momentum, **common)
    elif config.optimizer == "adam":
        # Adam has no weight decay here: "adamw" is the optimizer with decay.
        optimizer = tf.keras.optimizers.Adam(**{**common, "weight_decay": None})
    else:
        # Keras' AdamW does not accept None for "no decay".
        optimizer = tf.keras.optimizers.AdamW(**{**common, "weight_decay": config.weight_decay})
    if config.optimizer != "adam" and config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "weight"])
    return optimizer


def learning_rate(config: TrainConfig, progress: float) -> float:
    """Computes the learning rate at a point of the run.

    Args:
        config: Settings of the run.
        progress: Fraction of the run that is done, 0 to 1.

    Returns:
        The rate, which rises over `config.warmup` and then follows `config.schedule`.

    >>> config = TrainConfig(learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate(config, progress), 3) for progress in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < config.warmup:
        return config.learning_rate * progress / config.warmup
    progress = (progress - config.warmup) / (1.0 - config.warmup)
    if config.schedule == "cosine":
        factor = (1.0 + math.cos(math.pi * progress)) / 2.0
    elif config.schedule == "steps":
        # The factor of the paper's and of CPM's training (x0.333).
        factor = 0.333 ** min(int(3.0 * progress), 2)
    else:
        factor = 1.0
    return config.learning_rate * factor
