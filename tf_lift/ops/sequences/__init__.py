"""Pure functions of one person's frames: linear-Gaussian smoothing, noise, bone lengths."""
