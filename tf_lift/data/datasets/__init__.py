"""Datasets: many files of any format as poses of one skeleton, in one file.

Public module: `conversion` (`convert` and its results). The other modules are internal to
`tf_lift`.
"""

from tf_lift.io import lazy

__all__ = ["conversion"]

__getattr__, __dir__ = lazy.attach(__name__, modules=__all__)
