"""The tf.data pipeline: examples, augmentation and target belief maps.

Public modules: `examples` (`dataset`, `normalise`), `augmentation` (`Augmentation`) and
`targets` (`belief_map_targets`, `centre_maps`).
"""

from tf_lift.io import lazy

__all__ = ["augmentation", "examples", "targets"]

__getattr__, __dir__ = lazy.attach(__name__, modules=__all__)
