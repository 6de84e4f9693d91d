"""Synthetic people: bodies with clothes, drawn with exact 2D and 3D truth.

Public: `people.SyntheticPeople`, `pool.render_pool` and `views.CropCamera`. The other modules
are internal to `tf_lift`. None of them imports TensorFlow.
"""
