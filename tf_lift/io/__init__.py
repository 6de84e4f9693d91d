"""Files and packages: atomic writing, npz, optional packages, lazy imports.

All modules are internal to `tf_lift`, and import nothing else of it.
"""
