"""The lift: landmarks to the 3D pose of a mixture of PPCA models, with its gradient."""
