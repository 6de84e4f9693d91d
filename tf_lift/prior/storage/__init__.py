"""Stores priors in files and as text, and the state of unfinished learning. Internal."""
