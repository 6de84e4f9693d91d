"""Compiled programs of the lift for machines without TensorFlow."""
