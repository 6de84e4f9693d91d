"""The tf.data pipeline: examples, augmentation and target belief maps."""
