"""Synthetic people: bodies with clothes, drawn with exact 2D and 3D truth."""
