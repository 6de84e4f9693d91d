"""Synthetic people: bodies with clothes, drawn with exact 2D and 3D truth.

Public modules: `people` (`SyntheticPeople`), `pool` (`render_pool`) and `views` (`CropCamera`).
The other modules are internal to `tf_lift`. None of them imports TensorFlow.
"""

from tf_lift.io import lazy

__all__ = ["people", "pool", "views"]

__getattr__, __dir__ = lazy.attach(__name__, modules=__all__)
