"""Pure functions of tensors: all mathematics and every custom gradient; no Keras, no state.

Public: `ops.belief_maps`, `ops.errors` and `ops.geometry`, each with the names in its `__all__`
(`ops.belief_maps.to_landmarks`, `ops.errors.mpjpe`, `ops.geometry.pinhole.project`). The rest is
internal and may change without notice; the public entry to `ops.lift` is `tf_lift.lift`.
"""

from tf_lift.ops import belief_maps, errors, geometry

__all__ = ["belief_maps", "errors", "geometry"]
