"""The tf.data pipeline: examples, augmentation and target belief maps.

Public: `examples.dataset`, `examples.normalise`, `augmentation.Augmentation` and the functions
of `targets`. The functions of `augmentation` are internal to `tf_lift`.
"""
